"""People with second factors, on a plane of a test."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.plane import BROWSER, TestPlane, registered, signed_in

from keyturn.accounts import totp
from keyturn.accounts.errors import AuthError
from keyturn.flows import factors, user
from keyturn.flows.factors import Attempt, Enrolled, Enrolment
from keyturn.flows.plane import Caller, Granted


@dataclass
class Person:
    """A signed-in user."""

    plane: TestPlane
    granted: Granted
    caller: Caller
    email: str

    @classmethod
    async def of(cls, plane: TestPlane, granted: Granted, email: str) -> Person:
        """The person whom ``granted`` speaks for."""
        caller = await user.authenticate(plane, f"Bearer {granted.access_token}")
        return cls(plane, granted, caller, email)

    async def again(self) -> Person:
        """The same person and token, as the database knows them now."""
        return await self.of(self.plane, self.granted, self.email)


async def a_person(plane: TestPlane, email: str = "ada@example.com") -> Person:
    """A new user with a session."""
    return await Person.of(plane, await registered(plane, email), email)


async def person_signed_in(plane: TestPlane, email: str) -> Person:
    """The user with another session."""
    return await Person.of(plane, await signed_in(plane, email), email)


async def enrolled(person: Person, name: str = "app") -> Enrolled:
    """A TOTP factor, not verified yet."""
    request = Enrolment("totp", name)
    return await factors.enroll(person.plane, person.caller, request, BROWSER)


async def lifted(person: Person, made: Enrolled | None = None) -> Granted:
    """The person's session after verifying ``made``, or a factor enrolled for it."""
    made = made or await enrolled(person)
    person = await person.again()
    challenge = await factors.challenge(person.plane, person.caller, made.id, BROWSER)
    return await answer(person, made.id, challenge.id, code_of(person.plane, made.secret))


async def answer(person: Person, factor_id: str, challenge_id: str, code: str) -> Granted:
    """Verify a challenge with ``code``."""
    attempt = Attempt(challenge_id, code)
    return await factors.verify(person.plane, person.caller, factor_id, attempt, BROWSER)


def code_of(plane: TestPlane, secret: str) -> str:
    """What the authenticator app shows now."""
    return totp.code_at(secret, plane.clock())


def aal_of(granted: Granted) -> str:
    """The assurance level that the access token claims."""

    payload = granted.access_token.split(".")[1]
    claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["aal"])


async def refused(work: Awaitable[object]) -> tuple[int, str, str]:
    """Status, code and sentence of the refusal that ``work`` ends in."""
    with pytest.raises(AuthError) as raised:
        await work
    return raised.value.status, raised.value.error_code, raised.value.message

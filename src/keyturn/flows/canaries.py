"""Asks verifiers whether they accept each key that can sign: with a token, before a user has one.

A canary speaks for nobody (role ``anon``, an account that does not exist), lives half a minute,
goes to the services of this deployment only, and is written down before it leaves. A service that
also accepts a forgery proves nothing, so each is shown one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from keyturn.errors import Unreachable
from keyturn.flows.keys_start import Entropy
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.flows.ports.ring import RingStore
from keyturn.flows.ports.token_log import TokenLog
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate
from keyturn.keyring.change import Intent
from keyturn.keyring.ring import KeyRing, RingKey

_LIFE: Final = timedelta(seconds=30)
_PATHS: Final[Mapping[str, str]] = {"auth": "/user", "rest": "/keyturn_canary"}
"""Where each service looks at a token before all else; what comes after it does not matter."""


@dataclass(frozen=True)
class Verifiers:
    """Who is asked: service → its own address, without the gateway; ``issuer`` of its tokens."""

    urls: Mapping[str, str]
    issuer: str
    audience: str
    http: HttpClient
    log: TokenLog
    entropy: Entropy


@dataclass(frozen=True)
class Answer:
    """What one service said to a canary; ``kid`` None: to the forgery.

    ``accepted`` is None when it did not answer; ``words`` say what it did.
    """

    service: str
    kid: str | None
    accepted: bool | None
    words: str


@dataclass(frozen=True)
class Testimony:
    """What all services said, and when they were asked."""

    at: datetime
    answers: Sequence[Answer]

    def accepts(self, kid: str) -> bool:
        """Whether every service accepted ``kid`` and refused the forgery."""
        about = [one for one in self.answers if one.kid in (kid, None)]
        return bool(about) and all(one.accepted is (one.kid == kid) for one in about)


async def ask_verifiers(store: RingStore, verifiers: Verifiers, intent: Intent) -> Testimony:
    """Show every service a canary of each key that can sign, and a forgery.

    Raises ``RingNotInitialised``, and ``Unreachable`` for the database only.
    """
    ring = await store.load()
    claims = _claims(verifiers, intent.now)
    shown: list[tuple[str | None, str]] = []
    for key, signer in _signers(ring):
        await verifiers.log.record_mint(_logged(intent, verifiers), key, ring.version)
        shown.append((key.kid, encode(claims, signer)))
    shown.append((None, encode(claims, await _stranger(ring))))
    asked = [
        _ask(verifiers, service, kid, token)
        for service in _PATHS
        if service in verifiers.urls
        for kid, token in shown
    ]
    return Testimony(intent.now, await asyncio.gather(*asked))


def _signers(ring: KeyRing) -> Iterator[tuple[RingKey, SigningKey]]:
    for key in (ring.in_use, *ring.standby):
        if key.signer is not None:
            yield key, key.signer


async def _stranger(ring: KeyRing) -> SigningKey:
    """Return a key that nobody trusts, under the name of the one in use."""
    used = ring.in_use
    kid = None if used.legacy else used.kid
    return await asyncio.to_thread(generate, used.alg, kid=kid)


def _claims(verifiers: Verifiers, now: datetime) -> dict[str, object]:
    return {
        "iss": verifiers.issuer,
        "aud": verifiers.audience,
        "sub": str(UUID(bytes=verifiers.entropy(16), version=4)),
        "role": "anon",
        "iat": int(now.timestamp()),
        "exp": int((now + _LIFE).timestamp()),
    }


def _logged(intent: Intent, verifiers: Verifiers) -> Intent:
    names = " and ".join(service for service in _PATHS if service in verifiers.urls)
    what = f"a canary for {names}, for half a minute"
    return Intent(intent.now, intent.actor, f"{intent.reason}; {what}" if intent.reason else what)


async def _ask(verifiers: Verifiers, service: str, kid: str | None, token: str) -> Answer:
    url = verifiers.urls[service].rstrip("/") + _PATHS[service]
    try:
        answer = await verifiers.http.send(
            "GET", url, headers={"authorization": f"Bearer {token}", "accept": "application/json"}
        )
    except Unreachable as problem:
        return Answer(service, kid, None, problem.message)
    code = _code(answer)
    return Answer(service, kid, _accepted(service, answer, code), f"{answer.status} {code}".strip())


def _accepted(service: str, answer: HttpAnswer, code: str) -> bool | None:
    """Judge an answer: a token that is not accepted has its own status, or its own code."""
    if answer.status >= 500:
        return None
    if service == "auth":
        return answer.status != 401 and code not in ("bad_jwt", "no_authorization")
    return answer.status != 401


def _code(answer: HttpAnswer) -> str:
    """Return the code of an error, as GoTrue and PostgREST write it; nothing else of the body."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return ""
    found = body.get("error_code") or body.get("code") if isinstance(body, dict) else None
    return found[:40] if isinstance(found, str) and found.isprintable() else ""

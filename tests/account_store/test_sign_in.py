"""Signing in with a password on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import bcrypt
import pytest
from tests.support.plane import (
    BROWSER,
    OPEN,
    PASSWORD,
    HasDatabase,
    TestPlane,
    open_plane,
    registered,
    signed_in,
)

from keyturn.accounts.errors import AuthError, WeakPassword
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.flows import sign_in, sign_up
from keyturn.flows.sign_in import PasswordGrant
from keyturn.flows.sign_up import SignUp


async def refused(plane: TestPlane, request: SignUp | PasswordGrant) -> AuthError:
    entering = (
        sign_up.sign_up(plane, request, BROWSER)
        if isinstance(request, SignUp)
        else sign_in.password(plane, request, BROWSER)
    )
    with pytest.raises(AuthError) as raised:
        await entering
    return raised.value


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (PasswordGrant("ada@example.com", "", "wrong password"), "Invalid login credentials"),
        (PasswordGrant("nobody@example.com", "", PASSWORD), "Invalid login credentials"),
        (PasswordGrant("ada@example.com", "", ""), "Invalid login credentials"),
        (PasswordGrant("ada@example.com", "", PASSWORD + "x" * 80), "Invalid login credentials"),
        (PasswordGrant("ada@example.com", "", PASSWORD + "\0"), "Invalid login credentials"),
        (PasswordGrant("ada@example.com", "", "\ud800"), "Invalid login credentials"),
        (PasswordGrant("\0", "", PASSWORD), "Invalid login credentials"),
        (PasswordGrant("' or 1=1 --", "", PASSWORD), "Invalid login credentials"),
        (PasswordGrant("x" * 1_000_000, "", PASSWORD), "Invalid login credentials"),
        (PasswordGrant("ada@example.com", "", PASSWORD, "elsewhere"), "Invalid login credentials"),
        (PasswordGrant("", "", PASSWORD), "missing email or phone"),
    ],
)
async def test_sign_ins_that_are_refused(
    database: HasDatabase, given: PasswordGrant, words: str
) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    error = await refused(plane, given)
    assert (error.status, error.message) == (400, words)
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 1


@pytest.mark.parametrize(
    ("settings", "given", "code"),
    [
        (replace(OPEN, external_email_enabled=False), "ada@example.com", "email_provider_disabled"),
        (OPEN, "", "phone_provider_disabled"),
    ],
)
async def test_switched_off_ways_to_sign_in(
    database: HasDatabase, settings: Any, given: str, code: str
) -> None:
    plane = await open_plane(database, settings)
    error = await refused(plane, PasswordGrant(given, "" if given else "49151", PASSWORD))
    assert (error.status, error.error_code) == (422, code)


async def test_only_who_knows_the_password_learns_of_a_ban(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    await plane.pool.fetchval(
        "update auth.users set banned_until = $1 returning id", plane.clock.now + timedelta(hours=1)
    )
    right = await refused(plane, PasswordGrant("ada@example.com", "", PASSWORD))
    wrong = await refused(plane, PasswordGrant("ada@example.com", "", "wrong"))
    assert (right.error_code, wrong.error_code) == ("user_banned", "invalid_credentials")
    plane.clock.forward(hours=2)
    await signed_in(plane, "ada@example.com")


async def test_unconfirmed_addresses_do_not_sign_in_unless_allowed(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    await plane.pool.execute("update auth.users set email_confirmed_at = null")
    error = await refused(plane, PasswordGrant("ada@example.com", "", PASSWORD))
    assert (error.status, error.error_code) == (400, "email_not_confirmed")
    plane.settings = replace(OPEN, allow_unverified_email_sign_ins=True)
    await signed_in(plane, "ada@example.com")


async def test_a_password_below_todays_policy_still_signs_in_with_a_notice(
    database: HasDatabase,
) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    assert (await signed_in(plane, "ada@example.com")).weak_password is None
    plane.settings = replace(OPEN, password_min_length=20)
    weak = (await signed_in(plane, "ada@example.com")).weak_password
    assert isinstance(weak, WeakPassword)
    assert weak.reasons == ("length",)


async def test_a_sign_in_takes_two_round_trips_and_updates_the_account(
    database: HasDatabase,
) -> None:
    plane = await open_plane(database)
    first = await registered(plane, "ada@example.com")
    plane.clock.forward(days=1)
    plane.pool.trips = 0
    second = await signed_in(plane, "Ada@Example.com")
    assert plane.pool.trips == 2
    assert second.user.last_sign_in_at == plane.clock.now
    assert second.session_id != first.session_id
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 2


async def test_unknown_users_cost_one_comparison_like_the_others(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    await plane.pool.fetchval(
        "update auth.users set encrypted_password = 'garbage' where false returning id"
    )
    compared: list[str | None] = []
    real = plane.hasher

    class Watching(ThreadedHasher):
        async def verify(self, password: str, stored: str | None) -> bool:
            compared.append(stored)
            return await real.verify(password, stored)

    plane.hasher = Watching(cost=5, threads=1)
    for address in ("ada@example.com", "nobody@example.com", "\0"):
        plane.pool.trips = 0
        await refused(plane, PasswordGrant(address, "", "wrong"))
    assert len(compared) == 3
    assert compared[1:] == [None, None]


async def test_a_password_changed_during_the_comparison_does_not_sign_in(
    database: HasDatabase,
) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    real = plane.hasher

    class Slow(ThreadedHasher):
        async def verify(self, password: str, stored: str | None) -> bool:
            fits = await real.verify(password, stored)
            await plane.pool.fetchval(
                "update auth.users set encrypted_password = 'changed' where id = $1 returning id",
                granted.user.id,
            )
            return fits

    plane.hasher = Slow(cost=5, threads=1)
    error = await refused(plane, PasswordGrant("ada@example.com", "", PASSWORD))
    assert error.error_code == "invalid_credentials"
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 1


@pytest.mark.parametrize(
    "stored",
    [
        # htpasswd, Go's golang.org/x/crypto/bcrypt and PHP write the same algorithm differently.
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode(),
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2b")).decode(),
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
    ],
    ids=["2a", "2b", "2y"],
)
async def test_hashes_of_others_sign_in_and_cheap_ones_are_replaced(
    database: HasDatabase, stored: str
) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    await plane.pool.fetchval("update auth.users set encrypted_password = $1 returning id", stored)
    plane.pool.trips = 0
    await signed_in(plane, "ada@example.com")
    assert plane.pool.trips == 2
    kept = await plane.pool.fetchval("select encrypted_password from auth.users")
    assert kept.startswith("$2a$05$")
    await signed_in(plane, "ada@example.com")


@pytest.mark.parametrize("stored", [None, "", "plain text", "$2a$10$short"])
async def test_accounts_without_a_usable_hash_do_not_sign_in(
    database: HasDatabase, stored: str | None
) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    await plane.pool.fetchval("update auth.users set encrypted_password = $1 returning id", stored)
    for password in (PASSWORD, "", "plain text"):
        error = await refused(plane, PasswordGrant("ada@example.com", "", password))
        assert error.error_code == "invalid_credentials"


async def test_secrets_do_not_show_in_representations(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    shown = (
        repr(granted) + repr(SignUp("a@b.co", "", PASSWORD)) + repr(PasswordGrant("a", "", "pw"))
    )
    for secret in (PASSWORD, granted.refresh_token, granted.access_token, "'pw'"):
        assert secret not in shown

"""Signing up on a real database: answers, rows, refusals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.plane import (
    BROWSER,
    OPEN,
    PASSWORD,
    HasDatabase,
    TestPlane,
    open_plane,
    registered,
)

from keyturn.accounts.errors import AuthError, DatabaseRefused
from keyturn.accounts.user import user_json
from keyturn.flows import sign_in, sign_up
from keyturn.flows.plane import Granted
from keyturn.flows.sign_in import PasswordGrant
from keyturn.flows.sign_up import SignUp
from keyturn.jose import jwt
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

NASTY = {
    "name": "Robert'); drop table auth.users; --",
    "unicode": "Zoë 🔑 \u202e\u0301",
    "percent": "%s %(x)s $1 {0}",
    "quote": '"\\',
    "nested": {"a": [1, 2.5, None, True, {"b": "ß"}]},
    "full_name": 'Robert "Bob" O\'Neil',
}


async def refused(plane: TestPlane, request: SignUp | PasswordGrant) -> AuthError:
    entering = (
        sign_up.sign_up(plane, request, BROWSER)
        if isinstance(request, SignUp)
        else sign_in.password(plane, request, BROWSER)
    )
    with pytest.raises(AuthError) as raised:
        await entering
    return raised.value


async def test_a_new_user_gets_gotrues_claims_signed_by_the_ring(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    header, claims = jwt.peek(granted.access_token)
    assert list(header) == ["alg", "kid", "typ"]
    now = int(plane.clock.now.timestamp())
    expected = {
        "iss": "http://localhost:9999",
        "sub": granted.user.id,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "email": "ada@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {
            "sub": granted.user.id,
            "email": "ada@example.com",
            "email_verified": True,
            "phone_verified": False,
        },
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": granted.session_id,
        "is_anonymous": False,
    }
    assert claims == expected
    assert list(claims) == list(expected)
    assert (granted.expires_in, granted.expires_at) == (3600, now + 3600)
    policy = Policy(algorithms=frozenset({"ES256"}), issuer=None, audience=None)
    assert verify(granted.access_token, plane.ring.current().key_set(), policy, now=plane.clock.now)


async def test_the_user_on_the_wire_is_gotrues(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    shown = msgspec.json.decode(msgspec.json.encode(user_json(granted.user)))
    now = "2026-11-23T12:00:00.123456Z"
    assert list(shown) == [
        "id", "aud", "role", "email", "email_confirmed_at", "phone", "confirmed_at",
        "last_sign_in_at", "app_metadata", "user_metadata", "identities", "created_at",
        "updated_at", "is_anonymous",
    ]  # fmt: skip
    assert shown["email_confirmed_at"] == shown["created_at"] == now
    assert shown["phone"] == ""
    (identity,) = shown["identities"]
    assert list(identity) == [
        "identity_id", "id", "user_id", "identity_data", "provider", "last_sign_in_at",
        "created_at", "updated_at", "email",
    ]  # fmt: skip
    assert identity["id"] == identity["user_id"] == granted.user.id
    assert UUID(identity["identity_id"]) != UUID(granted.user.id)
    assert identity["identity_data"] == {
        "sub": granted.user.id,
        "email": "ada@example.com",
        "email_verified": False,
        "phone_verified": False,
    }


async def test_rows_are_fit_for_gotrue(database: HasDatabase) -> None:
    """GoTrue cannot scan NULL into these columns, and finds rows by instance_id."""
    plane = await open_plane(database)
    await registered(plane)
    row = dict(await plane.pool.fetchrow("select * from auth.users"))
    for name in (
        "confirmation_token", "recovery_token", "email_change_token_new", "email_change",
        "email_change_token_current", "phone_change", "phone_change_token",
        "reauthentication_token",
    ):  # fmt: skip
        assert row[name] == "", name
    assert row["instance_id"] == UUID(int=0)
    assert row["phone"] is None
    assert row["encrypted_password"].startswith("$2a$")
    session = dict(await plane.pool.fetchrow("select * from auth.sessions"))
    assert (session["aal"], session["refreshed_at"], session["not_after"]) == ("aal1", None, None)


async def test_metadata_survives_whatever_it_holds(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "bobby@example.com", **NASTY)
    claims = jwt.peek(granted.access_token).claims
    metadata: Any = claims["user_metadata"]
    assert {name: metadata[name] for name in NASTY} == NASTY
    assert await plane.pool.fetchval("select count(*) from auth.users") == 1
    payload = await plane.pool.fetchval(
        "select payload ->> 'actor_name' from auth.audit_log_entries limit 1"
    )
    assert payload == NASTY["full_name"]


async def test_a_client_cannot_claim_a_verified_address_by_metadata(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(
        plane, "eve@example.com", email="ada@example.com", sub="x", email_verified="yes"
    )
    metadata: Any = jwt.peek(granted.access_token).claims["user_metadata"]
    assert (metadata["email"], metadata["sub"]) == ("eve@example.com", granted.user.id)


CLOSED = replace(OPEN, disable_signup=True)


NO_MAIL = replace(OPEN, mailer_autoconfirm=False)


PHONES = replace(OPEN, external_phone_enabled=True, sms_autoconfirm=True)


@pytest.mark.parametrize(
    ("settings", "request_", "status", "code", "words"),
    [
        (CLOSED, SignUp("a@b.co", "", PASSWORD), 422, "signup_disabled", "Signups not allowed"),
        (CLOSED, SignUp(), 422, "signup_disabled", "Signups not allowed"),
        (
            replace(OPEN, anonymous_users_enabled=False),
            SignUp(),
            422,
            "anonymous_provider_disabled",
            "Anonymous sign-ins are disabled",
        ),
        (
            replace(OPEN, external_email_enabled=False),
            SignUp("a@b.co", "", PASSWORD),
            400,
            "email_provider_disabled",
            "Email signups are disabled",
        ),
        (OPEN, SignUp("", "4915", PASSWORD), 400, "phone_provider_disabled", "are disabled"),
        (OPEN, SignUp("a@b.co"), 400, "validation_failed", "requires a valid password"),
        (OPEN, SignUp("a@b.co", "49", PASSWORD), 400, "validation_failed", "Only an email"),
        (OPEN, SignUp("a b@c", "", PASSWORD), 400, "validation_failed", "invalid format"),
        (PHONES, SignUp("", "x", PASSWORD), 400, "validation_failed", "E.164"),
        (PHONES, SignUp("", "49", PASSWORD, None, "c"), 400, "validation_failed", "PKCE"),
        (OPEN, SignUp("a@b.co", "", "x" * 73), 400, "validation_failed", "72 characters"),
        (OPEN, SignUp("a@b.co", "", "pass\0word"), 400, "validation_failed", "cannot be stored"),
        (OPEN, SignUp("a@b.co", "", PASSWORD, {"a": "\0"}), 400, "validation_failed", "stored"),
        (OPEN, SignUp("a@b.co", "", "short"), 422, "weak_password", "at least 6 characters"),
        (
            NO_MAIL,
            SignUp("a@b.co", "", PASSWORD),
            400,
            "email_provider_disabled",
            "this server has no",
        ),
        (
            replace(PHONES, sms_autoconfirm=False),
            SignUp("", "4915", PASSWORD),
            400,
            "phone_provider_disabled",
            "this server has no",
        ),
    ],
)
async def test_sign_ups_that_are_refused(
    database: HasDatabase, settings: Any, request_: SignUp, status: int, code: str, words: str
) -> None:
    plane = await open_plane(database, settings)
    error = await refused(plane, request_)
    assert (error.status, error.error_code) == (status, code)
    assert words in error.message
    assert await plane.pool.fetchval("select count(*) from auth.users") == 0


async def test_an_address_is_registered_once(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await registered(plane, "ada@example.com")
    error = await refused(plane, SignUp("ADA@example.com", "", PASSWORD))
    assert (error.status, error.error_code) == (422, "user_already_exists")
    plane.settings = NO_MAIL  # without mail, known and unknown addresses get the same answer
    answers = [
        (await refused(plane, SignUp(address, "", PASSWORD))).message
        for address in ("ada@example.com", "new@example.com")
    ]
    assert answers[0] == answers[1]


async def test_two_simultaneous_sign_ups_make_one_account(database: HasDatabase) -> None:
    plane = await open_plane(database)
    results = await asyncio.gather(
        *(registered(plane, "race@example.com") for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(result, Granted) for result in results) == 1
    refusals = [result for result in results if isinstance(result, AuthError)]
    assert {refusal.error_code for refusal in refusals} == {"user_already_exists"}
    assert len(refusals) == 5


async def test_an_account_prepared_by_an_administrator_cannot_be_taken(
    database: HasDatabase,
) -> None:
    plane = await open_plane(database)
    await registered(plane, "boss@example.com")
    await plane.pool.execute("update auth.users set email_confirmed_at = null")
    error = await refused(plane, SignUp("boss@example.com", "", "an attacker's"))
    assert error.error_code == "user_already_exists"


async def test_phone_sign_up_and_sign_in(database: HasDatabase) -> None:
    plane = await open_plane(database, PHONES)
    granted = await sign_up.sign_up(plane, SignUp("", "+49 151 234", PASSWORD), BROWSER)
    assert (granted.user.phone, granted.user.email) == ("49151234", "")
    assert granted.user.phone_confirmed_at == plane.clock.now
    claims = jwt.peek(granted.access_token).claims
    assert claims["app_metadata"] == {"provider": "phone", "providers": ["phone"]}
    again = await sign_in.password(plane, PasswordGrant("", "+49151234", PASSWORD), BROWSER)
    assert again.user.id == granted.user.id
    error = await refused(plane, SignUp("", "49151234", PASSWORD))
    assert error.error_code == "user_already_exists"


async def test_anonymous_users_have_no_identity(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await sign_up.sign_up(plane, SignUp(data={"theme": "dark"}), BROWSER)
    claims = jwt.peek(granted.access_token).claims
    assert claims["is_anonymous"] is True
    assert claims["app_metadata"] == {}
    assert claims["user_metadata"] == {"theme": "dark"}
    assert claims["amr"] == [{"method": "anonymous", "timestamp": claims["iat"]}]
    assert msgspec.json.decode(msgspec.json.encode(user_json(granted.user)))["identities"] == []


async def test_a_trigger_of_the_operator_that_objects_is_reported(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await plane.pool.execute(
        "create function auth.only_friends() returns trigger language plpgsql as $$ begin "
        "raise exception 'friends only' using hint = 'ask ada', errcode = 'P0001'; end $$;"
        "create trigger t before insert on auth.users for each row "
        "execute function auth.only_friends()"
    )
    error = await refused(plane, SignUp("a@b.co", "", PASSWORD))
    assert (error.status, error.message) == (500, "Database error saving new user")
    assert isinstance(error, DatabaseRefused)
    assert (error.sqlstate, error.raised, error.pg_hint) == ("P0001", "friends only", "ask ada")
    assert await plane.pool.fetchval("select count(*) from auth.identities") == 0


async def test_triggers_see_an_insert_and_a_confirmation(database: HasDatabase) -> None:
    """Profiles are made by such triggers everywhere; the update is how GoTrue confirms."""
    plane = await open_plane(database)
    await plane.pool.execute(
        "create table auth.seen (what text);"
        "create function auth.saw() returns trigger language plpgsql as $$ begin "
        "insert into auth.seen values (tg_op || ' ' || (new.email_confirmed_at is not null)::text);"
        "return new; end $$;"
        "create trigger t after insert or update of email_confirmed_at on auth.users "
        "for each row execute function auth.saw()"
    )
    await registered(plane)
    seen = await plane.pool.fetch("select what from auth.seen")
    assert [row["what"] for row in seen] == ["INSERT false", "UPDATE true"]

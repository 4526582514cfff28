"""What follows from second factors: columns, hooks, the audit log, and sessions left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from tests.support.factors import (
    Person,
    a_person,
    aal_of,
    answer,
    code_of,
    enrolled,
    lifted,
    person_signed_in,
    refused,
)
from tests.support.plane import BROWSER, OPEN, HasDatabase, open_plane
from tests.support.refreshing import refused as refresh_refused
from tests.support.refreshing import sessions

from keyturn.accounts.hooks import FunctionHook, HookSettings
from keyturn.adapters.column_cipher import Columns
from keyturn.flows import factors
from keyturn.flows.factors import Attempt
from keyturn.secret import Secret

UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


class HasSuperuser(HasDatabase, Protocol):
    @property
    def dsn(self) -> Secret: ...


async def test_secrets_encrypted_in_their_column(database: HasDatabase) -> None:
    plane = await open_plane(database)
    entropy = plane.entropy
    key, newer = (Secret(b"k" * 42 + b"s"), Secret(b"m" * 42 + b"s"))
    plane.columns = Columns({"one": key}, "one", entropy)
    person = await a_person(plane)
    made = await enrolled(person)
    stored = await plane.pool.fetchval("select secret from auth.mfa_factors")
    assert '"alg":"aes-gcm-hkdf"' in stored
    assert made.secret not in stored
    assert plane.columns.open(UNKNOWN, stored) is None  # bound to its row
    plane.columns = Columns({"one": key, "two": newer}, "two", entropy)
    assert aal_of(await lifted(person, made)) == "aal2"
    stored = await plane.pool.fetchval("select secret from auth.mfa_factors")
    assert '"key_id":"two"' in stored  # sealed anew with the newer key
    low = await person_signed_in(plane, person.email)
    plane.columns = Columns({}, None, entropy)
    challenge = await factors.challenge(plane, low.caller, made.id, BROWSER)
    attempt = Attempt(challenge.id, code_of(plane, made.secret))
    status, code, _ = await refused(factors.verify(plane, low.caller, made.id, attempt, BROWSER))
    assert (status, code) == (500, "unexpected_failure")


async def test_the_hook_hears_of_attempts_and_may_reject(database: HasSuperuser) -> None:
    pool = await database.pool(database.dsn, size=1)
    await pool.execute("create table public.heard (valid boolean)")
    await pool.execute("grant all on public.heard to supabase_auth_admin")
    await pool.execute(
        "create function public.judge(event jsonb) returns jsonb language sql as $$ "
        "insert into public.heard values ((event->>'valid')::boolean); select case "
        'when (select count(*) from public.heard) < 3 then \'{"decision": "continue"}\' '
        'else \'{"decision": "reject", "message": "too often"}\' end::jsonb $$'
    )
    hooks = HookSettings(mfa_verification_attempt=FunctionHook("public", "judge"))
    plane = await open_plane(database, replace(OPEN, hooks=hooks))
    person = await a_person(plane)
    made = await enrolled(person)
    person = await person.again()
    challenge = (await factors.challenge(plane, person.caller, made.id, BROWSER)).id
    good = code_of(plane, made.secret)
    wrong = "000000" if good != "000000" else "000001"
    for _ in range(2):
        assert (await refused(answer(person, made.id, challenge, wrong)))[1] == (
            "mfa_verification_failed"
        )
    assert await refused(answer(person, made.id, challenge, good)) == (
        403,
        "mfa_verification_rejected",
        "too often",
    )
    heard = await pool.fetch("select valid from public.heard")
    assert [row["valid"] for row in heard] == [False, False, True]
    assert await sessions(plane) == 0


async def test_the_audit_log_tells_the_story(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    granted = await lifted(person, made)
    high = await Person.of(plane, granted, person.email)
    await factors.unenroll(plane, high.caller, made.id, BROWSER)
    rows = await plane.pool.fetch(
        "select payload->>'action' as action, payload->>'log_type' as kind, "
        "payload->'traits'->>'factor_id' as factor from auth.audit_log_entries"
    )
    told = {(row["action"], row["kind"]) for row in rows if row["factor"] == made.id}
    assert told == {
        ("factor_in_progress", "factor"),
        ("challenge_created", "factor"),
        ("verification_attempted", "factor"),
        ("factor_unenrolled", "factor"),
    }
    assert "token_revoked" in {row["action"] for row in rows}


async def test_low_aal_sessions_end_at_refresh(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, sessions_low_aal=timedelta(minutes=10)))
    person = await a_person(plane)
    await lifted(person)
    low = await person_signed_in(plane, person.email)
    assert low.granted.expires_in == 600
    plane.clock.forward(minutes=11)
    error = await refresh_refused(plane, low.granted.refresh_token)
    assert error.message.endswith("(Low AAL: User Needs MFA Verification)")

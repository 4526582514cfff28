"""Unlinking identities: which may go, and what the account is called afterwards."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from tests.support.factors import Person, a_person, refused
from tests.support.plane import BROWSER, OPEN, HasDatabase, TestPlane, open_plane

from keyturn.flows import identities

LINKING = replace(OPEN, manual_linking=True)
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


async def linked(plane: TestPlane, person: Person, provider: str, email: str | None = None) -> str:
    """Give the person an identity as a sign-in at ``provider`` would have."""
    plane.clock.forward(seconds=1)
    data = {"sub": f"{provider}-1", **({"email": email} if email else {})}
    return str(
        await plane.pool.fetchval(
            "insert into auth.identities (provider_id, user_id, identity_data, provider, "
            "created_at, updated_at) values ($1, $2, $3, $4, $5, $5) returning id",
            f"{provider}-1",
            person.caller.user.id,
            json.dumps(data),
            provider,
            plane.clock(),
        )
    )


async def identity_of(plane: TestPlane, person: Person, provider: str) -> str:
    sql = "select id::text from auth.identities where user_id = $1 and provider = $2"
    return str(await plane.pool.fetchval(sql, person.caller.user.id, provider))


async def user_row(plane: TestPlane, person: Person) -> Any:
    return await plane.pool.fetchrow(
        "select email, email_confirmed_at, phone, raw_app_meta_data from auth.users where id = $1",
        person.caller.user.id,
    )


async def test_the_address_and_the_providers_follow(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person = await a_person(plane)
    await linked(plane, person, "github", "Other@Example.com")
    own = await identity_of(plane, person, "email")
    await identities.unlink(plane, person.caller, own, BROWSER)
    row = await user_row(plane, person)
    assert row["email"] == "other@example.com"
    assert row["email_confirmed_at"] is not None
    app = json.loads(row["raw_app_meta_data"])
    assert (app["provider"], app["providers"]) == ("github", ["github"])
    entry = await plane.pool.fetchval(
        "select payload from auth.audit_log_entries where payload->>'action' = 'identity_unlinked'"
    )
    assert json.loads(entry)["traits"]["provider"] == "email"


async def test_an_account_without_an_address_is_not_confirmed(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person = await a_person(plane)
    await linked(plane, person, "github")
    await identities.unlink(
        plane, person.caller, await identity_of(plane, person, "email"), BROWSER
    )
    row = await user_row(plane, person)
    assert (row["email"], row["email_confirmed_at"]) == (None, None)


async def test_a_phone_identity_takes_the_number_with_it(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person = await a_person(plane)
    await plane.pool.fetchval(
        "update auth.users set phone = '15550100', phone_confirmed_at = now()"
    )
    phone = await linked(plane, person, "phone")
    await identities.unlink(plane, person.caller, phone, BROWSER)
    row = await user_row(plane, person)
    assert (row["email"], row["phone"]) == ("ada@example.com", None)


async def test_what_is_refused(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person = await a_person(plane)
    own = await identity_of(plane, person, "email")

    async def unlink_refused(identity: str, aud: str | None = None) -> tuple[int, str, str]:
        return await refused(identities.unlink(plane, person.caller, identity, BROWSER, aud))

    assert await unlink_refused(own) == (
        422,
        "single_identity_not_deletable",
        "User must have at least 1 identity after unlinking",
    )
    await linked(plane, person, "github", "bob@example.com")
    assert await unlink_refused("x") == (404, "validation_failed", "identity_id must be an UUID")
    assert await unlink_refused(UNKNOWN) == (422, "identity_not_found", "Identity doesn't exist")
    assert (await unlink_refused(own, "other"))[:2] == (403, "unexpected_audience")
    await a_person(plane, "bob@example.com")
    assert await unlink_refused(own) == (
        422,
        "email_conflict_identity_not_deletable",
        "Unable to unlink identity due to email conflict",
    )
    assert (await user_row(plane, person))["email"] == "ada@example.com"
    assert await identity_of(plane, person, "email") == own  # nothing was written
    plane.settings = OPEN
    assert await unlink_refused(own) == (
        404,
        "manual_linking_disabled",
        "Manual linking is disabled",
    )


async def test_somebody_elses_identity_does_not_exist(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person, other = await a_person(plane), await a_person(plane, "bob@example.com")
    await linked(plane, person, "github")
    theirs = await identity_of(plane, other, "email")
    unlinking = identities.unlink(plane, person.caller, theirs, BROWSER)
    assert (await refused(unlinking))[1] == "identity_not_found"


async def test_two_at_once_leave_one(database: HasDatabase) -> None:
    plane = await open_plane(database, LINKING)
    person = await a_person(plane)
    ids = [await linked(plane, person, "github"), await identity_of(plane, person, "email")]
    results = await asyncio.gather(
        *(identities.unlink(plane, person.caller, one, BROWSER) for one in ids),
        return_exceptions=True,
    )
    assert sorted(isinstance(result, Exception) for result in results) == [False, True]
    assert await plane.pool.fetchval("select count(*) from auth.identities") == 1

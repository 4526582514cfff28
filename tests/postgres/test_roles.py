"""The roles of a Supabase database: what each may do, seen from each."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

if TYPE_CHECKING:
    from tests.conftest import Database

    from keyturn.adapters.postgres.connection import Held
    from keyturn.adapters.postgres.pool import Pool

ALICE, BOB = str(uuid.uuid4()), str(uuid.uuid4())
NOTES = """
    create table public.notes (id bigserial primary key, owner uuid default auth.uid(), body text);
    alter table public.notes enable row level security;
    create policy own on public.notes to authenticated
        using (owner = auth.uid()) with check (owner = auth.uid());
    create function public.shout(text) returns text language sql as 'select upper($1)';
"""


@asynccontextmanager
async def acting(pool: Pool, role: str, **claims: Any) -> AsyncIterator[Held]:
    """A transaction as PostgREST makes one: role and claims for this transaction only."""
    async with pool.transaction() as connection:
        await connection.execute(f"set local role {role}")
        document = msgspec.json.encode({"role": role, **claims}).decode()
        await connection.execute("select set_config('request.jwt.claims', $1, true)", document)
        yield connection


async def test_row_level_security_between_two_users(database: Database) -> None:
    admin = await database.pool(database.dsn)
    await admin.execute(NOTES)
    api = await database.pool(database.authenticator_dsn)
    for user, body in ((ALICE, "of alice"), (BOB, "of bob")):
        async with acting(api, "authenticated", sub=user) as connection:
            await connection.execute("insert into notes (body) values ($1)", body)
    async with acting(api, "authenticated", sub=ALICE) as connection:
        assert await connection.fetchval("select string_agg(body, ',') from notes") == "of alice"
        assert await connection.fetchval("select shout('x')") == "X"
    async with acting(api, "anon") as connection:
        assert await connection.fetchval("select count(*) from notes") == 0
    async with acting(api, "service_role") as connection:
        assert await connection.fetchval("select count(*) from notes") == 2


async def test_nobody_writes_for_somebody_else(database: Database) -> None:
    admin = await database.pool(database.dsn)
    await admin.execute(NOTES)
    api = await database.pool(database.authenticator_dsn)

    async def forge() -> None:
        async with acting(api, "authenticated", sub=ALICE) as connection:
            await connection.execute("insert into notes (owner) values ($1)", uuid.UUID(BOB))

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await forge()


async def test_who_is_asking(database: Database) -> None:
    api = await database.pool(database.authenticator_dsn)
    claims = {"sub": ALICE, "email": "a@example.com", "app_metadata": {"n": 1}}
    question = "select auth.uid()::text, auth.role(), auth.email(), auth.jwt()::text"
    async with acting(api, "authenticated", **claims) as connection:
        row = await connection.fetchrow(question)
        assert row is not None
        assert tuple(row)[:3] == (ALICE, "authenticated", "a@example.com")
        assert msgspec.json.decode(row[3]) == {"role": "authenticated", **claims}


@pytest.mark.parametrize("claims", [None, ""])
async def test_nobody_is_asking(database: Database, claims: str | None) -> None:
    """Unset, and empty as a finished transaction leaves it."""
    api = await database.pool(database.authenticator_dsn, size=1)
    async with api.transaction() as connection:
        await connection.execute("set local role anon")
        if claims is not None:
            await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
        row = await connection.fetchrow("select auth.uid(), auth.role(), auth.email(), auth.jwt()")
        assert row is not None
        assert tuple(row) == (None, None, None, None)


async def test_the_claims_of_an_old_postgrest_come_first(database: Database) -> None:
    api = await database.pool(database.authenticator_dsn)
    async with acting(api, "authenticated", sub=ALICE) as connection:
        await connection.execute("select set_config('request.jwt.claim.sub', $1, true)", BOB)
        assert str(await connection.fetchval("select auth.uid()")) == BOB


async def test_roles_and_claims_end_with_the_transaction(database: Database) -> None:
    api = await database.pool(database.authenticator_dsn, size=1)
    async with acting(api, "service_role", sub=ALICE):
        pass
    row = await api.fetchrow(
        "select current_user::text, current_setting('request.jwt.claims', true)"
    )
    assert row is not None
    assert row[0] == "authenticator"
    assert not row[1]


@pytest.mark.parametrize("role", ["authenticator", "anon", "authenticated", "service_role"])
@pytest.mark.parametrize("table", ["auth.users", "auth.sessions", "keyturn.migrations"])
async def test_the_api_roles_read_neither_accounts_nor_keys(
    database: Database, role: str, table: str
) -> None:
    api = await database.pool(database.authenticator_dsn)

    async def read() -> None:
        async with api.transaction() as connection:
            await connection.execute(f"set local role {role}")
            await connection.fetchval(f"select count(*) from {table}")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await read()


async def test_authenticator_has_nothing_of_its_own(database: Database) -> None:
    admin = await database.pool(database.dsn)
    await admin.execute("create table public.plain (n int)")
    api = await database.pool(database.authenticator_dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await api.fetchval("select count(*) from public.plain")
    for role in ("postgres", "supabase_auth_admin", "supabase_admin"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute(f"set role {role}")


async def test_attributes(database: Database) -> None:
    admin = await database.pool(database.dsn)
    rows = await admin.fetch(
        "select rolname, rolsuper, rolinherit, rolcanlogin, rolbypassrls, rolcreaterole, rolconfig"
        " from pg_roles where rolname = any ($1)",
        ["anon", "authenticated", "service_role", "authenticator", "supabase_auth_admin"],
    )
    found = {row["rolname"]: row for row in rows}
    assert {name for name, row in found.items() if row["rolcanlogin"]} == {
        "authenticator",
        "supabase_auth_admin",
    }
    assert {name for name, row in found.items() if row["rolbypassrls"]} == {"service_role"}
    assert not any(row["rolsuper"] or row["rolcreaterole"] for row in rows)
    assert not found["authenticator"]["rolinherit"]
    assert "search_path=auth" in found["supabase_auth_admin"]["rolconfig"]
    assert "statement_timeout=3s" in found["anon"]["rolconfig"]
    assert "statement_timeout=8s" in found["authenticated"]["rolconfig"]

"""migrate(): on nothing, on Supabase, twice, by many at once, and refused with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from keyturn.adapters.postgres.errors import AuthSchemaTooOld, MigrationChanged, MigrationRefused
from keyturn.adapters.postgres.migrations import migrate, migrations
from keyturn.adapters.postgres.pool import Pool

if TYPE_CHECKING:
    from tests.conftest import Database

    from keyturn.adapters.postgres.cluster import EmbeddedPostgres

NAMES = [each.name for each in migrations()]
SHAPE = """
    select jsonb_agg(to_jsonb(shape) order by relname, attname)::text from (
        select c.relname, c.relacl::text, c.relrowsecurity, a.attname, a.atttypid::regtype::text
        from pg_class c left join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        where c.relnamespace = 'auth'::regnamespace
    ) shape
"""


async def emptied(database: Database) -> Pool:
    """A superuser's pool on ``database`` after all of Keyturn and GoTrue was removed from it."""
    pool = await database.pool(database.dsn, size=2)
    await pool.execute(
        "drop schema keyturn cascade; drop schema auth cascade;"
        "alter default privileges in schema public revoke all on tables from anon"
    )
    return pool


async def as_supabase(database: Database) -> Pool:
    """A superuser's pool on a database as Supabase delivers it: GoTrue's schema, none of ours."""
    pool = await database.pool(database.dsn, size=2)
    await pool.execute("drop schema keyturn cascade")
    await pool.execute("revoke create on database " + database.name + " from public")
    return pool


async def test_an_empty_database_gets_everything_once(database: Database) -> None:
    pool = await emptied(database)
    assert [name for name in NAMES if name != "0001_roles"] == await migrate(pool)
    assert await migrate(pool) == []
    recorded = await pool.fetch("select name, checksum from keyturn.migrations order by name")
    assert [row["name"] for row in recorded] == NAMES
    assert {len(row["checksum"]) for row in recorded} == {64}
    owners = await pool.fetch(
        "select distinct pg_get_userbyid(relowner) as owner from pg_class"
        " where relnamespace in ('auth'::regnamespace, 'keyturn'::regnamespace)"
    )
    assert [row["owner"] for row in owners] == ["supabase_auth_admin"]


async def test_many_at_once_one_does_the_work(database: Database) -> None:
    await emptied(database)
    pools = [await database.pool(database.dsn, size=1) for _ in range(5)]
    results = await asyncio.gather(*(migrate(pool) for pool in pools))
    assert sorted(map(len, results))[:4] == [0, 0, 0, 0]
    assert max(map(len, results)) == len(NAMES) - 1


async def test_a_changed_file_is_noticed(database: Database) -> None:
    pool = await database.pool()
    await pool.execute(
        "update keyturn.migrations set checksum = $1 where name = $2", "f" * 64, "0002_schemas"
    )
    with pytest.raises(MigrationChanged, match="0002_schemas"):
        await migrate(pool)


async def test_supabase_keeps_its_schema_and_gets_ours(database: Database) -> None:
    admin = await as_supabase(database)
    await admin.execute("grant create on database " + database.name + " to supabase_auth_admin")
    before = await admin.fetchval(SHAPE)
    ours = [name for name in NAMES if name == "0002_schemas" or name >= "0010"]
    assert await migrate(await database.pool()) == ours
    assert await admin.fetchval(SHAPE) == before
    assert await admin.fetchval("select count(*) from keyturn.migrations") == len(NAMES)


async def test_without_rights_it_says_what_an_administrator_must_do(database: Database) -> None:
    admin = await as_supabase(database)
    pool = await database.pool()
    with pytest.raises(MigrationRefused) as refused:
        await migrate(pool)
    assert "0002_schemas" in refused.value.message
    command = "create schema keyturn authorization supabase_auth_admin;"
    assert refused.value.hint is not None
    assert command in refused.value.hint
    assert await admin.fetchval("select to_regnamespace('keyturn') is null") is True
    await admin.execute(command)
    assert "0002_schemas" in await migrate(pool)


async def test_an_auth_schema_that_is_too_old_is_left_alone(database: Database) -> None:
    admin = await as_supabase(database)
    await admin.execute("alter table auth.sessions drop column tag")
    with pytest.raises(AuthSchemaTooOld, match=r"auth\.sessions\.tag"):
        await migrate(admin)
    assert await admin.fetchval("select to_regnamespace('keyturn') is null") is True


async def test_a_failing_migration_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await emptied(database)
    from keyturn.adapters.postgres import migrations as module

    broken = (*migrations(), module.Migration("9999_broken", "create table keyturn.x (n nope)"))
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(asyncpg.UndefinedObjectError) as failed:
        await migrate(pool)
    assert "in migration 9999_broken" in failed.value.__notes__
    assert await pool.fetchval("select to_regnamespace('auth') is null") is True


@asynccontextmanager
async def managed(own: EmbeddedPostgres) -> AsyncIterator[Pool]:
    """A managed server: the administrator owns a database but is no superuser; no roles yet."""
    await own.start()
    root = await Pool.open(own.dsn("postgres"), size=1)
    await root.execute("drop role supabase_auth_admin, authenticator")
    for statement in (
        "create role managed login createrole createdb bypassrls noinherit password 'pw'",
        "create database managed owner managed",
    ):
        await root.execute(statement)
    await root.close()
    dsn = type(own.dsn("postgres"))(
        f"postgresql://managed:pw@/managed?host={own.socket_dir}&port={own.port}"
    )
    pool = await Pool.open(dsn, size=1)
    try:
        yield pool
    finally:
        await pool.close()


async def test_a_managed_server_without_a_superuser(own: EmbeddedPostgres) -> None:
    async with managed(own) as pool:
        assert await migrate(pool) == NAMES
        assert await migrate(pool) == []
        owner = await pool.fetchval(
            "select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'auth'"
        )
        assert owner == "supabase_auth_admin"

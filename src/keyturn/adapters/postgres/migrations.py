"""Bringing a database up to this version of Keyturn: an empty one, or an existing Supabase.

Migrations are ``sql/migrations/NNNN_name.sql``, applied in order, all pending ones in one
transaction under one advisory lock, so that several processes may start at once and a failure
leaves nothing behind. ``keyturn.migrations`` records name and checksum.

A file may begin with directives:

``-- skip-if: <SQL expression>``  true before anything runs: this database came with it; record it
``-- as: session``                run as the connected role, not as ``supabase_auth_admin``
``-- needs: <text>``              what an administrator must do when the role's rights are too few

Everything else runs as ``supabase_auth_admin``, who then owns it. ``search_path`` is empty but for
``pg_catalog``: migrations name their schemas.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import asyncpg

from keyturn.adapters.postgres.connection import Held
from keyturn.adapters.postgres.errors import (
    AuthSchemaTooOld,
    MigrationChanged,
    MigrationRefused,
)
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load

PACKAGE = "keyturn.adapters.postgres"
OWNER = "supabase_auth_admin"
_ADVISORY_KEY = 0x6B657974_75726E00  # "keyturn"
# Migrations that cannot run before schema auth has a column: they stay pending until a GoTrue has
# brought it. What they are for is off until then (accounts/auth_schema.py).
_WAITS_FOR = {"0050_oauth_server": "sessions.scopes"}
_DIRECTIVE = re.compile(r"^-- (skip-if|as|needs): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    """One file; ``checksum`` is the SHA-256 of its text."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Lower-case hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def directive(self, name: str) -> str | None:
        """Return the value of a directive in the head of the file."""
        head = self.sql.split("\n\n", 1)[0]
        return next((value for key, value in _DIRECTIVE.findall(head) if key == name), None)


@cache
def migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version, in order."""
    folder = resources.files(PACKAGE).joinpath("sql", "migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(name.removesuffix(".sql"), folder.joinpath(name).read_text("utf-8"))
        for name in names
    )


async def migrate(database: Pool) -> list[str]:
    """Apply what is missing and return the names of the migrations that were run, in order.

    Connect as ``postgres`` for an empty database; on a Supabase database ``supabase_auth_admin``
    is enough when it may create schema ``keyturn`` or owns it. Raises :class:`MigrationChanged`,
    :class:`MigrationRefused` (saying what an administrator must run) and
    :class:`AuthSchemaTooOld`; in every case nothing was changed.
    """
    async with database.transaction() as held:
        await held.raw.execute(f"select pg_catalog.pg_advisory_xact_lock({_ADVISORY_KEY})")
        await held.raw.execute("set local search_path = pg_catalog")
        await _become_owner(held)
        applied = await _applied(held)
        if await _has_auth_schema(held):
            await _check_auth_schema(held)
        pending = [each for each in _pending(applied) if not await _has_to_wait(held, each)]
        missing = [each for each in pending if not await _is_there(held, each)]
        for each in missing:
            await _apply(held, each)
        await _become_owner(held)
        await held.raw.executemany(
            load(PACKAGE, "record_migration"), [(each.name, each.checksum) for each in pending]
        )
        return [each.name for each in missing]


async def _become_owner(held: Held) -> None:
    """Act as the owner of both schemas, where it exists and the connected role may."""
    if await held.raw.fetchval(load(PACKAGE, "may_become"), OWNER):
        await held.raw.execute(f"set local role {OWNER}")


async def _applied(held: Held) -> dict[str, str]:
    if await held.raw.fetchval("select to_regclass('keyturn.migrations') is null"):
        return {}
    rows = await held.raw.fetch(load(PACKAGE, "list_migrations"))
    return {row["name"]: row["checksum"] for row in rows}


def _pending(applied: dict[str, str]) -> list[Migration]:
    for each in migrations():
        if applied.get(each.name, each.checksum) != each.checksum:
            raise MigrationChanged(
                f"Migration {each.name} ran on this database with checksum "
                f"{applied[each.name][:12]}…, and its file now has {each.checksum[:12]}…."
            )
    return [each for each in migrations() if each.name not in applied]


async def _is_there(held: Held, migration: Migration) -> bool:
    condition = migration.directive("skip-if")
    return bool(condition) and bool(await held.raw.fetchval(f"select ({condition})"))


async def _has_auth_schema(held: Held) -> bool:
    return bool(await held.raw.fetchval("select to_regclass('auth.users') is not null"))


async def _has_to_wait(held: Held, migration: Migration) -> bool:
    """Tell whether an existing schema auth lacks what ``migration`` builds on."""
    needed = _WAITS_FOR.get(migration.name)
    if needed is None or not await _has_auth_schema(held):
        return False
    return bool(await held.raw.fetch(load(PACKAGE, "auth_absent"), [needed]))


async def _apply(held: Held, migration: Migration) -> None:
    try:
        role = "none" if migration.directive("as") == "session" else OWNER
        await held.raw.execute(f"set local role {role}")
        await held.raw.execute(migration.sql)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
        raise MigrationRefused(
            f"Migration {migration.name} may not run as the connected role: {error}.",
            hint=migration.directive("needs")
            or f"Connect as {OWNER}, or as the database's administrator.",
        ) from error
    except asyncpg.PostgresError as error:
        error.add_note(f"in migration {migration.name}")
        raise


async def _check_auth_schema(held: Held) -> None:
    missing = [row["missing"] for row in await held.raw.fetch(load(PACKAGE, "auth_lacks"))]
    if missing:
        raise AuthSchemaTooOld(
            f"Schema auth of this database is older than Keyturn needs: {', '.join(missing)} "
            "are not there.",
        )

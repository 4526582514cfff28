"""Looking at a database that GoTrue serves, in one read-only transaction of one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from keyturn.accounts.takeover import DatabaseFacts, Role, SealedColumn, Trigger
from keyturn.adapters.postgres.connection import Held, Record, connect, gone, unreachable
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.migrations import PACKAGE, migrations
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.columns import ColumnCipher
from keyturn.secret import Secret

_CONNECT_SECONDS: Final = 10.0
# Counting reads whole tables; nothing that serves people may wait for it.
_SESSION: Final = (
    "set local statement_timeout = '60s'; set local lock_timeout = '1s';"
    "set local idle_in_transaction_session_timeout = '90s'"
)
_REFUSED: Final[Mapping[type[Exception], str]] = {
    asyncpg.InvalidPasswordError: "the password is wrong, or there is no such role",
    asyncpg.InvalidAuthorizationSpecificationError: "pg_hba.conf does not let the role in",
    asyncpg.InvalidCatalogNameError: "there is no such database",
    asyncpg.ClientConfigurationError: "the database URL cannot be read",
    ValueError: "the database URL cannot be read",
}
_VERSION: Final = re.compile(r"\('(\d{2,14})'\)")


def known_versions() -> tuple[str, ...]:
    """Return the versions of GoTrue's migrations that a schema made by Keyturn records."""
    (made,) = (each for each in migrations() if each.name == "0006_auth_protection")
    return tuple(sorted(_VERSION.findall(made.sql)))


async def look(
    dsn: Secret, cipher: ColumnCipher, functions: Sequence[tuple[str, str]]
) -> DatabaseFacts:
    """Read the facts; ``functions`` are the (schema, name) of hooks.

    Writes nothing: the transaction is read-only and rolled back. Raises ``DatabaseUnreachable``.
    """
    try:
        held = await connect(
            dsn, application_name="keyturn takeover check", timeout=_CONNECT_SECONDS
        )
    except tuple(_REFUSED) as problem:
        why = next(words for kind, words in _REFUSED.items() if isinstance(problem, kind))
        raise DatabaseUnreachable(
            f"The database refuses the connection: {why}.",
            hint="Check user, password and database name in the database URL.",
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as problem:
        raise unreachable(problem) from None
    try:
        transaction = held.raw.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        await held.raw.execute(_SESSION)
        facts = await _Look(held, cipher).facts(functions)
        await transaction.rollback()
    except asyncpg.PostgresError as problem:
        raise unreachable(problem) from None
    finally:
        held.raw.terminate()
    return facts


class _Look:
    """The questions; one that fails becomes a gap, and the others are still asked."""

    def __init__(self, held: Held, cipher: ColumnCipher) -> None:
        self._held = held
        self._cipher = cipher
        self._gaps: list[str] = []

    async def facts(self, functions: Sequence[tuple[str, str]]) -> DatabaseFacts:
        (row,) = await self._ask("role")
        facts = dict(row)
        has_ring = facts.pop("has_ring")
        role = Role(
            facts.pop("role"),
            missing_roles=tuple(facts.pop("no_roles")),
            hidden=tuple(facts.pop("hidden")),
            **facts,
        )
        ring = await self._ask("ring") if has_ring else None
        if not role.has_auth:
            return DatabaseFacts(role, ring=_ring(ring), extensions=await self._extensions())
        return DatabaseFacts(
            role,
            versions=tuple(each["version"] for each in await self._ask("versions")),
            columns=_columns(await self._ask("columns")),
            absent=frozenset(
                each["missing"].removeprefix("auth.")
                for each in await self._held.fetch(load(PACKAGE, "auth_lacks"))
            ),
            triggers=tuple(_trigger(each) for each in await self._ask("triggers")),
            passwords=_numbers(await self._ask("passwords")),
            sealed=tuple(self._sealed(each) for each in await self._ask("encrypted")),
            sessions=await self._sessions(),
            factors=_numbers(await self._ask("factors")),
            identities=_numbers(await self._ask("identities")),
            extensions=await self._extensions(),
            functions=await self._functions(functions),
            ring=_ring(ring),
            gaps=tuple(self._gaps),
        )

    async def _ask(self, name: str, *arguments: Any) -> Sequence[Record]:
        try:
            async with self._held.raw.transaction():
                return await self._held.raw.fetch(load(PACKAGE, f"takeover/{name}"), *arguments)
        except asyncpg.PostgresError as problem:
            if gone(problem):
                raise
            self._gaps.append(f"The {name} could not be looked at: {_why(problem)}.")
            return ()

    async def _sessions(self) -> dict[str, int]:
        rows = await self._ask("sessions")
        return dict(rows[0]) if rows else {}

    async def _extensions(self) -> dict[str, str]:
        return {each["name"]: each["schema"] for each in await self._ask("extensions")}

    async def _functions(
        self, functions: Sequence[tuple[str, str]]
    ) -> dict[str, tuple[bool, bool]]:
        asked = [[pair[part] for pair in functions] for part in (0, 1)]
        rows = await self._ask("functions", *asked) if functions else ()
        return {
            f"{each['schema']}.{each['name']}": (each["found"], each["callable"]) for each in rows
        }

    def _sealed(self, row: Record) -> SealedColumn:
        """Try the keys on the sample, which goes no further."""
        opened = self._cipher.open(row["row_id"], row["value"])
        opens = opened is not None and opened != row["value"]
        return SealedColumn(row["place"], row["key_id"], row["found"], opens)


def _ring(rows: Sequence[Record] | None) -> tuple[tuple[str, str, str, bool], ...] | None:
    if rows is None:
        return None
    return tuple((row["kid"], row["alg"], row["state"], row["legacy"]) for row in rows)


def _columns(rows: Sequence[Record]) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for row in rows:
        found.setdefault(row["table_name"], {})[row["column_name"]] = row["must_be_given"]
    return found


def _trigger(row: Record) -> Trigger:
    return Trigger(row["table_name"], row["name"], row["function"], row["enabled"], row["callable"])


def _numbers(rows: Sequence[Record]) -> dict[str, int]:
    """Return rows of a word and a number as a mapping."""
    return {row[0]: row[1] for row in rows}


def _why(problem: asyncpg.PostgresError) -> str:
    """Say it without the server's text, which may quote what it found."""
    if isinstance(problem, asyncpg.InsufficientPrivilegeError):
        return "the role may not read it"
    if isinstance(problem, asyncpg.QueryCanceledError):
        return "it took longer than 60 seconds"
    return type(problem).__name__.removesuffix("Error")

"""The questions that doctor asks a database, one SQL file each, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from keyturn.adapters.postgres import queries
from keyturn.adapters.postgres.connection import Held, Record, connect, gone
from keyturn.doctor.database_keys import (
    READS_SECRET,
    SIGNS,
    dependant,
    dependants,
    public_part,
)
from keyturn.doctor.facts import DatabaseFacts, DatabaseSetting, Dependant, Unknown
from keyturn.doctor.one_line import one_line
from keyturn.secret import Secret

_PACKAGE: Final = "keyturn.adapters.postgres"
_MISSING: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedColumnError,
)
_LATE: Final = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
_BAD_ADDRESS: Final = (ValueError, asyncpg.ClientConfigurationError)


@dataclass(frozen=True)
class _Question:
    sql: str
    about: str
    """What is looked at, as the user would name it."""
    absent: str
    """The sentence when it is not there."""
    take: Callable[[_Found, Record], None]


@dataclass
class _Found:
    settings: list[DatabaseSetting] = field(default_factory=list)
    dependants: list[Dependant] = field(default_factory=list)
    tenants: dict[str, str | None] = field(default_factory=dict)
    extensions: dict[str, list[str]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def facts(self) -> DatabaseFacts:
        return DatabaseFacts(
            settings=tuple(self.settings),
            dependants=tuple(self.dependants),
            realtime_tenants=tuple(self.tenants),
            realtime_jwks=self.tenants,
            realtime_extensions={name: tuple(types) for name, types in self.extensions.items()},
            not_looked_at=tuple(self.gaps),
        )


async def read(dsn: Secret, connect_seconds: float) -> DatabaseFacts | Unknown:
    """Ask every question in one read-only transaction; ``Unknown`` when nobody answers."""
    try:
        held = await connect(dsn, application_name="keyturn doctor", timeout=connect_seconds)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        return Unknown(f"The database could not be reached: {_why(problem)}.")
    except _BAD_ADDRESS as problem:
        return Unknown(f"The database URL cannot be used: {type(problem).__name__}.")
    found = _Found()
    try:
        async with held.raw.transaction(isolation="repeatable_read", readonly=True):
            await held.raw.execute(queries.load(_PACKAGE, "doctor/session"))
            for question in _QUESTIONS:
                await _ask(held, question, found)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        return Unknown(f"The database broke off while it was looked at: {_why(problem)}.")
    finally:
        held.raw.terminate()
    return found.facts()


async def _ask(held: Held, question: _Question, found: _Found) -> None:
    try:
        async with held.raw.transaction():
            rows = await held.raw.fetch(queries.load(_PACKAGE, f"doctor/{question.sql}"))
    except asyncpg.PostgresError as problem:
        if gone(problem):
            raise
        gap = _gap(question, problem)
        if gap not in found.gaps:
            found.gaps.append(gap)
        return
    for row in rows:
        question.take(found, row)


def _gap(question: _Question, problem: asyncpg.PostgresError) -> str:
    """Return why something was not looked at; the server's text may quote what it found."""
    if isinstance(problem, asyncpg.InsufficientPrivilegeError):
        return f"no privilege on {question.about}"
    if isinstance(problem, _MISSING):
        return question.absent
    if isinstance(problem, _LATE):
        return f"{question.about} took too long to read"
    return f"{question.about} could not be read: {_why(problem)}"


def _why(problem: BaseException) -> str:
    if isinstance(
        problem, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError
    ):
        return "it refuses this user or password"
    if isinstance(problem, asyncpg.InvalidCatalogNameError):
        return "it has no database of that name"
    return getattr(problem, "strerror", None) or type(problem).__name__


def _setting(found: _Found, row: Record) -> None:
    value = Secret(row["value"])
    found.settings.append(DatabaseSetting(row["role"], row["database"], row["name"], value))


def _trigger(found: _Found, row: Record) -> None:
    arguments: Iterable[bytes] = bytes(row["arguments"]).split(b"\0")
    text = "\n".join(one.decode("utf-8", "replace") for one in arguments)
    found.dependants += dependants("webhook", row["name"], text)


def _holding(kind: str) -> Callable[[_Found, Record], None]:
    return lambda found, row: found.dependants.extend(dependants(kind, row["name"], row["text"]))


def _function(found: _Found, row: Record) -> None:
    found.dependants += dependants("function", row["name"], row["text"])
    for sees, credential in ((row["reads_secret"], READS_SECRET), (row["signs"], SIGNS)):
        if sees:
            found.dependants.append(dependant("function", row["name"], credential))


def _filtered(found: _Found, row: Record) -> None:
    if row["filtered"]:
        found.gaps.append("cron.job shows this role its own jobs only")


def _tenant(found: _Found, row: Record) -> None:
    found.tenants[one_line(row["tenant"])] = public_part(row["jwks"])


def _extension(found: _Found, row: Record) -> None:
    found.extensions.setdefault(one_line(row["tenant"]), []).append(one_line(row["type"]))


_NO_CRON: Final = "pg_cron is not installed"
_NO_REALTIME: Final = "Realtime has no tables here"
_QUESTIONS: Final = (
    _Question("settings", "the settings of roles and databases", "no settings", _setting),
    _Question("triggers", "the triggers", "no triggers", _trigger),
    _Question("functions", "the functions", "no functions", _function),
    _Question("cron", "cron.job", _NO_CRON, _holding("cron")),
    _Question("cron_filtered", "cron.job", _NO_CRON, _filtered),
    _Question("vault", "vault.decrypted_secrets", "Vault is not installed", _holding("vault")),
    _Question("tenants", "_realtime.tenants", _NO_REALTIME, _tenant),
    _Question("extensions", "_realtime.extensions", _NO_REALTIME, _extension),
)

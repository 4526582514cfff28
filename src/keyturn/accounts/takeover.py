"""What a database that GoTrue served holds, and what would differ under Keyturn: pure judgements.

Facts are read by an adapter in one read-only transaction; nothing secret is among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from keyturn.accounts.auth_schema import FEATURES, KNOWN, LATER

OLDEST_SERVER: Final = 150000
_CREATE_SCHEMA: Final = "create schema keyturn authorization supabase_auth_admin;"


class Level(StrEnum):
    """How much something matters, worst first."""

    BLOCKS = "blocks"
    """The server would not start, or people would be locked out."""
    DIFFERS = "differs"
    """Something would answer otherwise than it does now."""
    CARRIES_OVER = "carries_over"
    """It goes on as it is."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the report."""

    level: Level
    topic: str
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """Return it for JSON."""
        return {
            "level": self.level.value,
            "topic": self.topic,
            "text": self.text,
            "remedy": self.remedy or None,
        }


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of the operator in schema `auth`."""

    table: str
    name: str
    function: str
    enabled: bool
    callable: bool
    """Whether the connected role may call the function itself; a trigger does not need it."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Encrypted values of one column under one key."""

    place: str
    key_id: str
    found: int
    opens: bool
    """Whether the configured keys open a sample."""


@dataclass(frozen=True, slots=True)
class Role:
    """The connected role, and what it may."""

    name: str
    search_path: str
    server: int
    read_only: bool
    has_auth: bool
    has_keyturn: bool
    writes_keyturn: bool
    creates_schemas: bool
    missing_roles: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Tables of schema `auth` that it cannot read and write in full."""


@dataclass(frozen=True)
class DatabaseFacts:
    """What was found. Counts are of rows."""

    role: Role
    versions: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Table → column → whether every new row must bring a value."""
    absent: frozenset[str] = frozenset()
    """Of what Keyturn always needs, what is not there."""
    triggers: tuple[Trigger, ...] = ()
    passwords: Mapping[str, int] = field(default_factory=dict)
    sealed: tuple[SealedColumn, ...] = ()
    sessions: Mapping[str, int] = field(default_factory=dict)
    factors: Mapping[str, int] = field(default_factory=dict)
    identities: Mapping[str, int] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    """Hook function → (found, callable)."""
    ring: tuple[tuple[str, str, str, bool], ...] | None = None
    """(kid, alg, state, legacy) of the ring in this database; None: there is none yet."""
    gaps: tuple[str, ...] = ()
    """What could not be looked at, and why."""


def judge_database(facts: DatabaseFacts, our_versions: Sequence[str]) -> list[Remark]:
    """Return a remark for everything found in the database itself, worst first.

    ``our_versions`` are the migrations of GoTrue that the shape known here contains.
    """
    found: list[Remark] = []
    for judge in (_role, _schema, _columns, _triggers, _passwords, _sealed, _sessions, _factors):
        found.extend(judge(facts))
    found.extend(_migrations(facts, our_versions))
    found.extend(_surroundings(facts))
    found.extend(Remark(Level.DIFFERS, "not looked at", gap) for gap in facts.gaps)
    return found


def by_weight(remarks: Sequence[Remark]) -> list[Remark]:
    """Return the remarks, worst first, in their order otherwise."""
    order = list(Level)
    return sorted(remarks, key=lambda remark: order.index(remark.level))


def _role(facts: DatabaseFacts) -> Iterator[Remark]:
    role = facts.role
    if role.server < OLDEST_SERVER:
        yield Remark(
            Level.BLOCKS,
            "server",
            f"PostgreSQL {role.server // 10000} is older than 15, the oldest that Keyturn runs on.",
        )
    if role.read_only:
        yield Remark(
            Level.BLOCKS,
            "server",
            "This server takes no writes: it is a standby, or default_transaction_read_only is on.",
            "Point the database URL at the primary.",
        )
    hidden = [table for table in role.hidden if table in KNOWN]
    if hidden:
        yield Remark(
            Level.BLOCKS,
            "role",
            f"Role {role.name} cannot read and write all rows of {_list('auth.', hidden)}.",
            "Connect as supabase_auth_admin, which owns these tables.",
        )
    if not role.has_keyturn and not role.creates_schemas:
        yield Remark(
            Level.BLOCKS,
            "role",
            f"Role {role.name} may not create schema keyturn, where Keyturn keeps its own tables.",
            f"As the database's administrator, run: {_CREATE_SCHEMA}",
        )
    elif role.has_keyturn and not role.writes_keyturn:
        yield Remark(
            Level.BLOCKS,
            "role",
            f"Role {role.name} may not create anything in schema keyturn.",
            "alter schema keyturn owner to supabase_auth_admin;",
        )
    else:
        made = "is there already" if role.has_keyturn else "will be made at the first start"
        yield Remark(
            Level.CARRIES_OVER,
            "role",
            f"Connected as {role.name}; schema keyturn {made}, and nothing is added to auth.",
        )
    if role.missing_roles:
        yield Remark(
            Level.DIFFERS,
            "roles",
            f"The database has no role {_list('', role.missing_roles)}.",
            "PostgREST becomes these roles by the `role` claim of a token; create those you use.",
        )


def _schema(facts: DatabaseFacts) -> Iterator[Remark]:
    if not facts.role.has_auth:
        yield Remark(
            Level.DIFFERS,
            "schema",
            "There is no auth.users here: Keyturn would make an empty schema auth.",
            "Check that the database URL names the database of your GoTrue.",
        )
    elif facts.absent:
        yield Remark(
            Level.BLOCKS,
            "schema",
            f"Schema auth is too old: {_list('auth.', sorted(facts.absent))} not there.",
            "Start a current GoTrue on this database once: it brings its own schema up.",
        )


def _columns(facts: DatabaseFacts) -> Iterator[Remark]:
    if not facts.role.has_auth:
        return
    present = {table: set(columns) for table, columns in facts.columns.items()}
    for feature, words in FEATURES.items():
        rows = [row for row in LATER if row.feature == feature and not _present(row.name, present)]
        if rows:
            yield Remark(
                Level.CARRIES_OVER,
                "schema",
                f"Without {_list('auth.', [row.name for row in rows])} there is no place for "
                f"{words}: off until a GoTrue has brought its schema up (from {rows[0].since}).",
            )
    for table, columns in facts.columns.items():
        if table not in KNOWN:
            yield Remark(
                Level.CARRIES_OVER, "schema", f"Table auth.{table} is newer: it is left alone."
            )
            continue
        for column, must in columns.items():
            if column in KNOWN[table]:
                continue
            yield Remark(
                Level.BLOCKS if must else Level.CARRIES_OVER,
                "schema",
                f"Column auth.{table}.{column} is newer than this version knows"
                + (" and has to be given with every row." if must else ": it keeps its default."),
                "Update Keyturn, or give the column a default." if must else "",
            )


def _present(name: str, present: Mapping[str, set[str]]) -> bool:
    table, _, column = name.partition(".")
    return table in present and (not column or column in present[table])


def _migrations(facts: DatabaseFacts, ours: Sequence[str]) -> Iterator[Remark]:
    if not facts.versions:
        if facts.role.has_auth:
            yield Remark(
                Level.DIFFERS,
                "schema",
                "auth.schema_migrations is empty or missing: a GoTrue started on this database "
                "would run all its migrations again.",
                "That is so with or without Keyturn, which never writes there.",
            )
        return
    newest = facts.versions[-1]
    newer = [version for version in facts.versions if version > ours[-1]]
    missing = [version for version in ours if version not in facts.versions]
    text = f"GoTrue's schema is at {newest} ({len(facts.versions)} migrations)"
    if newer:
        text += f"; {len(newer)} are newer than this version knows"
    if missing:
        text += f"; {len(missing)} of the {len(ours)} known here are not there"
    yield Remark(Level.CARRIES_OVER, "schema", f"{text}. Keyturn leaves the list alone.")


def _triggers(facts: DatabaseFacts) -> Iterator[Remark]:
    for table in sorted({trigger.table for trigger in facts.triggers}):
        own = [trigger for trigger in facts.triggers if trigger.table == table]
        names = ", ".join(
            f"{trigger.name} ({trigger.function}{'' if trigger.enabled else ', disabled'})"
            for trigger in own
        )
        yield Remark(
            Level.CARRIES_OVER,
            "triggers",
            f"On auth.{table}, in this order: {names}. They fire as before: the account is "
            "inserted first, then its identity, then it is confirmed.",
        )


def _passwords(facts: DatabaseFacts) -> Iterator[Remark]:
    readable = {k: n for k, n in facts.passwords.items() if k in {"bcrypt", "argon2", "fbscrypt"}}
    if readable:
        yield Remark(Level.CARRIES_OVER, "passwords", f"Readable: {_counts(readable)}.")
    if other := facts.passwords.get("other"):
        yield Remark(
            Level.DIFFERS,
            "passwords",
            f"{other} accounts have a password hash that is none of bcrypt, argon2 (v=19) and "
            "fbscrypt. GoTrue does not read it either: they cannot sign in with it.",
            "They can with a link, a code or a new password.",
        )


def _sealed(facts: DatabaseFacts) -> Iterator[Remark]:
    for column in facts.sealed:
        what = f"{column.found} values of auth.{column.place} are encrypted with key "
        what += f"{column.key_id!r}"
        if column.opens:
            yield Remark(Level.CARRIES_OVER, "encryption", f"{what}; a sample was opened.")
        else:
            yield Remark(
                Level.BLOCKS,
                "encryption",
                f"{what}, and the configured keys do not open a sample.",
                "Put that key into GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS as id:key.",
            )


def _sessions(facts: DatabaseFacts) -> Iterator[Remark]:
    counts = facts.sessions
    live = {f"version {n}": counts[f"version_{n}"] for n in (1, 2) if counts.get(f"version_{n}")}
    if live:
        yield Remark(
            Level.CARRIES_OVER,
            "sessions",
            f"Refresh tokens that go on: {_counts(live)}. Nobody is signed out.",
        )
    if orphans := counts.get("without_session"):
        yield Remark(
            Level.CARRIES_OVER,
            "sessions",
            f"{orphans} refresh tokens from before GoTrue had sessions are refused, as GoTrue "
            "refuses them.",
        )


def _factors(facts: DatabaseFacts) -> Iterator[Remark]:
    known = {kind: n for kind, n in facts.factors.items() if kind in {"totp", "phone", "webauthn"}}
    if known:
        yield Remark(Level.CARRIES_OVER, "factors", f"Verified factors: {_counts(known)}.")
    for kind, number in facts.factors.items():
        if kind not in known:
            yield Remark(
                Level.DIFFERS,
                "factors",
                f"{number} verified factors are of type {kind}, which this version does not know.",
                "Their users need another factor before the change.",
            )


def _surroundings(facts: DatabaseFacts) -> Iterator[Remark]:
    if facts.extensions:
        names = ", ".join(f"{name} (in {where})" for name, where in facts.extensions.items())
        yield Remark(
            Level.CARRIES_OVER, "extensions", f"{names}. Keyturn itself needs none of them."
        )
    yield Remark(
        Level.CARRIES_OVER,
        "search_path",
        f"{facts.role.search_path}. Keyturn names the schema of everything it uses; triggers and "
        "hook functions see this path as they do now.",
    )


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


def _list(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(f"{prefix}{name}" for name in names)

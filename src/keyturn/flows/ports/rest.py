"""What the REST stand-in asks of a database: its catalogue, and one statement per request.

The stand-in turns a request into a :class:`Statement`; the adapter runs it in one transaction
under the caller's role. Names inside a statement come from the catalogue, values are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from keyturn.errors import KeyturnError, Unreachable

Name = tuple[str, str]
"""``(schema, name)``, both as the catalogue spells them, unquoted."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; types are SQL spellings from ``format_type``, safe to put into SQL."""

    name: str
    type: str
    """Declared type without length or precision, so that a cast never truncates."""
    base: str
    """The type below any domain: what a filter's value is cast to."""
    nullable: bool = True
    default: str | None = None
    """SQL expression from the catalogue, None when there is none."""
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, or the row type of a function."""

    schema: str
    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()
    is_view: bool = False
    comment: str | None = None

    @property
    def key(self) -> Name:
        """``(schema, name)``."""
        return (self.schema, self.name)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One foreign key of the exposed schemas."""

    constraint: str
    source: Name
    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]
    one_to_one: bool = False
    """The referencing columns are themselves unique."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input parameter of a function; an unnamed one has an empty name."""

    name: str
    type: str
    required: bool
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Routine:
    """One callable function of an exposed schema."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    returns: Literal["scalar", "composite", "void"]
    returns_set: bool
    volatile: bool
    row: Relation | None = None
    """The row type when it returns rows with known columns."""
    comment: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """What the exposed schemas hold, read at one moment."""

    relations: Mapping[Name, Relation] = field(default_factory=dict)
    foreign_keys: tuple[ForeignKey, ...] = ()
    routines: Mapping[Name, tuple[Routine, ...]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    """Type names a client may cast to, lower case, with their SQL spelling."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement and its arguments; every argument is text, a list of texts or a bigint.

    It returns one row: ``total, page, body, headers, status``, see :class:`Outcome`.
    """

    sql: str
    arguments: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks and what SQL may know of the request (PostgREST's transaction-scoped settings)."""

    role: str
    claims: str
    method: str
    path: str
    headers: str
    """Header names in lower case and values, one JSON object."""
    cookies: str
    schema: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one row that a statement answers with."""

    total: int | None
    """Rows that the filters select, None when nobody counted."""
    page: int
    """Rows in this answer, or rows written."""
    body: str | None
    headers: str | None
    """What SQL set as ``response.headers``: a JSON array of one-member objects."""
    status: str | None
    """What SQL set as ``response.status``."""


class DatabaseRefused(KeyturnError):
    """PostgreSQL refused the statement."""

    code = "database_refused"

    def __init__(self, sqlstate: str, message: str, detail: str | None, hint: str | None) -> None:
        """All four as PostgreSQL reported them; they reach the caller, as with PostgREST."""
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
        self.detail = detail


class DatabaseAway(Unreachable):
    """The database behind the REST stand-in cannot be reached."""

    code = "database_away"


class RestDatabase(Protocol):
    """One PostgreSQL, reached as role ``authenticator``."""

    def catalogue(self) -> Catalogue:
        """Return the last catalogue read; never I/O."""

    async def refreshed(self) -> Catalogue:
        """Read the catalogue again unless that happened a moment ago, and return it."""

    async def run(
        self,
        context: RequestContext,
        statement: Statement,
        accept: Callable[[Outcome], None] | None = None,
    ) -> Outcome:
        """Run ``statement`` in one transaction as ``context.role``.

        ``accept`` sees the outcome before the commit; what it raises rolls everything back.
        Raises :class:`DatabaseRefused` or :class:`DatabaseAway`.
        """

    async def planned_rows(self, context: RequestContext, statement: Statement) -> int:
        """Return how many rows the planner expects of a bare ``SELECT``."""

"""A parsed query as values: what PostgREST's query language can say, before any catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Path = tuple[str, ...]
"""Names of embedded resources from the root down; empty for the root."""


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One arrow into a JSON value."""

    as_text: bool
    """``->>`` rather than ``->``."""
    key: str | int


@dataclass(frozen=True, slots=True)
class Field:
    """A column, possibly with a path into its JSON."""

    name: str
    steps: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """``field operator value``; a list for ``in`` and for the any/all modifiers."""

    field: Field
    operator: str
    value: str | tuple[str, ...]
    negated: bool = False
    quantifier: Literal["any", "all"] | None = None
    language: str | None = None
    """Text-search configuration of the fts family."""


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions joined by ``and`` or ``or``."""

    operator: Literal["and", "or"]
    parts: tuple[Logic, ...]
    negated: bool = False


Logic = Condition | Junction


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One key to sort by."""

    field: Field
    relation: str | None = None
    """An embedded to-one resource that the field belongs to."""
    descending: bool = False
    nulls: Literal["first", "last"] | None = None


@dataclass(frozen=True, slots=True)
class SelectField:
    """One member of the answer."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class SelectStar:
    """Every column."""


@dataclass(frozen=True, slots=True)
class SelectRelation:
    """An embedded resource."""

    name: str
    items: tuple[SelectItem, ...]
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False

    @property
    def label(self) -> str:
        """The name that filters, orders and limits use for it."""
        return self.alias or self.name


SelectItem = SelectField | SelectStar | SelectRelation


@dataclass(frozen=True, slots=True)
class Span:
    """A window of rows; ``limit`` None means to the end."""

    offset: int = 0
    limit: int | None = None


ALL_ROWS = Span()


@dataclass(frozen=True, slots=True)
class Scope:
    """What applies to one level: the root or an embedded resource."""

    conditions: tuple[Logic, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    span: Span = ALL_ROWS


EMPTY_SCOPE = Scope()


@dataclass(frozen=True, slots=True)
class Query:
    """Everything a query string says."""

    select: tuple[SelectItem, ...] = (SelectStar(),)
    scopes: Mapping[Path, Scope] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    """Parameters that are no filters: arguments of a function called with GET."""

    @property
    def root(self) -> Scope:
        """What applies to the root."""
        return self.scopes.get((), EMPTY_SCOPE)

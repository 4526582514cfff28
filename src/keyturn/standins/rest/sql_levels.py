"""A select list with its embedded resources as SQL: one level per relation, joined laterally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keyturn.flows.ports.rest import Catalogue, Relation
from keyturn.standins.rest.errors import (
    embedded_filter,
    not_embedded,
    order_not_to_one,
    unknown_type,
    unsupported,
)
from keyturn.standins.rest.links import Link, find_link
from keyturn.standins.rest.ranges import capped
from keyturn.standins.rest.sql_filters import condition_sql, logic_sql
from keyturn.standins.rest.sql_text import Arguments, Source, clauses, expression, qualified, quoted
from keyturn.standins.rest.syntax import (
    EMPTY_SCOPE,
    Condition,
    Field,
    OrderTerm,
    Path,
    Scope,
    SelectField,
    SelectItem,
    SelectRelation,
    SelectStar,
    Span,
)

_COUNT = SelectField(Field("count"))


@dataclass(frozen=True, slots=True)
class Embedded:
    """One embedded resource of a level."""

    item: SelectRelation
    link: Link
    alias: str
    """The lateral source that carries its rows."""


@dataclass(slots=True)
class Level:
    """The SQL parts of one level."""

    source: Source
    columns: list[str] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    embedded: dict[str, Embedded] = field(default_factory=dict)

    def filter(self) -> str:
        """Return the ``WHERE`` clause, empty when there is none."""
        return f" WHERE {' AND '.join(self.where)}" if self.where else ""

    def rows(self, from_sql: str) -> str:
        """Return everything up to and including ``WHERE`` for counting."""
        return f"FROM {from_sql}{''.join(self.joins)}{self.filter()}"

    def select(self, from_sql: str, tail: str) -> str:
        """Return the whole ``SELECT``; ``tail`` is what :func:`window` made."""
        columns = ", ".join(self.columns) or "1 AS kt_one"
        ordered = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        return clauses("SELECT", columns, self.rows(from_sql)) + ordered + tail


@dataclass(slots=True)
class Levels:
    """Builds levels against one catalogue, all values going to one list of arguments."""

    catalogue: Catalogue
    arguments: Arguments
    scopes: Mapping[Path, Scope]
    max_rows: int | None = None
    _seen: set[Path] = field(default_factory=set)

    def build(
        self,
        source: Source,
        items: Sequence[SelectItem],
        path: Path = (),
        *,
        filtered: bool = True,
    ) -> Level:
        """Return the level of ``source``; ``filtered`` False leaves its own conditions out."""
        level = Level(source)
        for item in items:
            self._output(level, item, path)
        scope = self.scopes.get(path, EMPTY_SCOPE)
        if filtered:
            level.where.extend(self._conditions(level, scope))
        level.order.extend(self._order_sql(level, term) for term in scope.order)
        return level

    def filter(self, source: Source) -> str:
        """Return the ``WHERE`` clause of the root alone, for a write."""
        level = Level(source)
        level.where.extend(self._conditions(level, self.scopes.get((), EMPTY_SCOPE)))
        return level.filter()

    def check_paths(self) -> None:
        """Reject parameters of resources that nothing embeds; call it after :meth:`build`."""
        unused = [path for path in self.scopes if path and path not in self._seen]
        if unused:
            raise not_embedded(unused[0][-1])

    def window(self, span: Span) -> str:
        """Return ``LIMIT`` and ``OFFSET`` for ``span``, capped."""
        span = capped(span, self.max_rows)
        limit = "" if span.limit is None else f" LIMIT {self.arguments.integer(span.limit)}"
        return limit + (f" OFFSET {self.arguments.integer(span.offset)}" if span.offset else "")

    def _conditions(self, level: Level, scope: Scope) -> list[str]:
        return [
            logic_sql(logic, lambda one: self._condition(level, one)) for logic in scope.conditions
        ]

    def _condition(self, level: Level, condition: Condition) -> str:
        name = condition.field.name
        embedded = level.embedded.get(name)
        if embedded is not None and name not in level.source.relation.columns:
            return _presence(embedded, condition)
        left = expression(self.arguments, level.source, condition.field)
        return condition_sql(self.arguments, left, condition)

    def _output(self, level: Level, item: SelectItem, path: Path) -> None:
        if isinstance(item, SelectStar):
            level.columns.append(f"{level.source.alias}.*")
        elif isinstance(item, SelectField):
            level.columns.append(self._field(level.source, item))
        else:
            self._embed(level, item, path)

    def _field(self, source: Source, item: SelectField) -> str:
        if item == _COUNT and "count" not in source.relation.columns:
            # PostgreSQL reads `row.count` as `count(row)`, so PostgREST answers it, and people
            # ask for it to see whether a table can be reached.
            return f"count({source.alias}) AS {quoted('count')}"
        found = expression(self.arguments, source, item.field)
        sql = found.sql
        if item.cast is not None:
            kind = self.catalogue.types.get(item.cast.lower())
            if kind is None:
                raise unknown_type(item.cast)
            sql = f"CAST({sql} AS {kind})"
        label = item.alias
        if label is None:
            keys = [step.key for step in item.field.steps if isinstance(step.key, str)]
            label = keys[-1] if keys else item.field.name
        return f"{sql} AS {quoted(label)}"

    def _embed(self, level: Level, item: SelectRelation, path: Path) -> None:
        parent = level.source
        link = find_link(self.catalogue, parent.relation, item.name, item.hint)
        if item.spread and not link.to_one:
            raise unsupported(f"'...{item.name}' spreads a to-many relationship")
        inner_path = (*path, item.label)
        self._seen.add(inner_path)
        child = Source(link.target, self.arguments.alias())
        below = self.build(child, item.items, inner_path)
        from_sql, joined = self._joined(parent, child, link)
        below.where[:0] = joined
        scope = self.scopes.get(inner_path, EMPTY_SCOPE)
        rows = below.select(from_sql, self.window(scope.span))
        alias = self.arguments.alias()
        level.embedded[item.label] = Embedded(item, link, alias)
        level.joins.append(_lateral(rows, alias, item, to_one=link.to_one))
        if below.columns:
            level.columns.append(_embedded_output(alias, item, to_one=link.to_one))

    def _joined(self, parent: Source, child: Source, link: Link) -> tuple[str, list[str]]:
        from_sql = f"{qualified(*child.relation.key)} AS {child.alias}"
        if link.junction is None:
            return from_sql, _equal(parent.alias, child.alias, link.pairs)
        middle = self.arguments.alias()
        from_sql += f" CROSS JOIN {qualified(*link.junction.key)} AS {middle}"
        return from_sql, [
            *_equal(parent.alias, middle, link.pairs),
            *_equal(middle, child.alias, link.junction_pairs),
        ]

    def _order_sql(self, level: Level, term: OrderTerm) -> str:
        if term.relation is None:
            sql = expression(self.arguments, level.source, term.field).sql
        else:
            sql = self._related(level, term.relation, term)
        direction = " DESC" if term.descending else ""
        return sql + direction + (f" NULLS {term.nulls.upper()}" if term.nulls else "")

    def _related(self, level: Level, label: str, term: OrderTerm) -> str:
        embedded = level.embedded.get(label)
        if embedded is None:
            raise not_embedded(label)
        if not embedded.link.to_one:
            raise order_not_to_one(level.source.relation.name, label)
        child = Source(embedded.link.target, self.arguments.alias())
        from_sql, joined = self._joined(level.source, child, embedded.link)
        sql = expression(self.arguments, child, term.field).sql
        return f"({clauses('SELECT', sql, 'FROM', from_sql, 'WHERE', ' AND '.join(joined))})"


def needed_columns(
    catalogue: Catalogue,
    relation: Relation,
    items: Sequence[SelectItem],
    order: Sequence[OrderTerm],
) -> tuple[str, ...]:
    """Return the columns a write must return so that ``items`` can be read from its rows."""
    if any(isinstance(item, SelectStar) for item in items):
        return tuple(relation.columns)
    names: dict[str, None] = {}
    for item in items:
        if isinstance(item, SelectField):
            names[item.field.name] = None
        elif isinstance(item, SelectRelation):
            link = find_link(catalogue, relation, item.name, item.hint)
            names.update(dict.fromkeys(parent for parent, _ in link.pairs))
    names.update(dict.fromkeys(term.field.name for term in order if term.relation is None))
    return tuple(name for name in names if name in relation.columns)


def _presence(embedded: Embedded, condition: Condition) -> str:
    if condition.operator != "is" or condition.value not in ("null", "not_null"):
        raise embedded_filter(embedded.item.label)
    absent = (condition.value == "null") != condition.negated
    if embedded.link.to_one:
        return f"({embedded.alias} IS {'NOT ' if absent else ''}DISTINCT FROM NULL)"
    return f"({embedded.alias}.kt_rows {'=' if absent else '>'} 0)"


def _equal(left: str, right: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{left}.{quoted(one)} = {right}.{quoted(other)}" for one, other in pairs]


def _lateral(rows: str, alias: str, item: SelectRelation, *, to_one: bool) -> str:
    kind = "INNER" if item.inner else "LEFT"
    if to_one:
        return f" {kind} JOIN LATERAL ({rows}) AS {alias} ON TRUE"
    gathered = clauses(
        f"SELECT coalesce(json_agg({alias}_r), '[]') AS kt_body, count(*) AS kt_rows",
        f"FROM ({rows}) AS {alias}_r",
    )
    on = f"{alias}.kt_rows > 0" if item.inner else "TRUE"
    return f" {kind} JOIN LATERAL ({gathered}) AS {alias} ON {on}"


def _embedded_output(alias: str, item: SelectRelation, *, to_one: bool) -> str:
    if item.spread:
        return f"{alias}.*"
    body = f"row_to_json({alias}.*)" if to_one else f"{alias}.kt_body"
    return f"{body} AS {quoted(item.label)}"

"""Reading a relation: rows, an optional count, and the window that is shown."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.flows.ports.rest import Catalogue, Relation, Statement
from keyturn.standins.rest.media import Format
from keyturn.standins.rest.ranges import intersect
from keyturn.standins.rest.sql_answer import NO_BODY, NO_TOTAL, answer, body_sql
from keyturn.standins.rest.sql_levels import Levels
from keyturn.standins.rest.sql_text import Arguments, Source, clauses, qualified
from keyturn.standins.rest.syntax import ALL_ROWS, Query, Span


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a read answers, beyond its query string."""

    shape: Format
    span: Span = ALL_ROWS
    """From the Range header."""
    count: bool = False
    """Whether to count all rows."""
    bodiless: bool = False
    max_rows: int | None = None


def read_sql(
    catalogue: Catalogue, relation: Relation, query: Query, options: ReadOptions
) -> Statement:
    """Return the statement that reads ``relation``; raises a RestError for unknown names."""
    arguments = Arguments()
    source = Source(relation, arguments.alias())
    from_sql = f"{qualified(*relation.key)} AS {source.alias}"
    return read_from(Levels(catalogue, arguments, query.scopes, options.max_rows), source,
                     from_sql, query, options)  # fmt: skip


def read_from(
    levels: Levels, source: Source, from_sql: str, query: Query, options: ReadOptions
) -> Statement:
    """Return the statement that reads ``from_sql``, whose rows are ``source``."""
    level = levels.build(source, query.select)
    levels.check_paths()
    total = NO_TOTAL
    if options.count:
        counted = clauses("SELECT count(*)", level.rows(from_sql))
        total = f"({counted})"
    rows = level.select(from_sql, levels.window(shown(query, options)))
    body = NO_BODY if options.bodiless else body_sql(options.shape)
    return answer(levels.arguments, rows, body=body, total=total)


def estimate_sql(catalogue: Catalogue, relation: Relation, query: Query) -> Statement:
    """Return the bare query of all rows that the filters select, for the planner's estimate."""
    levels = Levels(catalogue, Arguments(), query.scopes)
    source = Source(relation, levels.arguments.alias())
    level = levels.build(source, query.select)
    sql = level.select(f"{qualified(*relation.key)} AS {source.alias}", "")
    return Statement(sql, tuple(levels.arguments.values))


def shown(query: Query, options: ReadOptions) -> Span:
    """Return the window of rows that the parameters and the Range header leave."""
    return intersect(query.root.span, options.span)

"""The outermost query: it shapes rows into the one row that every statement answers with."""

from __future__ import annotations

from keyturn.flows.ports.rest import Statement
from keyturn.standins.rest.media import Format
from keyturn.standins.rest.sql_text import Arguments, clauses

_SETTINGS = (
    "nullif(current_setting('response.headers', true), '') AS headers, "
    "nullif(current_setting('response.status', true), '') AS status"
)
NO_BODY = "NULL::text"
NO_TOTAL = "NULL::bigint"

# A row as CSV is its text form without the parentheses; the first line names its columns.
_CSV_HEADER = (
    "(SELECT coalesce(string_agg(kt_h.kt_key, ','), '') FROM "
    "(SELECT json_object_keys(row_to_json(kt_f)) AS kt_key FROM "
    "(SELECT * FROM kt_rows LIMIT 1) AS kt_f) AS kt_h)"
)
_CSV_ROWS = "coalesce(string_agg(substring(kt_t::text, 2, length(kt_t::text) - 2), E'\\n'), '')"


def body_sql(shape: Format, scalar: str | None = None) -> str:
    """Return the expression of the body over rows ``kt_t``; ``scalar`` names their one column."""
    if shape.shape == "csv":
        return f"{_CSV_HEADER} || E'\\n' || {_CSV_ROWS}"
    item = "kt_t" if scalar is None else f"kt_t.{scalar}"
    rows = f"coalesce(json_agg({item}), '[]')"
    if shape.strip_nulls:
        rows = f"json_strip_nulls({rows})"
    if shape.shape == "object":
        return f"coalesce(({rows}->0)::text, 'null')"
    return f"({rows})::text"


def first_sql(scalar: str | None = None) -> str:
    """Return the expression of the body for a function that returns one value, not a set."""
    item = "kt_t" if scalar is None else f"kt_t.{scalar}"
    return f"coalesce((json_agg({item})->0)::text, 'null')"


def answer(
    arguments: Arguments, rows: str, *, body: str, total: str = NO_TOTAL, before: str = ""
) -> Statement:
    """Return the statement that reads ``rows`` (a query) and answers with one row.

    ``before`` are further common table expressions, each followed by a comma.
    """
    with_rows = f"WITH {before}kt_rows AS ({rows})"
    return Statement(
        clauses(
            with_rows,
            f"SELECT {total} AS total, count(kt_t) AS page, {body} AS body, {_SETTINGS}",
            "FROM (SELECT * FROM kt_rows) AS kt_t",
        ),
        tuple(arguments.values),
    )


def written(arguments: Arguments, write: str) -> Statement:
    """Return the statement that only writes: the page is the number of rows written."""
    return Statement(
        clauses(
            f"WITH kt_written AS ({write})",
            f"SELECT {NO_TOTAL} AS total, count(*) AS page, {NO_BODY} AS body, {_SETTINGS}",
            "FROM kt_written",
        ),
        tuple(arguments.values),
    )

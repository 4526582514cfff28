"""Insert, upsert, update and delete, and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keyturn.flows.ports.rest import Catalogue, Column, Relation, Statement
from keyturn.standins.rest.body import Payload
from keyturn.standins.rest.errors import unknown_column, unknown_write_column
from keyturn.standins.rest.media import Format
from keyturn.standins.rest.sql_answer import answer, body_sql, written
from keyturn.standins.rest.sql_levels import Levels, needed_columns
from keyturn.standins.rest.sql_text import Arguments, Source, clauses, qualified, quoted
from keyturn.standins.rest.syntax import EMPTY_SCOPE, Query


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write behaves and answers, beyond its query string and body."""

    shape: Format
    returning: str = "minimal"
    resolution: str = ""
    """``merge-duplicates``, ``ignore-duplicates`` or empty."""
    defaults: bool = False
    """``missing=default``: members that are absent take the column's default."""


@dataclass(slots=True)
class _Write:
    """One write under construction."""

    catalogue: Catalogue
    relation: Relation
    query: Query
    options: WriteOptions
    arguments: Arguments
    alias: str

    def conditions(self) -> str:
        """Return the ``WHERE`` clause of the root's filters."""
        levels = Levels(self.catalogue, self.arguments, self.query.scopes)
        return levels.filter(Source(self.relation, self.alias))

    def nothing(self) -> Statement:
        """Return the statement that writes no row and answers like one that matched none."""
        name = f"{qualified(*self.relation.key)} AS {self.alias}"
        return self._finish(lambda columns: clauses("SELECT", columns, "FROM", name, "WHERE false"))

    def finish(self, write: str) -> Statement:
        """Add ``RETURNING`` and the part that reads what was written."""
        return self._finish(lambda columns: clauses(write, "RETURNING", columns))

    def _finish(self, write: Callable[[str], str]) -> Statement:
        if self.options.returning == "representation":
            return self._representation(write)
        self._check_unread()
        if self.options.returning == "headers-only" and self.relation.primary_key:
            return self._keys(write)
        return written(self.arguments, write("1"))

    def _listed(self, columns: Sequence[str]) -> str:
        return ", ".join(f"{self.alias}.{quoted(name)}" for name in columns) or "1"

    def _representation(self, write: Callable[[str], str]) -> Statement:
        order = self.query.scopes.get((), EMPTY_SCOPE).order
        needed = needed_columns(self.catalogue, self.relation, self.query.select, order)
        source = Source(self.relation, self.arguments.alias())
        levels = Levels(self.catalogue, self.arguments, self.query.scopes)
        level = levels.build(source, self.query.select, filtered=False)
        levels.check_paths()
        before = f"kt_written AS ({write(self._listed(needed))}), "
        rows = level.select(f"kt_written AS {source.alias}", "")
        return answer(self.arguments, rows, body=body_sql(self.options.shape), before=before)

    def _check_unread(self) -> None:
        """Reject unknown names in what would be read, although nobody asked to read it.

        A filter that were dropped in silence is the kind of mistake that empties a table.
        """
        levels = Levels(self.catalogue, Arguments(), self.query.scopes)
        levels.build(Source(self.relation, self.alias), self.query.select, filtered=False)
        levels.check_paths()

    def _keys(self, write: Callable[[str], str]) -> Statement:
        """Return the primary keys: the Location header is made of them."""
        before = f"kt_written AS ({write(self._listed(self.relation.primary_key))}), "
        rows = "SELECT * FROM kt_written"
        return answer(self.arguments, rows, body="(json_agg(kt_t)->0)::text", before=before)


def insert_sql(
    catalogue: Catalogue,
    relation: Relation,
    query: Query,
    payload: Payload,
    options: WriteOptions,
) -> Statement:
    """Return the statement that inserts ``payload``, or merges it on conflicts."""
    arguments = Arguments()
    write = _Write(catalogue, relation, query, options, arguments, arguments.alias())
    columns = _columns(relation, payload)
    target = f"INSERT INTO {qualified(*relation.key)} AS {write.alias}"
    if columns:
        names = ", ".join(quoted(column.name) for column in columns)
        rows = _body_rows(arguments, payload, columns, defaults=options.defaults)
        target = clauses(f"{target}({names})", rows)
    elif payload.rows == 0:
        return write.nothing()
    else:
        target = clauses(target, "DEFAULT VALUES")
    return write.finish(clauses(target, _on_conflict(write, columns)))


def update_sql(
    catalogue: Catalogue,
    relation: Relation,
    query: Query,
    payload: Payload,
    options: WriteOptions,
) -> Statement:
    """Return the statement that sets the members of ``payload`` in the rows filtered."""
    arguments = Arguments()
    write = _Write(catalogue, relation, query, options, arguments, arguments.alias())
    columns = _columns(relation, payload)
    name = qualified(*relation.key)
    if not columns:
        # Nothing to set: answer as an update of no rows does.
        return write.nothing()
    sets = ", ".join(f"{quoted(column.name)} = kt_b.{quoted(column.name)}" for column in columns)
    rows = _body_rows(arguments, payload, columns, defaults=options.defaults)
    body = f"FROM ({rows} LIMIT 1) AS kt_b"
    return write.finish(
        clauses(f"UPDATE {name} AS {write.alias} SET", sets, body) + write.conditions()
    )


def delete_sql(
    catalogue: Catalogue, relation: Relation, query: Query, options: WriteOptions
) -> Statement:
    """Return the statement that deletes the rows filtered."""
    arguments = Arguments()
    write = _Write(catalogue, relation, query, options, arguments, arguments.alias())
    target = clauses("DELETE FROM", f"{qualified(*relation.key)} AS {write.alias}")
    return write.finish(target + write.conditions())


def _columns(relation: Relation, payload: Payload) -> tuple[Column, ...]:
    for name in payload.columns:
        if name not in relation.columns:
            raise unknown_write_column(relation.name, name)
    return tuple(relation.columns[name] for name in payload.columns)


def _body_rows(
    arguments: Arguments, payload: Payload, columns: Sequence[Column], *, defaults: bool
) -> str:
    """Return a query of the body's rows, each member read as its column's type."""
    listed = ", ".join(f"kt_b.{quoted(column.name)}" for column in columns)
    typed = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns)
    document = arguments.json(payload.text)
    filled = [column for column in columns if column.default is not None] if defaults else []
    if not filled:
        source = f"json_to_recordset({document}) AS kt_b({typed})"
    else:
        pairs = ", ".join(f"{arguments.text(one.name)}, {one.default}" for one in filled)
        source = (
            f"jsonb_array_elements({document}::jsonb) AS kt_e(kt_row), "
            f"LATERAL jsonb_to_record(jsonb_build_object({pairs}) || kt_e.kt_row) AS kt_b({typed})"
        )
    return clauses("SELECT", listed, "FROM", source)


def _on_conflict(write: _Write, columns: Sequence[Column]) -> str:
    relation = write.relation
    keys = write.query.on_conflict or relation.primary_key
    if not write.options.resolution or not keys:
        return ""
    for name in keys:
        if name not in relation.columns:
            raise unknown_column(relation.name, name)
    target = f"ON CONFLICT ({', '.join(quoted(name) for name in keys)})"
    if write.options.resolution == "ignore-duplicates" or not columns:
        return f"{target} DO NOTHING"
    sets = ", ".join(f"{quoted(one.name)} = EXCLUDED.{quoted(one.name)}" for one in columns)
    return f"{target} DO UPDATE SET {sets}"

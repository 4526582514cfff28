"""Reads the catalogue of the exposed schemas for the REST stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from keyturn.adapters.postgres import queries
from keyturn.adapters.postgres.connection import Held, Record
from keyturn.adapters.postgres.pool import Pool
from keyturn.flows.ports.rest import (
    Catalogue,
    Column,
    ForeignKey,
    Name,
    Parameter,
    Relation,
    Routine,
)

_PACKAGE: Final = "keyturn.adapters.postgres"

# What SQL's grammar calls types that pg_type names otherwise.
_SQL_NAMES: Final[Mapping[str, str]] = {
    "int": "integer",
    "integer": "integer",
    "bigint": "bigint",
    "smallint": "smallint",
    "real": "real",
    "float": "double precision",
    "double precision": "double precision",
    "decimal": "numeric",
    "dec": "numeric",
    "boolean": "boolean",
    "character varying": "character varying",
    "timestamp without time zone": "timestamp without time zone",
    "timestamp with time zone": "timestamp with time zone",
    "time without time zone": "time without time zone",
    "time with time zone": "time with time zone",
}


async def read_catalogue(pool: Pool, schemas: Sequence[str]) -> Catalogue:
    """Return what ``schemas`` hold now, all of it as of one moment."""
    async with pool.transaction(isolation="repeatable_read", readonly=True) as held:
        await held.fetchval("select set_config('search_path', '', true)")
        relations = {
            one.key: one for one in map(_relation, await _rows(held, "relations", schemas))
        }
        keys = tuple(map(_foreign_key, await _rows(held, "foreign_keys", schemas)))
        routines = await _rows(held, "routines", schemas)
        types = await _rows(held, "types", schemas)
    return Catalogue(
        relations=relations,
        foreign_keys=keys,
        routines=_by_name(_routine(row, relations) for row in routines),
        types={**{row["name"].lower(): row["spelling"] for row in types}, **_SQL_NAMES},
    )


async def _rows(held: Held, name: str, schemas: Sequence[str]) -> list[Record]:
    return await held.fetch(queries.load(_PACKAGE, f"rest/{name}"), list(schemas))


def _columns(document: str | None) -> dict[str, Column]:
    rows: list[list[Any]] = json.loads(document or "[]")
    return {row[0]: Column(*row) for row in rows}


def _relation(row: Record) -> Relation:
    return Relation(
        schema=row["schema"],
        name=row["name"],
        columns=_columns(row["columns"]),
        primary_key=tuple(row["primary_key"]),
        is_view=row["is_view"],
        comment=row["comment"],
    )


def _foreign_key(row: Record) -> ForeignKey:
    return ForeignKey(
        constraint=row["constraint"],
        source=(row["source_schema"], row["source"]),
        columns=tuple(row["columns"]),
        target=(row["target_schema"], row["target"]),
        target_columns=tuple(row["target_columns"]),
        one_to_one=row["one_to_one"],
    )


def _routine(row: Record, relations: Mapping[Name, Relation]) -> Routine:
    parameters: list[list[Any]] = json.loads(row["parameters"])
    return Routine(
        schema=row["schema"],
        name=row["name"],
        parameters=tuple(Parameter(*one) for one in parameters),
        returns=row["returns"],
        returns_set=row["returns_set"],
        volatile=row["volatile"],
        row=_row_type(row, relations) if row["returns"] == "composite" else None,
        comment=row["comment"],
    )


def _row_type(row: Record, relations: Mapping[Name, Relation]) -> Relation | None:
    known = relations.get((row["row_schema"], row["row_name"]))
    if known is not None:
        return known
    columns = _columns(row["row_columns"] or row["out_columns"])
    return Relation(row["schema"], row["name"], columns) if columns else None


def _by_name(routines: Iterable[Routine]) -> dict[Name, tuple[Routine, ...]]:
    found: dict[Name, tuple[Routine, ...]] = {}
    for one in routines:
        key = (one.schema, one.name)
        found[key] = (*found.get(key, ()), one)
    return found

"""Request bodies: JSON, CSV and forms become one JSON document and the list of its columns.

The JSON text itself goes to PostgreSQL as one argument; here it is only checked and measured.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from keyturn.standins.rest.errors import RestError, body_problem

JSON_TYPES: Final = ("application/json", "application/vnd.pgrst.object+json")
_FORM: Final = "application/x-www-form-urlencoded"
_CSV: Final = "text/csv"
_MAX_FIELDS: Final = 1600
"""PostgreSQL has no wider table."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as rows."""

    text: str
    """A JSON array of objects."""
    columns: tuple[str, ...]
    """Members of the rows, in order of appearance."""
    rows: int
    first: Mapping[str, object]
    """The first row, empty when there is none."""


def media_name(content_type: str | None) -> str:
    """Return the media type of a ``Content-Type`` header, JSON when there is none."""
    return (content_type or JSON_TYPES[0]).partition(";")[0].strip().lower()


def read_rows(content_type: str | None, raw: bytes, columns: Sequence[str] | None) -> Payload:
    """Read the body of a write; raises PGRST102.

    ``columns`` (the parameter) chooses the members that count and allows rows that differ.
    """
    name = media_name(content_type)
    if name in JSON_TYPES:
        text = _utf8(raw)
        value = _json(raw)
    elif name == _FORM:
        value = dict(_form(raw))
        text = json.dumps(value)
    elif name == _CSV:
        value = _csv_rows(raw)
        text = json.dumps(value)
    else:
        raise body_problem(f"Content-Type not acceptable: {name}")
    return _payload(text, value, columns)


def read_arguments(content_type: str | None, raw: bytes) -> tuple[str, Mapping[str, object]]:
    """Read the body of a function call: its JSON text and its members; raises PGRST102."""
    name = media_name(content_type)
    if name == _FORM:
        members: dict[str, object] = dict(_form(raw))
        return json.dumps(members), members
    if name not in JSON_TYPES:
        raise body_problem(f"Content-Type not acceptable: {name}")
    if not raw.strip():
        return "{}", {}
    value = _json(raw)
    return _utf8(raw), value if isinstance(value, dict) else {}


def _payload(text: str, value: object, columns: Sequence[str] | None) -> Payload:
    if isinstance(value, dict):
        text, value = f"[{text}]", [value]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise body_problem("All object keys must match")
    first: Mapping[str, object] = value[0] if value else {}
    if columns is None:
        if any(row.keys() != first.keys() for row in value):
            raise body_problem("All object keys must match")
        columns = tuple(first)
    if len(columns) > _MAX_FIELDS:
        raise body_problem(f"More than {_MAX_FIELDS} columns")
    return Payload(text, tuple(columns), len(value), first)


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise _invalid() from problem


def _json(raw: bytes) -> object:
    try:
        found: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise _invalid() from problem
    return found


def _invalid() -> RestError:
    return body_problem("Empty or invalid json")


def _form(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except (UnicodeDecodeError, ValueError) as problem:
        raise body_problem("The form is not percent-encoded UTF-8") from problem


def _csv_rows(raw: bytes) -> list[dict[str, str | None]]:
    """Read CSV with a header line; ``NULL`` stands for null, as in PostgREST."""
    try:
        lines = list(csv.reader(io.StringIO(_utf8(raw), newline=""), strict=True))
    except csv.Error as problem:
        raise body_problem(f"The CSV cannot be read: {problem}") from problem
    lines = [line for line in lines if line]
    if not lines:
        return []
    header, *rows = lines
    if any(len(row) != len(header) for row in rows):
        raise body_problem("All lines must have same number of fields")
    return [
        {name: None if cell == "NULL" else cell for name, cell in zip(header, row, strict=True)}
        for row in rows
    ]

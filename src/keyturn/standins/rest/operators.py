"""The filter operators as one table: the SQL each stands for, and how its value is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Operator:
    """One row: how ``field op value`` is written in SQL."""

    sql: str
    quantifiable: bool = False
    """Whether ``op(any)`` and ``op(all)`` exist."""
    pattern: bool = False
    """The value is a text pattern in which ``*`` stands for ``%``."""
    text: bool = False
    """The value stays text whatever the column's type is."""


OPERATORS: Final[Mapping[str, Operator]] = {
    "eq": Operator("=", quantifiable=True),
    "neq": Operator("<>"),
    "gt": Operator(">", quantifiable=True),
    "gte": Operator(">=", quantifiable=True),
    "lt": Operator("<", quantifiable=True),
    "lte": Operator("<=", quantifiable=True),
    "isdistinct": Operator("IS DISTINCT FROM"),
    "like": Operator("LIKE", quantifiable=True, pattern=True, text=True),
    "ilike": Operator("ILIKE", quantifiable=True, pattern=True, text=True),
    "match": Operator("~", quantifiable=True, text=True),
    "imatch": Operator("~*", quantifiable=True, text=True),
    "cs": Operator("@>"),
    "cd": Operator("<@"),
    "ov": Operator("&&"),
    "sl": Operator("<<"),
    "sr": Operator(">>"),
    "nxr": Operator("&<"),
    "nxl": Operator("&>"),
    "adj": Operator("-|-"),
}

TEXT_SEARCH: Final[Mapping[str, str]] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}

IS_VALUES: Final[Mapping[str, str]] = {
    "null": "IS NULL",
    "not_null": "IS NOT NULL",
    "true": "IS TRUE",
    "false": "IS FALSE",
    "unknown": "IS UNKNOWN",
}


def looks_like_filter(value: str) -> bool:
    """Return whether a parameter's value starts with an operator (else it is an argument)."""
    first, dot, rest = value.partition(".")
    if not dot:
        return False
    if first == "not":
        return "." in rest or bool(rest)
    name = first.partition("(")[0]
    return name in OPERATORS or name in TEXT_SEARCH or name in ("in", "is")

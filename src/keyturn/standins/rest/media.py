"""Which of the formats a caller accepts can be produced (RFC 9110 §12.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from keyturn.standins.rest.errors import media_type

Shape = Literal["array", "object", "csv", "openapi"]


@dataclass(frozen=True, slots=True)
class Format:
    """How the answer is written."""

    content_type: str
    shape: Shape
    strip_nulls: bool = False


JSON: Final = Format("application/json; charset=utf-8", "array")
CSV: Final = Format("text/csv; charset=utf-8", "csv")
OPENAPI: Final = Format("application/openapi+json; charset=utf-8", "openapi")
_OBJECT: Final = "application/vnd.pgrst.object"
_ARRAY: Final = "application/vnd.pgrst.array"


def negotiate(accept: str | None) -> Format:
    """Return the format for a relation or function; raises PGRST107."""
    if accept is None or accept in ("application/json", "*/*"):
        return JSON
    wanted = _by_preference(accept)
    for name, options in wanted:
        found = _format(name, options)
        if found is not None:
            return found
    raise media_type(name for name, _ in wanted)


def negotiate_root(accept: str | None) -> Format:
    """Return the format for the schema description; raises PGRST107."""
    wanted = _by_preference(accept or "*/*")
    for name, _ in wanted:
        if name in ("application/openapi+json", "*/*", "application/*"):
            return OPENAPI
        if name == "application/json":
            return Format("application/json; charset=utf-8", "openapi")
    raise media_type(name for name, _ in wanted)


def _format(name: str, options: frozenset[str]) -> Format | None:
    stripped = "nulls=stripped" in options
    if name in ("application/json", "*/*", "application/*"):
        return JSON
    if name in ("text/csv", "text/*"):
        return CSV
    suffix = "; nulls=stripped" if stripped else ""
    if name in (_OBJECT + "+json", _OBJECT):
        return Format(f"{_OBJECT}+json{suffix}; charset=utf-8", "object", stripped)
    if name in (_ARRAY + "+json", _ARRAY):
        if not stripped:
            return JSON
        return Format(f"{_ARRAY}+json{suffix}; charset=utf-8", "array", stripped)
    return None


def _by_preference(accept: str) -> list[tuple[str, frozenset[str]]]:
    weighed: list[tuple[float, str, frozenset[str]]] = []
    for item in accept.split(","):
        name, *options = (piece.strip().lower() for piece in item.split(";"))
        if name:
            cleaned = frozenset(one.replace(" ", "").replace('"', "") for one in options)
            weighed.append((_quality(cleaned), name, cleaned))
    weighed.sort(key=lambda one: -one[0])
    return [(name, options) for _, name, options in weighed] or [("*/*", frozenset())]


def _quality(options: frozenset[str]) -> float:
    for option in options:
        if option.startswith("q="):
            try:
                return min(max(float(option[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

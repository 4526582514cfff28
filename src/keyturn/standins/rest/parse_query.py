"""A whole query string, sorted into what belongs to which level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from keyturn.standins.rest.errors import range_problem, unparsable
from keyturn.standins.rest.operators import looks_like_filter
from keyturn.standins.rest.parse_filters import parse_condition, parse_field, parse_logic
from keyturn.standins.rest.parse_select import parse_names, parse_order, parse_select
from keyturn.standins.rest.scanner import Scanner
from keyturn.standins.rest.syntax import EMPTY_SCOPE, Field, Path, Query, Scope, SelectStar, Span

_MAX_PARAMETERS = 1000
_BIGINT_MAX = 2**63 - 1
_WORDS = frozenset({"order", "limit", "offset", "and", "or"})


def parse_query(raw: bytes, *, call: bool = False) -> Query:
    """Read the raw query string of a request; raises PGRST100 or PGRST103.

    In a ``call`` of a function with GET, a parameter that is no filter is an argument; anywhere
    else it is a mistake, and a filter that were silently ignored would show or change every row.
    """
    pairs = _pairs(raw)
    single = dict(reversed(pairs))  # of a repeated parameter the first counts
    scopes: dict[Path, Scope] = {}
    arguments: list[tuple[str, str]] = []
    for name, value in pairs:
        if name in ("select", "columns", "on_conflict"):
            continue
        if call and _is_argument(name, value):
            arguments.append((name, value))
        else:
            _put(scopes, name, value)
    select = parse_select(single.get("select", "*"))
    columns = single.get("columns")
    conflict = single.get("on_conflict")
    return Query(
        select=select or (SelectStar(),),
        scopes=scopes,
        columns=parse_names("columns parameter", columns) if columns else None,
        on_conflict=parse_names("on_conflict parameter", conflict) if conflict else None,
        arguments=tuple(arguments),
    )


def _pairs(raw: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except (UnicodeDecodeError, ValueError) as problem:
        raise unparsable("query string", "", 1, "it is not percent-encoded UTF-8") from problem


def _is_argument(name: str, value: str) -> bool:
    return name not in _WORDS and "." not in name and not looks_like_filter(value)


def _put(scopes: dict[Path, Scope], name: str, value: str) -> None:
    """Put the parameter on the level that it belongs to."""
    last = name.rpartition(".")[2]
    if last in ("and", "or"):
        path, operator, negated = _logic_path(name)
        scope = scopes.get(path, EMPTY_SCOPE)
        found = parse_logic(operator, value, negated=negated)
        scopes[path] = replace(scope, conditions=(*scope.conditions, found))
        return
    path, field = _path(name)
    scope = scopes.get(path, EMPTY_SCOPE)
    if last == "order":
        if value:
            scopes[path] = replace(scope, order=parse_order(value))
    elif last in ("limit", "offset"):
        scopes[path] = replace(scope, span=_span(scope.span, last, value))
    else:
        condition = parse_condition(field, value)
        scopes[path] = replace(scope, conditions=(*scope.conditions, condition))


def _path(name: str) -> tuple[Path, Field]:
    scanner = Scanner("tree path", name)
    names: list[str] = []
    field = parse_field(scanner)
    while not field.steps and scanner.take("."):
        names.append(field.name)
        field = parse_field(scanner)
    if not scanner.done():
        raise scanner.unexpected('"->>", "->", delimiter (.) or end of input')
    return tuple(names), field


def _logic_path(name: str) -> tuple[Path, str, bool]:
    path, field = _path(name)
    return tuple(one for one in path if one != "not"), field.name, "not" in path


def _span(before: Span, which: str, value: str) -> Span:
    """Read one bound; like PostgREST, what is no number counts as not given."""
    try:
        number = int(value)
    except ValueError:
        return before
    if which == "offset":
        return replace(before, offset=min(max(number, 0), _BIGINT_MAX))
    if number < 0:
        raise range_problem("Limit should be greater than or equal to zero.")
    return replace(before, limit=min(number, _BIGINT_MAX))

"""The ``select``, ``order``, ``columns`` and ``on_conflict`` parameters."""

from __future__ import annotations

import re

from keyturn.standins.rest.errors import aggregates
from keyturn.standins.rest.parse_filters import parse_field
from keyturn.standins.rest.scanner import Scanner
from keyturn.standins.rest.syntax import (
    OrderTerm,
    SelectField,
    SelectItem,
    SelectRelation,
    SelectStar,
)

_AGGREGATE = re.compile(r"(?:count|sum|avg|min|max)\(\)")


def parse_select(text: str) -> tuple[SelectItem, ...]:
    """Read a select list; raises PGRST100, or PGRST123 for an aggregate."""
    scanner = Scanner("select parameter", text)
    if not text.strip():
        return ()
    items = _items(scanner)
    if not scanner.done():
        raise scanner.unexpected('"," or end of input')
    return items


def parse_names(what: str, text: str) -> tuple[str, ...]:
    """Read a comma-separated list of column names."""
    scanner = Scanner(what, text)
    names = [scanner.name()]
    while scanner.token(","):
        names.append(scanner.name())
    if not scanner.done():
        raise scanner.unexpected('"," or end of input')
    return tuple(dict.fromkeys(names))


def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """Read an order list: ``name.desc.nullslast,data->>age,author(name)``."""
    scanner = Scanner("order", text)
    terms = [_order_term(scanner)]
    while scanner.token(","):
        terms.append(_order_term(scanner))
    if not scanner.done():
        raise scanner.unexpected('delimiter (.), "," or end of input')
    return tuple(terms)


def _order_term(scanner: Scanner) -> OrderTerm:
    field = parse_field(scanner)
    relation = None
    if not field.steps and scanner.take("("):
        relation, field = field.name, parse_field(scanner)
        scanner.expect(")")
    descending = False
    if scanner.take(".desc"):
        descending = True
    else:
        scanner.take(".asc")
    if scanner.take(".nullsfirst"):
        return OrderTerm(field, relation, descending, "first")
    if scanner.take(".nullslast"):
        return OrderTerm(field, relation, descending, "last")
    if scanner.peek() == ".":
        scanner.at += 1
        raise scanner.unexpected('"asc", "desc", "nullsfirst" or "nullslast"')
    return OrderTerm(field, relation, descending)


def _items(scanner: Scanner) -> tuple[SelectItem, ...]:
    scanner.deeper()
    items = [_item(scanner)]
    while scanner.token(","):
        items.append(_item(scanner))
    scanner.higher()
    return tuple(items)


def _item(scanner: Scanner) -> SelectItem:
    scanner.spaces()
    if scanner.take("..."):
        return _relation(scanner, None, scanner.name(), spread=True)
    if scanner.take("*"):
        scanner.spaces()
        return SelectStar()
    if _AGGREGATE.match(scanner.text, scanner.at):
        raise aggregates()
    alias = _alias(scanner)
    if _AGGREGATE.match(scanner.text, scanner.at):
        raise aggregates()
    field = parse_field(scanner)
    if not field.steps and scanner.peek() in ("(", "!"):
        return _relation(scanner, alias, field.name, spread=False)
    cast = _cast(scanner) if scanner.take("::") else None
    if scanner.peek() == "." and _AGGREGATE.match(scanner.text, scanner.at + 1):
        raise aggregates()
    scanner.spaces()
    if not scanner.done() and scanner.peek() not in ",)":
        raise scanner.unexpected('"->>", "->", "::", ")", "," or end of input')
    return SelectField(field, alias, cast)


def _alias(scanner: Scanner) -> str | None:
    before = scanner.at
    name = scanner.name()
    if scanner.peek() == ":" and not scanner.text.startswith("::", scanner.at):
        scanner.at += 1
        return name
    scanner.at = before
    return None


def _cast(scanner: Scanner) -> str:
    start = scanner.at
    while not scanner.done() and (scanner.peek().isalnum() or scanner.peek() in "_ $"):
        scanner.at += 1
    found = scanner.text[start : scanner.at].strip()
    if not found:
        raise scanner.unexpected("letter or digit")
    return found


def _relation(scanner: Scanner, alias: str | None, name: str, *, spread: bool) -> SelectRelation:
    hint = None
    inner = False
    while scanner.take("!"):
        word = scanner.name()
        if word == "inner":
            inner = True
        elif word != "left":
            hint = word
    scanner.expect("(")
    scanner.spaces()
    items: tuple[SelectItem, ...] = () if scanner.peek() == ")" else _items(scanner)
    scanner.expect(")")
    scanner.spaces()
    return SelectRelation(name, items, alias, hint, inner, spread)

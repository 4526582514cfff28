"""Horizontal filters and logic trees: ``id=not.in.(1,2)``, ``or=(a.eq.1,and(b.gt.2,c.is.null))``.

Grammar: PostgREST's "Tables and views" reference, read like its QueryParams module.
"""

from __future__ import annotations

import re
from typing import Literal

from keyturn.standins.rest.operators import IS_VALUES, OPERATORS, TEXT_SEARCH
from keyturn.standins.rest.scanner import Scanner
from keyturn.standins.rest.syntax import Condition, Field, JsonStep, Junction, Logic

_INDEX = re.compile(r"-?[0-9]{1,9}(?=->|::|[.,)]|$)")


def parse_condition(field: Field, text: str) -> Condition:
    """Read the value of a filter parameter; raises PGRST100."""
    scanner = Scanner("filter", text)
    return _condition(scanner, field, nested=False)


def parse_logic(operator: str, text: str, *, negated: bool) -> Junction:
    """Read the value of an ``and`` or ``or`` parameter, its parentheses included."""
    scanner = Scanner("logic tree", operator + text)
    scanner.take(operator)
    found = _junction(scanner, "and" if operator == "and" else "or", negated=negated)
    if not scanner.done():
        raise scanner.unexpected("end of input")
    return found


def parse_field(scanner: Scanner) -> Field:
    """Read a column name and its JSON path."""
    scanner.spaces()
    name = scanner.name()
    return Field(name, tuple(_steps(scanner)))


def _steps(scanner: Scanner) -> list[JsonStep]:
    steps: list[JsonStep] = []
    while scanner.take("->"):
        as_text = scanner.take(">")
        index = _INDEX.match(scanner.text, scanner.at)
        if index:
            scanner.at = index.end()
            steps.append(JsonStep(as_text, int(index.group())))
        else:
            steps.append(JsonStep(as_text, scanner.name()))
    return steps


def _junction(scanner: Scanner, operator: Literal["and", "or"], *, negated: bool) -> Junction:
    if not scanner.token("("):
        raise scanner.unexpected('"("')
    scanner.deeper()
    parts = [_logic(scanner)]
    while scanner.token(","):
        parts.append(_logic(scanner))
    if not scanner.token(")"):
        raise scanner.unexpected('"," or ")"')
    scanner.higher()
    return Junction(operator, tuple(parts), negated)


def _logic(scanner: Scanner) -> Logic:
    scanner.spaces()
    opening = re.compile(r"(not\.)?(and|or)[ \t]*(?=\()").match(scanner.text, scanner.at)
    if opening:
        scanner.at = opening.end()
        operator: Literal["and", "or"] = "and" if opening.group(2) == "and" else "or"
        return _junction(scanner, operator, negated=opening.group(1) is not None)
    field = parse_field(scanner)
    if not scanner.take("."):
        raise scanner.unexpected('"->>", "->" or delimiter (.)')
    return _condition(scanner, field, nested=True)


def _condition(scanner: Scanner, field: Field, *, nested: bool) -> Condition:
    negated = scanner.take("not.")
    start = scanner.at
    name = scanner.until(".(,)" if nested else ".(")
    modifier = _modifier(scanner)
    if not name or not scanner.take("."):
        scanner.at = start
        raise scanner.unexpected("operator (eq, gt, ...)")
    if name in TEXT_SEARCH:
        return Condition(field, name, _value(scanner, nested), negated, language=modifier)
    if name == "in" and modifier is None:
        return Condition(field, name, _members(scanner), negated)
    if name == "is" and modifier is None:
        return Condition(field, name, _is_value(scanner, nested), negated)
    quantifier = _quantifier(scanner, name, modifier)
    return Condition(field, name, _value(scanner, nested), negated, quantifier)


def _modifier(scanner: Scanner) -> str | None:
    if not scanner.take("("):
        return None
    found = scanner.until(")")
    scanner.expect(")")
    if not found or not all(letter.isalnum() or letter in "_ $" for letter in found):
        raise scanner.failure("a modifier is a plain word")
    return found


def _quantifier(scanner: Scanner, name: str, modifier: str | None) -> Literal["any", "all"] | None:
    operator = OPERATORS.get(name)
    if operator is None:
        raise scanner.failure(f"unknown single value operator {name}")
    if modifier is None:
        return None
    if operator.quantifiable and modifier == "any":
        return "any"
    if operator.quantifiable and modifier == "all":
        return "all"
    raise scanner.failure(f"unknown single value operator {name}({modifier})")


def _value(scanner: Scanner, nested: bool) -> str:
    if not nested:
        return scanner.rest()
    quoted = scanner.quoted_before(",)")
    if quoted is not None:
        return quoted
    if scanner.peek() == "{":
        end = scanner.text.find("}", scanner.at)
        if end > 0 and "{" not in scanner.text[scanner.at + 1 : end]:
            array = scanner.text[scanner.at : end + 1]
            scanner.at = end + 1
            return array
    return scanner.until(",)")


def _members(scanner: Scanner) -> tuple[str, ...]:
    if not scanner.token("("):
        raise scanner.unexpected('"("')
    members = [_member(scanner)]
    while scanner.take(","):
        members.append(_member(scanner))
    if not scanner.token(")"):
        raise scanner.unexpected('"," or ")"')
    return () if members == [""] else tuple(members)


def _member(scanner: Scanner) -> str:
    quoted = scanner.quoted_before(",)")
    return scanner.until(",)") if quoted is None else quoted


def _is_value(scanner: Scanner, nested: bool) -> str:
    start = scanner.at
    value = (scanner.until(",)") if nested else scanner.rest()).lower()
    if value not in IS_VALUES:
        scanner.at = start
        raise scanner.unexpected("null or trilean value (unknown, true, false)")
    return value

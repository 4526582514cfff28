"""Conditions as SQL. Operators are rows of a table, values are arguments."""

from __future__ import annotations

from collections.abc import Callable

from keyturn.standins.rest.operators import IS_VALUES, OPERATORS, TEXT_SEARCH
from keyturn.standins.rest.sql_text import Arguments, Expression
from keyturn.standins.rest.syntax import Condition, Logic

_TEXT_TYPES = frozenset({"text", "character varying", "bpchar", "citext", "name"})

ConditionSql = Callable[[Condition], str]
"""Turns one leaf into SQL: it knows the columns and the embedded resources in scope."""


def logic_sql(logic: Logic, leaf: ConditionSql) -> str:
    """Return a whole tree as SQL, fully parenthesised."""
    if isinstance(logic, Condition):
        return leaf(logic)
    joined = f" {logic.operator.upper()} ".join(logic_sql(part, leaf) for part in logic.parts)
    return f"NOT ({joined})" if logic.negated else f"({joined})"


def condition_sql(arguments: Arguments, left: Expression, condition: Condition) -> str:
    """Return ``left operator value`` as SQL."""
    sql = _positive(arguments, left, condition)
    return f"NOT ({sql})" if condition.negated else sql


def _positive(arguments: Arguments, left: Expression, condition: Condition) -> str:
    value = condition.value
    if isinstance(value, tuple):
        return f"{left.sql} = ANY({arguments.texts(value)}::{left.type}[])"
    if condition.operator == "is":
        return f"{left.sql} {IS_VALUES[value]}"
    if condition.operator in TEXT_SEARCH:
        return _text_search(arguments, left, condition, value)
    operator = OPERATORS[condition.operator]
    if operator.pattern:
        value = value.replace("*", "%")
    kind = "text" if operator.text else left.type
    placeholder = arguments.text(value)
    if condition.quantifier:
        right = f"{condition.quantifier.upper()}({placeholder}::{kind}[])"
    else:
        right = placeholder if kind == "text" else f"{placeholder}::{kind}"
    return f"{left.sql} {operator.sql} {right}"


def _text_search(arguments: Arguments, left: Expression, condition: Condition, value: str) -> str:
    language = ""
    if condition.language is not None:
        language = f"{arguments.text(condition.language)}::regconfig, "
    document = left.sql
    if left.type != "tsvector":
        subject = f"{left.sql}::text" if left.type in _TEXT_TYPES else left.sql
        document = f"to_tsvector({language}{subject})"
    function = TEXT_SEARCH[condition.operator]
    return f"{document} @@ {function}({language}{arguments.text(value)})"

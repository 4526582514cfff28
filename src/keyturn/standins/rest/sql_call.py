"""Calling a function: which overload the arguments fit, and the statement that calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyturn.flows.ports.rest import Catalogue, Parameter, Routine, Statement
from keyturn.standins.rest.errors import ambiguous_function, unknown_function, unsupported
from keyturn.standins.rest.sql_answer import NO_BODY, answer, body_sql, first_sql
from keyturn.standins.rest.sql_levels import Levels
from keyturn.standins.rest.sql_read import ReadOptions, read_from
from keyturn.standins.rest.sql_text import Arguments, Source, clauses, qualified, quoted
from keyturn.standins.rest.syntax import Query

_SINGLE_TYPES = ("json", "jsonb", "text", "bytea", "xml")


@dataclass(frozen=True, slots=True)
class Call:
    """A function and how its arguments arrive."""

    routine: Routine
    given: Mapping[str, tuple[str, ...]] | None = None
    """From a query string: each name with its values."""
    document: str | None = None
    """From a body: a JSON object, or the whole value for one unnamed parameter."""
    names: tuple[str, ...] = ()
    """The parameters that are given."""
    whole: bool = False
    """The document is the one unnamed parameter."""


def choose(
    catalogue: Catalogue, schema: str, name: str, names: Sequence[str], *, posted: bool
) -> tuple[Routine, bool]:
    """Return the overload for arguments ``names`` and whether it takes the whole body.

    Raises PGRST202 or PGRST203.
    """
    overloads = catalogue.routines.get((schema, name), ())
    fitting = [one for one in overloads if _fits(one, names)]
    if len(fitting) > 1:
        raise ambiguous_function(fitting)
    if fitting:
        return fitting[0], False
    single = [one for one in overloads if posted and _takes_whole_body(one)]
    if len(single) == 1:
        return single[0], True
    raise unknown_function(catalogue, schema, name, names, posted=posted)


def call_sql(catalogue: Catalogue, call: Call, query: Query, options: ReadOptions) -> Statement:
    """Return the statement that calls the function and shapes what it returns."""
    routine = call.routine
    arguments = Arguments()
    invocation, sources = _invocation(arguments, call)
    alias = arguments.alias()
    if routine.returns == "composite":
        if routine.row is None:
            raise unsupported(
                f"{routine.schema}.{routine.name} returns records whose columns nobody declared"
            )
        source = Source(routine.row, alias)
        levels = Levels(catalogue, arguments, query.scopes, options.max_rows)
        from_sql = f"{sources}{invocation} AS {alias}"
        if not routine.returns_set and options.shape.shape == "array":
            level = levels.build(source, query.select)
            levels.check_paths()
            return answer(arguments, level.select(from_sql, ""), body=first_sql())
        return read_from(levels, source, from_sql, query, options)
    rows = clauses("SELECT", f"{alias} AS kt_value", "FROM", f"{sources}{invocation} AS {alias}")
    if routine.returns == "void":
        return answer(arguments, rows, body=NO_BODY)
    if routine.returns_set:
        return answer(arguments, rows, body=body_sql(options.shape, "kt_value"))
    return answer(arguments, rows, body=first_sql("kt_value"))


def _fits(routine: Routine, names: Sequence[str]) -> bool:
    known = {one.name for one in routine.parameters if one.name}
    required = {one.name for one in routine.parameters if one.required}
    return required <= set(names) <= known


def _takes_whole_body(routine: Routine) -> bool:
    parameters = routine.parameters
    return len(parameters) == 1 and not parameters[0].name and parameters[0].type in _SINGLE_TYPES


def _invocation(arguments: Arguments, call: Call) -> tuple[str, str]:
    """Return the call itself, and the sources that must stand before it in ``FROM``."""
    routine = call.routine
    name = qualified(routine.schema, routine.name)
    used = [one for one in routine.parameters if one.name in call.names]
    if call.whole and call.document is not None:
        kind = routine.parameters[0].type
        return f"{name}({arguments.text(call.document)}::{kind})", ""
    if call.given is not None:
        listed = [_assigned(one, _from_text(arguments, one, call.given[one.name])) for one in used]
        return f"{name}({', '.join(listed)})", ""
    if not used or call.document is None:
        return f"{name}()", ""
    typed = ", ".join(f"{quoted(one.name)} {one.type}" for one in used)
    document = arguments.json(call.document)
    listed = [_assigned(one, f"kt_a.{quoted(one.name)}") for one in used]
    source = f"json_to_record({document}) AS kt_a({typed}), LATERAL "
    return f"{name}({', '.join(listed)})", source


def _assigned(parameter: Parameter, value: str) -> str:
    return f"{'VARIADIC ' if parameter.variadic else ''}{quoted(parameter.name)} := {value}"


def _from_text(arguments: Arguments, parameter: Parameter, values: tuple[str, ...]) -> str:
    if parameter.variadic:
        return f"{arguments.texts(values)}::{parameter.type}"
    return f"{arguments.text(values[-1])}::{parameter.type}"

"""PostgREST's own errors, one function per code, in its words (PostgREST v13–v16, Error.hs)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from keyturn.errors import KeyturnError
from keyturn.flows.ports.rest import Catalogue, Routine
from keyturn.profiles.postgrest import Answer


class RestError(KeyturnError):
    """The request cannot be answered."""

    code = "rest"

    def __init__(self, answer: Answer, *, stale: bool = False) -> None:
        """``stale``: a newer catalogue might know what was not found."""
        super().__init__(answer.message)
        self.answer = answer
        self.stale = stale


def _error(status: int, code: str, message: str, details: object = None, hint: str | None = None,
           *, stale: bool = False) -> RestError:  # fmt: skip
    return RestError(Answer(status, code, message, details, hint), stale=stale)


def unparsable(what: str, text: str, column: int, details: str) -> RestError:
    """Reject a query parameter: ``what`` it is, its text, where it broke (1-based) and why."""
    return _error(
        400, "PGRST100", f'"failed to parse {what} ({text})" (line 1, column {column})', details
    )


def rpc_method(method: str) -> RestError:
    """Reject a method that cannot call a function."""
    return _error(405, "PGRST101", f"Cannot use the {method} method on RPC")


def body_problem(message: str) -> RestError:
    """Reject a request body."""
    return _error(400, "PGRST102", message)


def body_too_large(limit: int) -> RestError:
    """Reject a body above the stand-in's own limit (PostgREST has none; a gateway has)."""
    return _error(413, "PGRST102", f"The request body is larger than {limit} bytes")


def range_problem(details: str) -> RestError:
    """Reject a range that cannot be served."""
    return _error(416, "PGRST103", "Requested range not satisfiable", details)


def put_filters() -> RestError:
    """Reject a PUT whose filters are not exactly the primary key."""
    return _error(
        405,
        "PGRST105",
        "Filters must include all and only primary key columns with 'eq' operators",
    )


def unknown_schema(schema: str, exposed: Sequence[str]) -> RestError:
    """Reject a profile header naming a schema that is not exposed."""
    listed = ", ".join(exposed)
    hint = f"Only the following schemas are exposed: {listed}"
    return _error(406, "PGRST106", f"Invalid schema: {schema}", hint=hint)


def media_type(wanted: Iterable[str]) -> RestError:
    """Reject an Accept header with nothing that can be produced."""
    listed = ", ".join(wanted)
    return _error(406, "PGRST107", f"None of these media types are available: {listed}")


def not_embedded(resource: str) -> RestError:
    """Reject a parameter for a resource that ``select`` does not embed."""
    return _error(
        400,
        "PGRST108",
        f"'{resource}' is not an embedded resource in this request",
        hint=f"Verify that '{resource}' is included in the 'select' query parameter.",
    )


def response_headers_problem() -> RestError:
    """Say that SQL set ``response.headers`` to something else than headers."""
    return _error(
        500,
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key "
        "and a string value",
    )


def response_status_problem() -> RestError:
    """Say that SQL set ``response.status`` to something else than a status."""
    return _error(500, "PGRST112", "response.status guc must be a valid status code")


def put_limits() -> RestError:
    """Reject limits on PUT."""
    return _error(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")


def put_mismatch() -> RestError:
    """Reject a PUT whose body has another primary key than the URL."""
    return _error(400, "PGRST115", "Payload values do not match URL in primary key column(s)")


def not_singular(rows: int) -> RestError:
    """Reject a result that is not one row when one object was asked for."""
    return _error(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        f"The result contains {rows} rows",
    )


def unsupported_method(method: str) -> RestError:
    """Reject an HTTP method."""
    return _error(405, "PGRST117", f"Unsupported HTTP method: {method}")


def order_not_to_one(origin: str, target: str) -> RestError:
    """Reject an order by a related resource that may have several rows."""
    return _error(
        400,
        "PGRST118",
        f"A related order on '{target}' is not possible",
        f"'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship",
    )


def embedded_filter(target: str) -> RestError:
    """Reject an operator other than ``is.null`` on an embedded resource."""
    return _error(
        400,
        "PGRST120",
        f"Bad operator on the '{target}' embedded resource",
        "Only is null or not is null filters are allowed on embedded resources",
    )


def bad_preferences(given: Iterable[str]) -> RestError:
    """Reject unknown preferences when ``handling=strict`` was asked for."""
    listed = ", ".join(given)
    return _error(
        400,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        f"Invalid preferences: {listed}",
    )


def aggregates() -> RestError:
    """Reject aggregate functions: off by default in PostgREST, and in Supabase."""
    return _error(400, "PGRST123", "Use of aggregate functions is not allowed")


def too_many_affected(rows: int) -> RestError:
    """Reject a write beyond ``max-affected``."""
    return _error(
        400,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        f"The query affects {rows} rows",
    )


def bad_path() -> RestError:
    """Reject a path that is neither a relation nor a function."""
    return _error(404, "PGRST125", "Invalid path specified in request URL")


def unsupported(details: str) -> RestError:
    """Reject something PostgREST can do and this stand-in cannot."""
    return _error(400, "PGRST127", "Feature not implemented", details)


def no_relationship(schema: str, parent: str, child: str, hint: str | None) -> RestError:
    """Reject an embedding without a foreign key between the two."""
    using = f" using the hint '{hint}'" if hint else ""
    return _error(
        400,
        "PGRST200",
        f"Could not find a relationship between '{parent}' and '{child}' in the schema cache",
        f"Searched for a foreign key relationship between '{parent}' and '{child}'{using} "
        f"in the schema '{schema}', but no matches were found.",
        stale=True,
    )


def ambiguous_relationship(
    parent: str, child: str, choices: Sequence[dict[str, str]], names: Sequence[str]
) -> RestError:
    """Reject an embedding that several foreign keys could mean."""
    listed = ", ".join(f"'{child}!{name}'" for name in names)
    return _error(
        300,
        "PGRST201",
        "Could not embed because more than one relationship was found for "
        f"'{parent}' and '{child}'",
        list(choices),
        f"Try changing '{child}' to one of the following: {listed}. "
        "Find the desired relationship in the 'details' key.",
    )


def unknown_function(
    catalogue: Catalogue, schema: str, name: str, arguments: Sequence[str], *, posted: bool
) -> RestError:
    """Reject a call that fits no function."""
    full = f"{schema}.{name}"
    listed = ", ".join(arguments)
    shape = f"({listed})" if arguments else " without parameters"
    plural = "s" if len(arguments) > 1 else ""
    searched = f" with parameter{plural} {listed}" if arguments else " without parameters"
    single = " or with a single unnamed json/jsonb parameter" if posted else ""
    return _error(
        404,
        "PGRST202",
        f"Could not find the function {full}{shape} in the schema cache",
        f"Searched for the function {full}{searched}{single}, "
        "but no matches were found in the schema cache.",
        _function_hint(catalogue, schema, name, arguments),
        stale=True,
    )


def _function_hint(
    catalogue: Catalogue, schema: str, name: str, arguments: Sequence[str]
) -> str | None:
    overloads = catalogue.routines.get((schema, name), ())
    if overloads:
        shapes = [
            "(" + ", ".join(sorted(p.name for p in one.parameters)) + ")" for one in overloads
        ]
        found = difflib.get_close_matches("(" + ", ".join(arguments) + ")", shapes, n=1, cutoff=0.3)
        return (
            f"Perhaps you meant to call the function {schema}.{name}{found[0]}" if found else None
        )
    names = [other for in_schema, other in catalogue.routines if in_schema == schema]
    found = difflib.get_close_matches(name, names, n=1)
    return f"Perhaps you meant to call the function {schema}.{found[0]}" if found else None


def ambiguous_function(routines: Sequence[Routine]) -> RestError:
    """Reject a call that fits several functions."""
    shapes = ", ".join(
        f"{one.schema}.{one.name}("
        + ", ".join(f"{p.name} => {p.type}" for p in one.parameters)
        + ")"
        for one in routines
    )
    return _error(
        300,
        "PGRST203",
        f"Could not choose the best candidate function between: {shapes}",
        hint="Try renaming the parameters or the function itself in the database so function "
        "overloading can be resolved",
    )


def unknown_write_column(relation: str, column: str) -> RestError:
    """Reject a body or ``columns`` naming a column that does not exist."""
    return _error(
        400,
        "PGRST204",
        f"Could not find the '{column}' column of '{relation}' in the schema cache",
        stale=True,
    )


def unknown_relation(catalogue: Catalogue, schema: str, name: str) -> RestError:
    """Reject a path naming no table or view."""
    names = [other for in_schema, other in catalogue.relations if in_schema == schema]
    close = difflib.get_close_matches(name, names, n=1)
    return _error(
        404,
        "PGRST205",
        f"Could not find the table '{schema}.{name}' in the schema cache",
        hint=f"Perhaps you meant the table '{schema}.{close[0]}'" if close else None,
        stale=True,
    )


def unknown_column(relation: str, column: str) -> RestError:
    """Reject a name in select, a filter or an order, in the words of PostgreSQL."""
    return _error(400, "42703", f"column {relation}.{column} does not exist", stale=True)


def unknown_type(name: str) -> RestError:
    """Reject a cast to a type that does not exist, in the words of PostgreSQL."""
    return _error(400, "42704", f'type "{name}" does not exist', stale=True)


def needs_where(verb: str) -> RestError:
    """Reject a write to every row; Supabase loads ``safeupdate`` for role authenticator."""
    return _error(400, "21000", f"{verb} requires a WHERE clause")


def root_forbidden(*, authenticated: bool) -> RestError:
    """Reject reading the schema description with any role but service_role."""
    return _error(
        403 if authenticated else 401,
        "42501",
        "permission denied for the schema description",
        hint="Only role service_role may read the OpenAPI description.",
    )


def database_away() -> RestError:
    """Say that the database cannot be reached."""
    return _error(503, "PGRST000", "Database connection error. Retrying the connection.")


def defect() -> RestError:
    """Say that the stand-in itself failed; the log has the reason."""
    return _error(500, "PGRSTX00", "The REST stand-in failed; its log says why.")

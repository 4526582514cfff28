"""How commands speak: results to stdout, talk to stderr, one JSON object with ``--json``.

Exit codes are DESIGN §7's: 0 done · 1 findings · 2 usage · 3 drift or conflict, nothing changed ·
4 something unreachable · 5 refused as unsafe · 75 a wait is not over · 130 interrupted.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NoReturn, ParamSpec, TextIO, TypeVar

import click

from keyturn.errors import (
    Conflict,
    Detail,
    KeyturnError,
    RefusedUnsafe,
    Unreachable,
    UsageError,
    WaitNotOver,
)

SCHEMA_VERSION: Final = 1
EXIT_DONE: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFLICT: Final = 3
EXIT_UNREACHABLE: Final = 4
EXIT_UNSAFE: Final = 5
EXIT_WAIT: Final = 75
EXIT_INTERRUPTED: Final = 130

# The first class that fits decides, so a subclass stands before its parent.
_EXIT_CODES: Final[Sequence[tuple[type[KeyturnError], int]]] = (
    (UsageError, EXIT_USAGE),
    (Conflict, EXIT_CONFLICT),
    (Unreachable, EXIT_UNREACHABLE),
    (WaitNotOver, EXIT_WAIT),
    (RefusedUnsafe, EXIT_UNSAFE),
)

_SGR: Final[Mapping[str, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def exit_code(error: KeyturnError) -> int:
    """Return the exit code of ``error``; 1 (findings) for those that are in no row."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_FINDINGS)


def coloured(stream: TextIO) -> bool:
    """Return whether ``stream`` may carry colour: a terminal, and ``NO_COLOR`` unset or empty."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """Return ``text`` in ``style`` (a name of ``_SGR``) when ``stream`` may carry colour."""
    if not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Talk to the person: one line on stderr."""
    click.echo(text, err=True)


def emit(payload: Mapping[str, object], as_json: bool, human: str | Callable[[], str]) -> None:
    """Print a result: ``payload`` with its ``schema_version``, or the text for people."""
    if as_json:
        click.echo(to_json(payload))
    else:
        click.echo(human if isinstance(human, str) else human())


def to_json(payload: Mapping[str, object]) -> str:
    """Return one line of JSON; aware datetimes become RFC 3339, other values must be plain."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **payload}, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} does not belong in a result")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return left-aligned columns two spaces apart, with a dim line of headers."""
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headers, *rows)
    ]
    return "\n".join((paint(lines[0], "dim"), *lines[1:]))


def error_payload(error: KeyturnError) -> dict[str, object]:
    """Return ``{code, message, hint, docs}``, and the time at which a wait will be over."""
    payload: dict[str, object] = dict(error.as_dict())
    if isinstance(error, WaitNotOver):
        payload["until"] = error.until_unix
    if isinstance(error, RefusedUnsafe) and error.details:
        payload["details"] = [one.as_dict() for one in error.details]
    return payload


def print_error(error: KeyturnError, *, as_json: bool) -> None:
    """Print ``error``: JSON to stdout (one object, like a result), or lines to stderr.

    Several reasons are a list, each with its place and its remedy.
    """
    if as_json:
        click.echo(to_json(error_payload(error)))
        return
    details = error.details if isinstance(error, RefusedUnsafe) else ()
    if len(details) > 1:
        say(f"{paint('error:', 'red', sys.stderr)} {len(details)} things stand in the way:")
        _say_list(details)
    else:
        say(f"{paint('error:', 'red', sys.stderr)} {error.message}")
    if error.hint and not (len(details) > 1 and details[0].remedy):
        say(f"{paint('hint:', 'cyan', sys.stderr)} {error.hint}")


def _say_list(details: Sequence[Detail]) -> None:
    for one in details:
        say(f"  - {f'{one.place}: ' if one.place else ''}{one.problem}")
        if one.remedy:
            say(f"    {paint('fix:', 'cyan', sys.stderr)} {one.remedy}")


def fail(error: KeyturnError, *, as_json: bool = False) -> NoReturn:
    """Print ``error`` and leave with its exit code."""
    print_error(error, as_json=as_json)
    sys.exit(exit_code(error))


def reports_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a command: a :class:`KeyturnError` is printed and becomes its exit code.

    The command's ``as_json`` argument, when it has one, decides the form. Put it below the options.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except KeyturnError as error:
            fail(error, as_json=kwargs.get("as_json") is True)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)

    return guarded

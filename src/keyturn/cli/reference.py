"""Renders ``docs/reference/cli.md`` from the commands themselves; a test compares the two.

``python -m keyturn.cli.reference > docs/reference/cli.md`` writes it anew.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Final

import click

from keyturn.cli.main import COMMANDS, cli

_HEAD: Final = """<!-- Written by `python -m keyturn.cli.reference`; do not edit. -->

# The `keyturn` command

Results go to stdout, talk to stderr. `--json` prints one JSON object with a `schema_version`; an
error is then `{code, message, hint, docs}`. Colour only on a terminal, never with `NO_COLOR` set.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | findings: a check did not hold, or a part is not well |
| 2 | the command was not understood, or a setting cannot be used |
| 3 | conflict: nothing was changed |
| 4 | something could not be reached |
| 5 | refused because it is not safe |
| 75 | a wait is not over; the message says until when |
| 130 | interrupted |
"""


def render() -> str:
    """Return the whole page."""
    context = click.Context(cli, info_name="keyturn")
    parts = [_HEAD]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            parts.extend(_command(command, f"keyturn {name}", 2))
    return "\n".join(parts)


def _command(command: click.Command, path: str, depth: int) -> Iterator[str]:
    """Yield the section of ``command`` and, for a group, those of its commands."""
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"{'#' * depth} `{path}`\n"
    yield f"```\n{path} {usage}\n```\n"
    yield _prose(command.help or command.short_help or "")
    rows = [_row(option, context) for option in command.params if not _hidden(option)]
    rows = [row for row in rows if row]
    if rows:
        yield "| option | meaning |\n|---|---|"
        yield "\n".join(rows) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, f"{path} {name}", depth + 1)


def _hidden(parameter: click.Parameter) -> bool:
    return not isinstance(parameter, click.Option) or parameter.hidden


def _row(parameter: click.Parameter, context: click.Context) -> str:
    record = parameter.get_help_record(context)
    if record is None:
        return ""
    flags, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
    return f"| `{flags}` | {meaning} |"


def _prose(text: str) -> str:
    paragraphs = inspect.cleandoc(text.replace("\f", "")).split("\n\n")
    return "\n\n".join(_paragraph(paragraph) for paragraph in paragraphs) + "\n"


def _paragraph(text: str) -> str:
    """Return ``text``; lines that click is told to leave alone become a block of their own."""
    mark, _, lines = text.partition("\n")
    return f"```\n{inspect.cleandoc(lines)}\n```" if mark.strip() == "\b" else text


if __name__ == "__main__":
    sys.stdout.write(render())

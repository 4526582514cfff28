"""Renders ``docs/reference/settings.md`` from the table of settings.

``python -m keyturn.wiring.settings_docs > docs/reference/settings.md``; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from keyturn.wiring.settings_idle import IDLE
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_table import SECTIONS

_HEAD: Final = """\
# Settings of `keyturn serve`

Every variable is read once, at start. An empty variable counts as unset. All mistakes are reported
together, by name and without the value, and nothing starts (exit code 2).

A secret can be given by file: `NAME_FILE` holds a path, and the file's content, without its last
line end, is the value. Setting both is a mistake. Secrets are never options of a command, because
other users of the machine can read a command's arguments.

Durations are Go's: `10s`, `5m`, `1h30m`.

Variables that begin with `GOTRUE_` and are not in these tables are reported in the log at start:
those that GoTrue knows with the reason why they change nothing here, others as unknown, with the
name that was perhaps meant.
"""

_IDLE_HEAD: Final = """\
## GoTrue's variables without effect

Names are regular expressions without the prefix `GOTRUE_`.

| Variables | Why |
|---|---|
"""


def render() -> str:
    """Return the whole page."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "<!-- Written by `python -m keyturn.wiring.settings_docs`; do not edit. -->"
    yield ""
    yield _HEAD
    for section, rows in SECTIONS.items():
        yield f"## {section}\n"
        yield "| Variable | Type | Default | Meaning |"
        yield "|---|---|---|---|"
        yield from (_line(row) for row in rows)
        yield ""
    yield _IDLE_HEAD + "\n".join(f"| `{_cell(row.pattern)}` | {row.why} |" for row in IDLE)
    yield ""


def _line(row: Setting) -> str:
    names = f"`{row.name}`"
    if row.aliases:
        names += "<br>also " + ", ".join(f"`{alias}`" for alias in row.aliases)
    default = f"`{_cell(row.default)}`" if row.default is not None else ""
    return f"| {names} | {row.kind} | {default} | {_cell(row.meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())

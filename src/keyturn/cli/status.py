"""``keyturn status``: the parts of a running stack, and its key ring."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from keyturn.cli.output import EXIT_UNREACHABLE, emit, json_option, paint, reports_errors, table
from keyturn.keyring.states import KeyState
from keyturn.wiring.stack_control import StackStatus, status_of

# As in `keys list`.
_STATES: Final = tuple(KeyState)


@click.command("status", short_help="Show the parts of a running stack.")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="The stack's folder [default: $KEYTURN_DATA_DIR, else .keyturn].",
)
@json_option
@reports_errors
def command(data_dir: str | None, as_json: bool) -> None:
    """Show what runs, since when, and which keys sign and verify.

    Exits with 0 when all parts are ready, 1 when one is not, 4 when nothing runs.
    """
    status = status_of(data_dir)
    emit(status.as_json(), as_json, lambda: _page(status))
    if not status.running:
        sys.exit(EXIT_UNREACHABLE)
    if not status.healthy:
        sys.exit(1)


def _page(status: StackStatus) -> str:
    if status.state is None:
        return f"Nothing runs in {status.data_dir}. Start it with `keyturn up`."
    state = status.state
    parts = [_part_row(part) for part in status.parts]
    blocks = [
        f"{paint('Keyturn', 'bold')} runs in {state.data_dir} (pid {state.pid}), {state.api_url}",
        table(("PART", "STATE", "PID", "UP FOR", "RESTARTS", "LAST EXIT"), parts),
    ]
    if state.ring is not None:
        known = sorted(state.ring["keys"], key=lambda key: _STATES.index(key["state"]))
        keys = [
            [key["state"], key["kid"], key["alg"] + (" legacy" if key["legacy"] else "")]
            for key in known
        ]
        blocks.append(table(("STATE", "KID", "TYPE"), keys))
    return "\n\n".join(blocks)


def _part_row(part: dict[str, Any]) -> list[str]:
    return [
        part["name"],
        part["state"],
        str(part["pid"] or "-"),
        f"{part['uptime_seconds']} s" if part["uptime_seconds"] is not None else "-",
        str(part["restarts"]),
        part["last_exit"] or "-",
    ]

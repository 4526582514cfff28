"""``keyturn down``: stop a running stack."""

from __future__ import annotations

import click

from keyturn.cli.output import emit, json_option, reports_errors
from keyturn.wiring.stack_control import stop_stack


@click.command("down", short_help="Stop a running stack.")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="The stack's folder [default: $KEYTURN_DATA_DIR, else .keyturn].",
)
@json_option
@reports_errors
def command(data_dir: str | None, as_json: bool) -> None:
    """Stop the stack that runs in the data folder, and wait until it has ended.

    Nothing that was stored is removed: `keyturn up` continues where it left off. Stopping a stack
    that does not run is no error.
    """
    stopped = stop_stack(data_dir)
    payload = {"stopped": stopped.pid is not None, "pid": stopped.pid}
    emit(
        payload,
        as_json,
        lambda: (
            "Nothing was running."
            if stopped.pid is None
            else f"Stopped pid {stopped.pid} in {stopped.seconds:.1f} s."
        ),
    )

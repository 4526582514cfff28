"""``keyturn console-password``: a second way into the console, beside the one-time link."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from keyturn.cli.output import emit, json_option, reports_errors

if TYPE_CHECKING:
    from keyturn.secret import Secret

_LARGEST: Final = 4096


@click.command("console-password", short_help="Set or remove the console's password.")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="The stack's folder [default: $KEYTURN_DATA_DIR, else .keyturn].",
)
@click.option("--file", "source", metavar="FILE", help="The password, or - for stdin.")
@click.option("--remove", is_flag=True, help="Let only one-time links in.")
@json_option
@reports_errors
def command(data_dir: str | None, source: str | None, remove: bool, as_json: bool) -> None:
    """Ask for a password, or read it from a file, and keep its hash (bcrypt).

    It counts at once for a console that runs. Sessions that are open go on.
    """
    from keyturn.errors import UsageError
    from keyturn.wiring.console_password import remove_password, set_password

    if remove:
        if source is not None:
            raise UsageError("--remove and --file exclude each other.")
        was = remove_password(data_dir)
        words = "Removed: only links let in." if was else "There was no password."
        emit({"password": False, "changed": was}, as_json, words)
        return
    path = set_password(data_dir, _read(source))
    emit({"password": True, "changed": True}, as_json, f"Set. Its hash is in {path}.")


def _read(source: str | None) -> Secret:
    from keyturn.errors import UsageError
    from keyturn.secret import Secret

    if source is None:
        if not sys.stdin.isatty():
            raise UsageError(
                "There is no terminal to ask on.", hint="Give --file FILE, or --file - for stdin."
            )
        typed = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
        return Secret(typed)
    try:
        with click.open_file(source, "rb") as stream:
            content = stream.read(_LARGEST)
    except OSError as problem:
        raise UsageError(f"{source} cannot be read: {problem.strerror}.") from None
    return Secret(content.rstrip(b"\r\n"))

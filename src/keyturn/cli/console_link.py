"""``keyturn console-link``: let somebody into the console of a running stack."""

from __future__ import annotations

import click

from keyturn.cli.output import emit, json_option, reports_errors, say
from keyturn.cli.whoami import actor_name, actor_option


@click.command("console-link", short_help="Print a sign-in link for the console.")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="The stack's folder [default: $KEYTURN_DATA_DIR, else .keyturn].",
)
@click.option("--read-only", is_flag=True, help="Whoever uses it may look and change nothing.")
@actor_option
@json_option
@reports_errors
def command(data_dir: str | None, read_only: bool, actor: str | None, as_json: bool) -> None:
    """Print an address that signs in once, within ten minutes.

    It needs the master key of the data folder, so it works for whoever runs the stack.
    """
    # Imported here: `--help` needs no cryptography.
    from keyturn.wiring.console_link import link_of_running

    link = link_of_running(
        data_dir, actor=actor_name(actor), role="read_only" if read_only else "full"
    )
    emit({"url": link.url, "expires_at": link.expires_at}, as_json, link.url)
    if not as_json:
        say("It works once, within ten minutes.")

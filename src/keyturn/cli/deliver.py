"""``keyturn deliver``: how a new key reaches each service of a deployment, and why that way."""

from __future__ import annotations

from typing import Any

import click

from keyturn.cli.change_options import change_options, folder_argument, options_for_reading
from keyturn.cli.output import emit, json_option, reports_errors, table


@click.command("deliver", short_help="Show how a new key reaches each service, and why that way.")
@folder_argument
@click.option("--explain", is_flag=True, help="Add why each service goes that way.")
@options_for_reading
@json_option
@reports_errors
def command(folder: str, explain: bool, as_json: bool, **given: Any) -> None:
    """Show which services of DIR poll, which reload, and which must be created anew."""
    from keyturn.migrate.delivery import deliveries
    from keyturn.wiring.change import Workshop

    found = deliveries(Workshop(change_options(folder, given)).inventory())
    rows = [(one.service, one.how.value, one.notice or "Nobody notices.") for one in found]
    text = table(("SERVICE", "HOW", "WHAT USERS NOTICE"), rows) if rows else "no service has keys"
    if explain:
        text += "\n\n" + "\n".join(f"{one.service}: {one.why}." for one in found)
    emit({"deliveries": [one.as_dict() for one in found]}, as_json, text)

"""``keyturn rotate``: the asymmetric key of a deployment, turned without logging anybody out."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

import click

from keyturn.cli.change_options import (
    ChangeGroup,
    change_options,
    folder_argument,
    options_for_changing,
)
from keyturn.cli.change_verbs import VERBS, carry_out, unfinished
from keyturn.cli.output import json_option, reports_errors
from keyturn.errors import UsageError


@click.group("rotate", cls=ChangeGroup, short_help="Turn the signing key of a deployment.")
def command() -> None:
    """Turn the asymmetric signing key of the Supabase docker folder DIR.

    The standby key begins to sign, the former one goes on verifying until its last token has
    expired, and the next standby is published: each service is told once.

    \b
    keyturn rotate DIR                            the routine rotation
    keyturn rotate DIR --publish                  only publish another standby
    keyturn rotate DIR --revoke KID --confirm KID an emergency: KID ends at once
    keyturn rotate status|resume|undo|rollback DIR
    keyturn rotate run --help                     every option
    """


@command.command("run", short_help="Show the rotation and carry it out (the default).")
@folder_argument
@click.option("--publish", is_flag=True, help="Only publish another standby key.")
@click.option("--revoke", metavar="KID", help="Stop trusting KID everywhere, at once.")
@click.option("--confirm", metavar="KID", help="The key's name, typed again.")
@click.option("--keep", is_flag=True, help="Keep former keys whose tokens have all expired.")
@click.option(
    "--jwks-cache",
    type=click.IntRange(0, 86_400),
    default=0,
    metavar="SECONDS",
    help="What your CDN or proxy caches the JWKS for, added to the wait.",
)
@click.option("--every", metavar="DAYS", help="Say how to have this done every so many days.")
@options_for_changing
@json_option
@reports_errors
def run(folder: str, as_json: bool, **given: Any) -> None:
    """Plan the rotation, show it, ask, and carry it out."""
    from keyturn.flows.rotate import TurnWish, plan_rotation
    from keyturn.wiring.change import Workshop
    from keyturn.wiring.evidence import gather

    _confirmed(given)
    _not_scheduled(folder, given["every"])
    workshop = Workshop(change_options(folder, given))
    wish = TurnWish(given["publish"], given["revoke"], given["jwks_cache"], given["keep"])
    if unfinished(workshop, given, wish.verb, as_json=as_json):
        return
    deployment = workshop.deployment(asyncio.run(workshop.dialect()))
    proposal = plan_rotation(deployment, wish, gather(workshop.runs))
    carry_out(workshop, proposal, given, as_json=as_json)


def _confirmed(given: dict[str, Any]) -> None:
    if given["confirm"] is not None and given["revoke"] is None:
        raise UsageError("--confirm belongs to --revoke; a plain rotation ends nobody's session")
    if given["revoke"] is not None and not given["dry_run"] and given["confirm"] != given["revoke"]:
        raise UsageError(
            "Revoking a key ends trust in it and wants its name typed again.",
            hint=f"Add --confirm {given['revoke']}, or --dry-run to look first.",
        )


def _not_scheduled(folder: str, every: str | None) -> None:
    if every is not None:
        raise UsageError(
            "`rotate` turns the key now, once; a timer is written by `keyturn schedule`.",
            hint=f"keyturn schedule {shlex.quote(folder)} --every {shlex.quote(every)}",
        )


for _name, _command in VERBS.items():
    command.add_command(_command, _name)

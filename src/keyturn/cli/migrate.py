"""``keyturn migrate``: a self-hosted Supabase from HS256 to ES256, phase by phase."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from keyturn.cli.change_options import (
    ChangeGroup,
    change_options,
    folder_argument,
    options_for_changing,
    options_for_running,
)
from keyturn.cli.change_verbs import VERBS, apply_written, carry_out, unfinished
from keyturn.cli.output import emit, json_option, reports_errors


@click.group(
    "migrate",
    cls=ChangeGroup,
    short_help="Take a deployment from HS256 to ES256, phase by phase.",
)
def command() -> None:
    """Take the Supabase docker folder DIR to the next phase of the migration to ES256.

    \b
    1  every service verifies HS256 and ES256; Auth signs as before
    2  Auth signs ES256; old sessions stay valid
    3  the legacy secret and keys end

    Nothing is changed that was not shown first. Each step is backed up, proven with short-lived
    tokens, and taken back when a proof fails.

    \b
    keyturn migrate DIR                 show the next phase, ask, carry it out
    keyturn migrate DIR --dry-run       only show it
    keyturn migrate status DIR          where it stands, and what it waits for
    keyturn migrate resume DIR          go on after an interruption or a wait
    keyturn migrate undo DIR            take back one step
    keyturn migrate rollback DIR        take back the whole phase
    keyturn migrate run --help          every option
    """


@command.command("run", short_help="Show the next phase and carry it out (the default).")
@folder_argument
@click.option("--phase", type=click.IntRange(1, 3), help="This one instead of the next.")
@click.option("--key-file", metavar="FILE", help="Your own key (PEM, JWK, JWT_KEYS); - is stdin.")
@click.option("--alg", help="ES256 (the default), RS256 or EdDSA.")
@click.option(
    "--jwks-cache",
    type=click.IntRange(0, 86_400),
    default=0,
    metavar="SECONDS",
    help="What your CDN or proxy caches the JWKS for, added to the wait before phase 2.",
)
@click.option("--access-log", metavar="FILE", help="Phase 3: who still uses legacy keys.")
@click.option("--database-url-file", metavar="FILE", help="Phase 3: look for legacy keys there.")
@click.option("--i-know", metavar="REASON", help="Phase 3 all the same; the reason is kept.")
@options_for_changing
@json_option
@reports_errors
def run(folder: str, as_json: bool, **given: Any) -> None:
    """Plan the next phase, show it, ask, and carry it out."""
    from keyturn.cli.own_key import read_own_key
    from keyturn.cli.phase_options import check_going_on, check_used
    from keyturn.flows.migrate import NothingLeft, Wish, plan_migration
    from keyturn.migrate.deployment_keys import named
    from keyturn.wiring.change import Workshop
    from keyturn.wiring.evidence import gather

    workshop = Workshop(change_options(folder, given))
    asked = f"phase {given['phase']}" if given["phase"] else "phase"
    key = read_own_key(given["key_file"], given["alg"])
    check_going_on(workshop.runs, given, key)
    if unfinished(workshop, given, asked, as_json=as_json):
        return
    given["own_kid"] = named(key).kid if key is not None else None
    wish = Wish(
        given["phase"],
        key,
        given["alg"] or (key.alg if key is not None else "ES256"),
        given["jwks_cache"],
        given["i_know"],
    )
    evidence = gather(workshop.runs, given["access_log"], given["database_url_file"])
    deployment = workshop.deployment(asyncio.run(workshop.dialect()))
    try:
        proposal = plan_migration(deployment, wish, evidence)
    except NothingLeft as done:
        payload = {"status": done.code, "message": done.message, "hint": done.hint}
        emit(payload, as_json, f"{done.message} {done.hint}")
    else:
        check_used(given, proposal.prepared.plan.verb)
        carry_out(workshop, proposal, given, as_json=as_json)


@command.command("apply", short_help="Carry out a plan that was written with --out.")
@click.argument("plan_file", metavar="PLAN")
@folder_argument
@options_for_running
@json_option
@reports_errors
def apply(plan_file: str, folder: str, as_json: bool, **given: Any) -> None:
    """Carry out PLAN; refused when a file changed since it was written."""
    from keyturn.cli.handover import read_text
    from keyturn.migrate.plan_json import parse_plan
    from keyturn.wiring.change import Workshop

    workshop = Workshop(change_options(folder, given))
    apply_written(workshop, parse_plan(read_text(plan_file)), given, as_json=as_json)


for _name, _command in VERBS.items():
    command.add_command(_command, _name)

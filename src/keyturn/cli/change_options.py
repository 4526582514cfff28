"""The options that every command has which changes a deployment, and its four common verbs."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from keyturn.cli.output import emit, json_option, reports_errors, say
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.flows.change import Proposal
    from keyturn.flows.ports.apply import Progress
    from keyturn.migrate.run import Run
    from keyturn.wiring.change import ChangeOptions, Talk, Workshop

F = TypeVar("F", bound=Callable[..., Any])
PASSWORD_VARIABLE: Final = "KEYTURN_CHECK_PASSWORD"  # noqa: S105 - a variable's name

_READING: Final = (
    click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="As docker compose."),
    click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env."),
    click.option("--profile", "profiles", multiple=True, metavar="NAME", help="As docker compose."),
)
_RUNNING: Final = (
    click.option(
        "--runner",
        metavar="HOW",
        help="docker, docker-compose, podman-compose, print (you run the commands), or a command "
        'of yours: "ssh host redeploy {service}". Otherwise what the change began with, at first '
        "whichever is installed.",
    ),
    click.option("--url", metavar="URL", help="The gateway; otherwise SUPABASE_PUBLIC_URL."),
    click.option("--no-probe", is_flag=True, help="Prove nothing on running services."),
    click.option(
        "--check-email",
        "email",
        metavar="EMAIL",
        help=f"Sign in as this user for proof, with {PASSWORD_VARIABLE}; otherwise a throw-away "
        "user is made and deleted.",
    ),
    click.option("--wait", is_flag=True, help="Wait as long as a step must; otherwise exit 75."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask before the plan is carried out."),
)
_WRITING: Final = (
    click.option("--in-place", is_flag=True, help="Change the compose file, not an override."),
    click.option("-n", "--dry-run", is_flag=True, help="Show the plan and change nothing."),
    click.option("--out", "plan_file", metavar="FILE", help="Write the plan; apply it later."),
    click.option(
        "--output",
        "elsewhere",
        metavar="DIR",
        help="Write the changed files there instead, for a pull request.",
    ),
)


def options_for_reading(function: F) -> F:
    """Add what says which files are the deployment."""
    return _with(_READING, function)


def options_for_running(function: F) -> F:
    """Add what says how services are told and asked."""
    return _with((*_READING, *_RUNNING), function)


def options_for_changing(function: F) -> F:
    """Add everything."""
    return _with((*_READING, *_WRITING, *_RUNNING), function)


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def change_options(folder: str, given: dict[str, Any]) -> ChangeOptions:
    """Return the options as wiring takes them."""
    from keyturn.wiring.change import ChangeOptions

    names = ("files", "env_files", "profiles", "in_place", "runner", "url", "no_probe", "email")
    chosen = {name: given[name] for name in names if given.get(name) is not None}
    password = os.environ.get(PASSWORD_VARIABLE)
    if given.get("email") and not password:
        raise UsageError(f"There is no password for {given['email']}: set {PASSWORD_VARIABLE}.")
    return ChangeOptions(folder, **chosen, password=password)


def talk(*, as_json: bool, interactive: bool = True) -> Talk:
    """Return how a run speaks here."""
    from keyturn.cli.change_view import Teller, ndjson
    from keyturn.wiring.change import Talk

    show: Callable[[Progress], None] = ndjson if as_json else Teller(time.monotonic)

    async def confirm(question: str) -> bool:
        if not interactive or not sys.stdin.isatty():
            raise UsageError(f"{question} Nobody can answer: there is no terminal.")
        return await asyncio.to_thread(click.confirm, question, err=True)

    return Talk(show, say, confirm)


def carry_out(
    workshop: Workshop, proposal: Proposal, given: dict[str, Any], *, as_json: bool
) -> None:
    """Show the plan and do with it what was asked for: nothing, write it, or carry it out."""
    from keyturn.cli.change_view import proposal_payload, proposal_text

    if given["elsewhere"]:
        return _export(proposal, given["elsewhere"], as_json=as_json)
    if given["plan_file"]:
        return _write_plan(workshop, proposal, given["plan_file"], as_json=as_json)
    if given["dry_run"]:
        return emit(proposal_payload(proposal), as_json, lambda: proposal_text(proposal))
    if not given["yes"]:
        _ask(proposal_text(proposal), as_json=as_json)
    return _apply(workshop, proposal, given, as_json=as_json)


def _ask(shown: str, *, as_json: bool) -> None:
    say(shown)
    if as_json or not sys.stdin.isatty():
        raise UsageError(
            "Nobody confirmed the plan.", hint="Add --yes to carry it out, or --dry-run to look."
        )
    click.confirm("Carry this out?", abort=True, err=True)


def _export(proposal: Proposal, folder: str, *, as_json: bool) -> None:
    from keyturn.flows.apply_status import export_changes
    from keyturn.wiring.change import elsewhere

    written = export_changes(proposal.prepared, elsewhere(folder))
    text = "\n".join(f"{folder}/{path}" for path in written)
    emit({"written": list(written), "folder": folder}, as_json, text)


def _write_plan(workshop: Workshop, proposal: Proposal, file: str, *, as_json: bool) -> None:
    import json
    from pathlib import Path

    from keyturn.adapters.new_file import create_new
    from keyturn.cli.handover import FileExists
    from keyturn.flows.apply_plan import stage
    from keyturn.migrate.plan_json import plan_document

    with workshop.journal.lock():
        stage(workshop.idle_ports(), proposal.prepared)
    content = json.dumps(plan_document(proposal.prepared.plan), indent=1).encode() + b"\n"
    try:
        create_new(Path(file), content, mode=0o644)
    except FileExistsError:
        raise FileExists(f"{file} exists already; nothing was written") from None
    emit(
        {"plan": file},
        as_json,
        f"{file}: it holds no secret; the new values wait in .keyturn/.\n"
        f"Carry it out with: keyturn migrate apply {file} {workshop.options.folder}",
    )


def _apply(workshop: Workshop, proposal: Proposal, given: dict[str, Any], *, as_json: bool) -> None:
    from keyturn.flows.apply_plan import begin

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        chosen = {**workshop.chosen(), **_own_key(given)}
        return await begin(ports, proposal.prepared, wait=given["wait"], chosen=chosen)

    show_applied(proposal.prepared.plan, asyncio.run(go()), as_json)


folder_argument = click.argument("folder", default=".", metavar="[DIR]")


def _verb(name: str, help_text: str) -> Callable[[Callable[..., None]], click.Command]:
    def decorate(function: Callable[..., None]) -> click.Command:
        made = reports_errors(function)
        made = json_option(options_for_running(folder_argument(made)))
        return click.command(name, help=help_text)(made)

    return decorate


@_verb("status", "Show how the newest change stands, and what it waits for.")
def status(folder: str, as_json: bool, **given: Any) -> None:
    """Read the journal."""
    from keyturn.cli.change_view import standing_text
    from keyturn.flows.apply_status import status as look
    from keyturn.wiring.change import Workshop

    standing = look(Workshop(change_options(folder, given)).idle_ports())
    payload = {"change": standing.as_dict() if standing else None}
    emit(payload, as_json, lambda: standing_text(standing))


@_verb("resume", "Go on with a change that was interrupted, or that waited.")
def resume(folder: str, as_json: bool, **given: Any) -> None:
    """Go on forward, or with taking back."""
    from keyturn.wiring.change import Workshop

    go_on(Workshop(change_options(folder, given)), given, as_json=as_json)


def unfinished(workshop: Workshop, given: dict[str, Any], asked: str, *, as_json: bool) -> bool:
    """Go on with the change that is under way, if it is the one ``asked`` for (a plan's verb).

    Raises ``RunUnderWay`` when it is another one: who asks for a rotation, or for an emergency,
    must not be given the rest of a migration.
    """
    from keyturn.migrate.run import check_same

    found = workshop.runs
    if not found or found[-1].settled:
        return False
    if given["dry_run"] or given["elsewhere"] or given["plan_file"]:
        say(f"note: “{found[-1].plan.title}” is under way; this plan comes after it")
        return False
    check_same(found[-1], asked, workshop.options.folder)
    go_on(workshop, given, as_json=as_json)
    return True


def go_on(workshop: Workshop, given: dict[str, Any], *, as_json: bool) -> None:
    """Resume the newest change."""
    from keyturn.flows.apply_plan import resume as carry_on
    from keyturn.migrate.run import to_resume

    newest = to_resume(workshop.runs)
    workshop = _as_begun(workshop, newest, given)
    way = "taking back" if newest.undoing_from is not None else "going on with"
    say(f"{way}: {newest.plan.title}")

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        chosen = {**newest.chosen, **workshop.chosen()} if _given_anew(given) else None
        return await carry_on(ports, wait=given["wait"], chosen=chosen)

    show_applied(newest.plan, asyncio.run(go()), as_json)


_TAKEN_UP: Final = ("runner", "url", "files", "env_files", "profiles", "no_probe")
"""Options that say how a change is carried out; those that are not given are as at its start."""


def _given_anew(given: dict[str, Any]) -> frozenset[str]:
    return frozenset(name for name in _TAKEN_UP if given.get(name))


def _as_begun(workshop: Workshop, run: Run, given: dict[str, Any]) -> Workshop:
    """Return what reaches the services as ``run`` did so far, and say what is taken up."""
    made, told = workshop.as_begun(run, _given_anew(given))
    for one in told:
        say(f"note: {one}")
    return made


def _own_key(given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The name of the user's own key is kept with the change, for whoever brings it again."""
    from keyturn.wiring.chosen import KEY

    return {KEY: (given["own_kid"],)} if given.get("own_kid") else {}


def show_applied(plan: Any, applied: Any, as_json: bool) -> None:
    """Print what was done."""
    from keyturn.cli.change_view import applied_text
    from keyturn.migrate.proven import proven

    payload = {
        "run": applied.run,
        "status": applied.status.value,
        "done": list(applied.done),
        "proven": proven(plan, applied.done).as_dict(),
    }
    emit(payload, as_json, lambda: applied_text(plan, applied))


@_verb("undo", "Take back the newest step, bytes and modes exactly.")
def undo(folder: str, as_json: bool, **given: Any) -> None:
    """One step."""
    from keyturn.flows.apply_undo import undo as take_back

    _back(folder, given, take_back, as_json=as_json)


@_verb("rollback", "Take back the whole newest change, to before its first command.")
def rollback(folder: str, as_json: bool, **given: Any) -> None:
    """The whole run."""
    from keyturn.flows.apply_undo import rollback as take_back

    _back(folder, given, take_back, as_json=as_json)


def _back(
    folder: str, given: dict[str, Any], take_back: Callable[[Any, Any], Any], *, as_json: bool
) -> None:
    from keyturn.migrate.run import to_undo
    from keyturn.wiring.change import Workshop

    opened = Workshop(change_options(folder, given))
    newest = to_undo(opened.runs)
    if not given["yes"]:
        _ask(f"This takes back: {newest.plan.title}", as_json=as_json)
    workshop = _as_begun(opened, newest, given)

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        chosen = {**newest.chosen, **workshop.chosen()} if _given_anew(given) else None
        return await take_back(ports, chosen)

    run = asyncio.run(go())
    emit(
        {"run": run.id, "status": run.status.value},
        as_json,
        f"{run.plan.title}: {run.status.value.replace('_', ' ')}",
    )


VERBS: Final = {"status": status, "resume": resume, "undo": undo, "rollback": rollback}


class ChangeGroup(click.Group):
    """A group whose first word may be a folder: then the command ``run`` is meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Put ``run`` in front of whatever is no command's name."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options before a folder as the options of ``run``."""
        help_asked = args and args[0] in ("-h", "--help")
        if not help_asked and (not args or args[0] not in self.commands):
            args = ["run", *args]
        return super().parse_args(ctx, args)

"""Carrying out a change, and the four verbs that go on with one: status, resume, undo, rollback."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli.change_options import (
    ask,
    change_options,
    folder_argument,
    options_for_reading,
    options_for_running,
    talk,
)
from keyturn.cli.output import emit, json_option, reports_errors, say

if TYPE_CHECKING:
    from keyturn.flows.apply_plan import Applied
    from keyturn.flows.change import Proposal
    from keyturn.migrate.plan import Plan
    from keyturn.migrate.run import Run
    from keyturn.wiring.change import Workshop


def carry_out(
    workshop: Workshop, proposal: Proposal, given: dict[str, Any], *, as_json: bool
) -> None:
    """Show the plan and do with it what was asked for: nothing, write it, or carry it out."""
    from keyturn.cli.change_elsewhere import put_elsewhere
    from keyturn.cli.change_view import proposal_text
    from keyturn.flows.apply_plan import begin

    if put_elsewhere(workshop, proposal, given, as_json=as_json):
        return
    if not given["yes"]:
        ask(proposal_text(proposal), as_json=as_json)
    plan = proposal.prepared.plan

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        chosen = {**workshop.chosen(), **_own_key(given)}
        return await begin(ports, proposal.prepared, wait=given["wait"], chosen=chosen)

    with _interruptible(plan, workshop):
        applied = asyncio.run(go())
    _show_applied(workshop, plan, applied, as_json=as_json)


def apply_written(workshop: Workshop, plan: Plan, given: dict[str, Any], *, as_json: bool) -> None:
    """Carry out a plan that was written with ``--out``, or go on with it when it was begun."""
    from keyturn.cli.change_view import plan_text
    from keyturn.flows.apply_plan import apply_plan

    found = workshop.runs
    if found and not found[-1].settled and found[-1].plan == plan:
        return go_on(workshop, given, as_json=as_json)
    if not given["yes"]:
        ask(plan_text(plan), as_json=as_json)

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        return await apply_plan(ports, plan, wait=given["wait"], chosen=workshop.chosen())

    with _interruptible(plan, workshop):
        applied = asyncio.run(go())
    return _show_applied(workshop, plan, applied, as_json=as_json)


@contextmanager
def _interruptible(plan: Plan, workshop: Workshop) -> Iterator[None]:
    """Say what an interruption leaves, and how to go on from there."""
    from keyturn.migrate.run import group_of

    try:
        yield
    except KeyboardInterrupt:
        group, folder = group_of(plan), workshop.options.folder
        found = workshop.runs
        if found and not found[-1].settled:
            say(
                f"interrupted; everything works as it stands. `keyturn {group} resume {folder}` "
                f"goes on, `keyturn {group} rollback {folder}` takes it back."
            )
        raise


def _own_key(given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The name of the user's own key is kept with the change, for whoever brings it again."""
    from keyturn.wiring.chosen import KEY

    return {KEY: (given["own_kid"],)} if given.get("own_kid") else {}


def _show_applied(workshop: Workshop, plan: Plan, applied: Applied, *, as_json: bool) -> None:
    """Print what was done, and after a phase what comes next and how soon."""
    from keyturn.cli.change_view import applied_text
    from keyturn.migrate.proven import proven

    payload = {
        "run": applied.run,
        "status": applied.status.value,
        "done": list(applied.done),
        "proven": proven(plan, applied.done).as_dict(),
    }
    text = applied_text(plan, applied)
    if applied.status.value == "finished" and (following := _following(workshop, plan)):
        text = f"{text}\n{following}"
    emit(payload, as_json, text)


def _following(workshop: Workshop, plan: Plan) -> str:
    from keyturn.cli.doctor_layout import paragraph
    from keyturn.migrate.commands import length
    from keyturn.migrate.deployment_keys import read_keys
    from keyturn.migrate.waits import publish_wait, retire_wait

    if plan.verb not in ("phase 1", "phase 2"):
        return ""
    again, found = f"keyturn migrate {shlex.quote(workshop.options.folder)}", workshop.inventory()
    if read_keys(found).in_use is None:
        soonest = length(publish_wait().seconds)
        return paragraph(f"Next is phase 2, safe {soonest} from now: {again}")
    soonest = length(retire_wait(found).seconds)
    return paragraph(
        f"Next is phase 3, safe {soonest} from now, when nobody uses the legacy keys any more: "
        f"{again} --access-log FILE --database-url-file FILE"
    )


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

    with _interruptible(newest.plan, workshop):
        applied = asyncio.run(go())
    _show_applied(workshop, newest.plan, applied, as_json=as_json)


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


_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _verb(name: str, help_text: str, options: _Decorator) -> Callable[..., click.Command]:
    def decorate(function: Callable[..., None]) -> click.Command:
        made = json_option(options(folder_argument(reports_errors(function))))
        return click.command(name, help=help_text)(made)

    return decorate


def _options_for_going_back(function: Callable[..., None]) -> Callable[..., None]:
    look = click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")
    return options_for_running(look(function))


@_verb("status", "Show how the newest change stands, and what it waits for.", options_for_reading)
def status(folder: str, as_json: bool, **given: Any) -> None:
    """Read the journal."""
    from keyturn.cli.change_view import standing_text
    from keyturn.flows.apply_status import status as look
    from keyturn.wiring.change import Workshop

    standing = look(Workshop(change_options(folder, given)).idle_ports())
    payload = {"change": standing.as_dict() if standing else None}
    emit(payload, as_json, lambda: standing_text(standing, folder))


@_verb("resume", "Go on with a change that was interrupted, or that waited.", options_for_running)
def resume(folder: str, as_json: bool, **given: Any) -> None:
    """Go on forward, or with taking back."""
    from keyturn.wiring.change import Workshop

    go_on(Workshop(change_options(folder, given)), given, as_json=as_json)


@_verb("undo", "Take back the newest step, bytes and modes exactly.", _options_for_going_back)
def undo(folder: str, as_json: bool, **given: Any) -> None:
    """One step."""
    from keyturn.flows.apply_undo import undo as take_back

    _back(folder, given, take_back, only_last_step=True, as_json=as_json)


@_verb(
    "rollback",
    "Take back the whole newest change, to before its first command.",
    _options_for_going_back,
)
def rollback(folder: str, as_json: bool, **given: Any) -> None:
    """The whole run."""
    from keyturn.flows.apply_undo import rollback as take_back

    _back(folder, given, take_back, only_last_step=False, as_json=as_json)


def _back(
    folder: str,
    given: dict[str, Any],
    take_back: Callable[[Any, Any], Any],
    *,
    only_last_step: bool,
    as_json: bool,
) -> None:
    from keyturn.cli.change_view import returned_text, returning_text
    from keyturn.flows.apply_undo import returning
    from keyturn.wiring.change import Workshop

    opened = Workshop(change_options(folder, given))
    back = returning(opened.runs, only_last_step=only_last_step)
    workshop = _as_begun(opened, back.run, given)
    notes = workshop.losses(back)
    if given["dry_run"]:
        payload = {**back.as_dict(), "notes": list(notes)}
        return emit(payload, as_json, lambda: returning_text(back, notes))
    if not given["yes"]:
        ask(returning_text(back, notes), "Take this back?", as_json=as_json)
    elif not as_json:
        for one in notes:
            say(f"note: {one}")

    async def go() -> Any:
        ports = await workshop.ports(talk(as_json=as_json))
        chosen = {**back.run.chosen, **workshop.chosen()} if _given_anew(given) else None
        return await take_back(ports, chosen)

    with _interruptible(back.run.plan, workshop):
        run = asyncio.run(go())
    payload = {"run": run.id, "status": run.status.value, "notes": list(notes)}
    return emit(payload, as_json, lambda: returned_text(run, back))


VERBS: Final = {"status": status, "resume": resume, "undo": undo, "rollback": rollback}

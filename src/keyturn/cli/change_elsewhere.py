"""A plan that is not carried out here and now: shown, kept for later, or its files elsewhere."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyturn.cli.change_view import plan_text, proposal_payload, proposal_text
from keyturn.cli.output import emit, say
from keyturn.errors import UsageError
from keyturn.migrate.commands import RecreateService, ReloadService, WaitUntil, length

if TYPE_CHECKING:
    from keyturn.flows.change import Proposal
    from keyturn.migrate.plan import Plan
    from keyturn.wiring.change import Workshop


def put_elsewhere(
    workshop: Workshop, proposal: Proposal, given: dict[str, Any], *, as_json: bool
) -> bool:
    """Do what ``--output``, ``--out`` or ``--dry-run`` ask for; False when none is given."""
    if given["elsewhere"]:
        _export(workshop, proposal, given["elsewhere"], as_json=as_json)
    elif given["plan_file"]:
        _write_plan(workshop, proposal, given["plan_file"], as_json=as_json)
    elif given["dry_run"]:
        emit(proposal_payload(proposal), as_json, lambda: proposal_text(proposal))
    else:
        return False
    return True


def _export(workshop: Workshop, proposal: Proposal, folder: str, *, as_json: bool) -> None:
    from keyturn.flows.apply_status import export_changes
    from keyturn.wiring.change import elsewhere

    plan = proposal.prepared.plan
    _check_elsewhere(workshop.folder, Path(folder), plan)
    written = export_changes(proposal.prepared, elsewhere(folder))
    if not as_json:
        say(plan_text(plan, proposal.warnings))
        for one in _roll_out(plan):
            say(f"note: {one}")
    payload = {"written": list(written), "folder": folder, **proposal_payload(proposal)}
    emit(payload, as_json, "\n".join(f"{folder}/{path}" for path in written))


def _check_elsewhere(deployment: Path, target: Path, plan: Plan) -> None:
    """Refuse to change the deployment behind the journal's back, also through a link."""
    same = target.resolve() == deployment.resolve()
    for one in plan.writes:
        same = same or (target / one.path).resolve() == (deployment / one.path).resolve()
    if same:
        raise UsageError(
            f"{target} is the deployment itself; --output is for another folder, and nothing was "
            "written.",
            hint="Leave --output out: the files are then changed step by step, and can be taken "
            "back.",
        )


def _roll_out(plan: Plan) -> tuple[str, ...]:
    """Return what the files alone do not say."""
    told = (
        one.service for one in plan.commands if isinstance(one, RecreateService | ReloadService)
    )
    services = ", ".join(dict.fromkeys(told))
    waits = [one for one in plan.commands if isinstance(one, WaitUntil)]
    return (
        "these are the files at the end of the plan; nothing was changed in the deployment",
        *(f"roll them out not before {length(one.seconds)} from now: {one.why}" for one in waits),
        *((f"services to create anew, in this order: {services}",) if services else ()),
        (
            "the journal does not see it, so the next phase waits by itself; `keyturn doctor DIR "
            "--probe URL` proves what runs"
        ),
    )


def _write_plan(workshop: Workshop, proposal: Proposal, file: str, *, as_json: bool) -> None:
    from keyturn.adapters.new_file import create_new
    from keyturn.cli.handover import FileExists
    from keyturn.flows.apply_plan import stage
    from keyturn.migrate.plan_json import plan_document

    if Path(file).exists():
        raise FileExists(f"{file} exists already; nothing was written")
    with workshop.journal.lock():
        stage(workshop.idle_ports(), proposal.prepared)
    content = json.dumps(plan_document(proposal.prepared.plan), indent=1).encode() + b"\n"
    try:
        create_new(Path(file), content, mode=0o644)
    except OSError as problem:
        workshop.journal.discard_staged(proposal.prepared.plan.id)
        if isinstance(problem, FileExistsError):
            raise FileExists(f"{file} exists already; nothing was written") from None
        raise UsageError(f"{file} cannot be written: {problem.strerror}.") from None
    if not as_json:
        say(proposal_text(proposal))
    apply = f"keyturn migrate apply {shlex.quote(file)} {shlex.quote(workshop.options.folder)}"
    emit(
        {"plan": file},
        as_json,
        f"{file}: it holds no secret; the new values wait in .keyturn/.\n"
        f"Carry it out with: {apply}",
    )

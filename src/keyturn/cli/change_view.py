"""How a change is shown: the plan before it, a line per command during it, the proof after it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from keyturn.cli.doctor_layout import paragraph
from keyturn.cli.output import paint, say
from keyturn.clock import from_unix
from keyturn.migrate.commands import (
    Probe,
    RecreateService,
    ReloadService,
    Tell,
    WaitUntil,
    WriteFile,
)
from keyturn.migrate.proven import proven
from keyturn.migrate.wording import in_words

if TYPE_CHECKING:
    from keyturn.flows.apply_plan import Applied
    from keyturn.flows.apply_status import Standing
    from keyturn.flows.apply_undo import Return
    from keyturn.flows.change import Proposal
    from keyturn.flows.ports.apply import Progress
    from keyturn.migrate.plan import Plan
    from keyturn.migrate.run import Run

_MARKS: Final = {
    "started": ("…", "dim"),
    "done": ("ok", "green"),
    "failed": ("FAIL", "red"),
    "waiting": ("wait", "yellow"),
    "restoring": ("back", "yellow"),
    "restored": ("back", "yellow"),
}


def proposal_text(proposal: Proposal) -> str:
    """Return the plan for people: steps, commands, what users notice, and the redacted diff."""
    plan = plan_text(proposal.prepared.plan, proposal.warnings)
    return "\n".join([plan, *_diff_lines(proposal.prepared.diff)])


def plan_text(plan: Plan, warnings: Iterable[str] = ()) -> str:
    """Return steps, commands and what users notice, without the diff."""
    lines = [paint(plan.title, "bold"), ""]
    for number, title in enumerate(plan.steps):
        lines.append(f"{number + 1}. {title}")
        lines += _step_lines(plan, number)
        lines.append("")
    notes = [paragraph(f"note: {note}", hang=6) for note in (*plan.notes, *warnings)]
    return "\n".join([*lines, *notes, ""] if notes else lines)


def _step_lines(plan: Plan, number: int) -> Iterator[str]:
    commands = [command for command in plan.commands if command.step == number]
    if not commands:
        yield "   nothing: it is so already"
    for command in commands:
        yield paragraph(in_words(command), 3, hang=3)
        notice = getattr(command, "notice", "")
        if notice:
            yield paint(paragraph(f"users notice: {notice}", 6, hang=3), "dim")
        if isinstance(command, WriteFile):
            yield from (paint(paragraph(one, 6, hang=3), "dim") for one in command.changes)
        if isinstance(command, WaitUntil) and command.why:
            yield paint(paragraph(f"because: {command.why}", 6, hang=3), "dim")


def _diff_lines(diff: str) -> Iterator[str]:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff.splitlines():
        head = line.startswith(("+++", "---"))
        style = "bold" if head else styles.get(line[:1])
        yield paint(line, style) if style else line


def proposal_payload(proposal: Proposal) -> dict[str, object]:
    """Return the plan for JSON."""
    from keyturn.migrate.plan_json import plan_document

    return {
        "verb": proposal.prepared.plan.verb,
        "plan": plan_document(proposal.prepared.plan),
        "warnings": list(proposal.warnings),
        "diff": proposal.prepared.diff,
    }


class Teller:
    """Tells each moment as a line on stderr, with the seconds that a command took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds that never go back."""
        self._clock = clock
        self._begun: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Tell one moment; what merely begins is told only where it may take long."""
        moment, command = progress.moment.value, progress.command
        if moment in ("started", "restoring"):
            self._begun[command.id] = self._clock()
        begun = self._begun.get(command.id)
        slow = isinstance(command, RecreateService | ReloadService | Probe)
        over = moment in ("done", "failed", "restored")
        took = f"  {self._clock() - begun:.1f} s" if begun is not None and slow and over else ""
        progress_line(progress, took)


def progress_line(progress: Progress, took: str = "") -> None:
    """Tell one moment on stderr; a note is told once, in the summary."""
    if isinstance(progress.command, Tell):
        return
    moment = progress.moment.value
    slow = isinstance(progress.command, RecreateService | ReloadService | Probe | WaitUntil)
    if moment == "started" and not (slow and sys.stderr.isatty()):
        return
    if moment == "restoring":
        return
    mark, style = _MARKS[moment]
    detail = f"  {_detail(progress)}" if progress.detail else ""
    words = f"{in_words(progress.command)}{paint(took, 'dim', sys.stderr)}{detail}"
    say(f"{paint(mark.rjust(4), style, sys.stderr)}  {words}")


def _detail(progress: Progress) -> str:
    if progress.moment.value == "waiting" and progress.detail.isdigit():
        return f"until {from_unix(int(progress.detail)):%Y-%m-%d %H:%M:%S} UTC"
    return progress.detail


def returning_text(back: Return, notes: Iterable[str]) -> str:
    """Return what taking back will do: steps, files, services, and what ends with it."""
    plan = back.run.plan
    steps = plan.steps[back.step :]
    lines = [f"This takes back: {paint(plan.title, 'bold')}"]
    if back.step:
        lines += [f"  only: {title}" for title in steps]
    lines.append(f"  files as they were: {', '.join(back.files) or 'none was written'}")
    lines.append(f"  services told: {', '.join(back.services) or 'none'}")
    lines += [paragraph(f"note: {note}", hang=6) for note in notes]
    return "\n".join(lines)


def returned_text(run: Run, back: Return) -> str:
    """Return what was taken back."""
    plan, title = run.plan, paint("taken back", "green")
    if not back.step:
        return f"{title}: {plan.title}; nothing of it is left"
    steps = "; ".join(plan.steps[back.step :])
    return (
        f"{title}: {steps} ({plan.title}: {back.step} of {len(plan.steps)} "
        f"{_plural(len(plan.steps), 'step')} in force)"
    )


def applied_text(plan: Plan, applied: Applied) -> str:
    """Return what was done, in one closing paragraph that says no more than was proven."""
    if applied.status.value != "finished":
        return f"{paint('taken back', 'yellow')}: {plan.title} ({_in_force(plan, applied)})"
    done = [command for command in plan.commands if command.id in applied.done]
    told = [one.service for one in done if isinstance(one, RecreateService | ReloadService)]
    services = tuple(dict.fromkeys(told))
    files = len({one.path for one in done if isinstance(one, WriteFile)})
    end = proven(plan, applied.done)
    names = f" ({', '.join(services)})" if services else ""
    summary = (
        f"{files} {_plural(files, 'file')} written, {len(services)} "
        f"{_plural(len(services), 'service')} told{names}, "
        f"{end.held} {_plural(end.held, 'proof')} held."
    )
    notes = [one.text for one in done if isinstance(one, Tell)]
    title = f"{paint('done', 'green')}: {plan.title}"
    return "\n".join((title, *map(paragraph, (summary, *end.sentences(), *notes))))


def _in_force(plan: Plan, applied: Applied) -> str:
    steps = {one.step for one in plan.commands if one.id in applied.done}
    return f"{len(steps)} of {len(plan.steps)} {_plural(len(plan.steps), 'step')} in force"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


_STATES: Final = {
    "running": "under way",
    "undoing": "being taken back",
    "stopped": "taken back in part",
    "finished": "done",
    "rolled_back": "taken back",
}


def standing_text(standing: Standing | None, folder: str) -> str:
    """Return how the newest change stands, and what may come next."""
    if standing is None:
        return "Nothing was ever changed here."
    lines = [f"{paint(standing.title, 'bold')} – {_STATES[standing.status.value]}"]
    lines += [f"  {state:<9}  {what}" for what, state in standing.commands]
    if standing.failure:
        lines.append(f"failed: {standing.failure}")
    if standing.waits_until is not None:
        lines.append(f"waits until {from_unix(standing.waits_until):%Y-%m-%d %H:%M:%S} UTC")
    if standing.runner is not None:
        lines.append(f"services are told by: {standing.runner}")
    lines += [f"edited meanwhile by somebody else: {path}" for path in standing.edited]
    return "\n".join([*lines, f"next: {_next(standing, shlex.quote(folder))}"])


def _next(standing: Standing, folder: str) -> str:
    begins = f"keyturn {standing.group}"
    if standing.edited:
        return (
            f"put {', '.join(standing.edited)} back as it was, or there is neither going on nor "
            "taking back; the old contents are in .keyturn/runs/"
        )
    match standing.status.value:
        case "running":
            when = "then " if standing.waits_until is not None else ""
            return (
                f"{when}`{begins} resume {folder}` goes on, `{begins} rollback {folder}` takes it "
                "back"
            )
        case "undoing":
            return f"`{begins} resume {folder}` goes on with taking it back"
        case "stopped":
            rest = (
                f"`{begins} resume {folder}` tries the rest again"
                if standing.resumable
                else f"`{begins} {folder}` plans the rest anew"
            )
            return f"{rest}, `{begins} rollback {folder}` takes back the other steps too"
        case "finished":
            return f"`{begins} {folder}`, or `{begins} rollback {folder}`"
        case _:
            return f"`{begins} {folder}` begins anew"


def ndjson(progress: Progress) -> None:
    """Tell one moment as a line of JSON on stderr, for ``--json``."""
    say(
        json.dumps(
            {
                "moment": progress.moment.value,
                "command": progress.command.id,
                "what": in_words(progress.command),
                "detail": progress.detail,
            }
        )
    )

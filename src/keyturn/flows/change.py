"""From steps to a plan that may be begun: built, foreseen, and refused while it must fail.

Migration, rotation and emergency differ in their steps only; this is the rest of their way. What a
step promises is asked of the files that it would leave behind, by the services' profiles, before
anything is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask, Source
from keyturn.doctor.canaries import canaries
from keyturn.errors import Detail
from keyturn.migrate.commands import Probe, WriteFile
from keyturn.migrate.fresh import Randomness
from keyturn.migrate.plan import Check, Prepared, Step, build_plan
from keyturn.migrate.proof import (
    ACCEPT,
    PUBLISH,
    SIGN,
    Refuted,
    former_only,
    kinds_of,
    old_too,
    refuted,
)
from keyturn.migrate.refusals import CannotMigrate
from keyturn.migrate.run import Run, Status
from keyturn.profiles.request import Credential, CredentialKind

Credentials = Mapping[CredentialKind, Credential]
LEGACY: Final = frozenset(
    {CredentialKind.USER_HS256, CredentialKind.ANON_LEGACY, CredentialKind.SERVICE_LEGACY}
)
"""Kinds that only the old secret can make: whether they are refused is asked with old ones."""
_PLAN_ID_BYTES: Final = 6
_UNPROVEN: Final = (
    "Nothing will be proven on the running services; the files alone say that it works, and the "
    "next step cannot rely on this one having been seen."
)


class Foreseen(CannotMigrate):
    """The plan would not do what it promises; nothing was begun."""

    code = "foreseen"

    def __init__(self, problems: Sequence[tuple[str, Refuted]]) -> None:
        """``problems``: the step's title, and what a service would answer."""
        self.problems = tuple(dict.fromkeys(problems))
        said = " ".join(
            f"After “{title}”, {one.service}: {one.question} {one.answer}"
            for title, one in self.problems
        )
        remedies = " ".join(dict.fromkeys(one.remedy for _, one in self.problems if one.remedy))
        super().__init__(
            said,
            hint=remedies or "Mend that first; `keyturn doctor DIR` names the place and the fix.",
        )
        self.listing(
            [
                Detail(
                    f"{one.service}: {one.question} {one.answer}",
                    f"after “{title}”",
                    one.remedy or None,
                )
                for title, one in self.problems
            ]
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the files are, and how the user wants them read and written."""

    source: Source
    ask: Ask
    style: Style
    now: datetime
    randomness: Randomness = field(repr=False)
    proves: bool = True
    """Whether the running services can be asked; otherwise a plan has no probes, so that nothing
    counts as evidence that nobody saw."""

    writes_mounted: bool = True
    """Whether mounted files (a gateway's, a service's key file) are written with the rest;
    otherwise services get their keys in their environment only."""

    @property
    def inventory(self) -> Inventory:
        """Return what stands there now."""
        found = inventory(self.source, self.ask)
        if self.writes_mounted:
            return found
        mounted = {one.path for each in found.services.values() for one in each.documents}
        return replace(found, files=tuple(one for one in found.files if one.path not in mounted))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that may be begun, with what people want to know before they say yes."""

    prepared: Prepared
    warnings: tuple[str, ...] = ()


def propose(
    deployment: Deployment,
    steps: Sequence[Step],
    *,
    title: str,
    verb: str,
    warnings: Iterable[str] = (),
) -> Proposal:
    """Return the plan for ``steps``; raises :class:`Foreseen`, or what building it raises."""
    carried_out = steps if deployment.proves else tuple(map(_without_checks, steps))
    told = (
        *warnings,
        *_not_seen(deployment.inventory),
        *(() if deployment.proves else (_UNPROVEN,)),
    )
    prepared = build_plan(
        deployment.source,
        deployment.ask,
        carried_out,
        plan_id=f"{deployment.now:%Y%m%dT%H%M%S}-{deployment.randomness(_PLAN_ID_BYTES).hex()}",
        title=title,
        now=deployment.now,
        style=deployment.style,
        verb=verb,
    )
    problems = tuple(_foresee(deployment, steps, prepared))
    if problems:
        raise Foreseen(problems)
    return Proposal(prepared, told)


def _not_seen(found: Inventory) -> Iterator[str]:
    """Yield what is foreseen blindly, and what is left without the new keys."""
    for service in found.services.values():
        for one in service.documents if service.kind is not Kind.DATABASE else ():
            if one.problem:
                yield f"{one.path}: {one.problem}, so what it does is taken for granted."
    for note in found.notes:
        if note.code == "not_reached" and "profiles" in note.message:
            yield (
                f"{note.place}: {note.message}, so it is left as it is. If it runs, name its "
                "profile with --profile: it would not know the new keys."
            )


def _without_checks(step: Step) -> Step:
    after = tuple(act for act in step.after if not isinstance(act, Check))
    before = tuple(act for act in step.before if not isinstance(act, Check))
    return replace(step, after=after, before=before)


def _foresee(
    deployment: Deployment, steps: Sequence[Step], prepared: Prepared
) -> Iterator[tuple[str, Refuted]]:
    old = _credentials(deployment, deployment.inventory)
    for step, after in states(deployment, steps, prepared):
        new = _credentials(deployment, after)
        for check in (act for act in step.after if isinstance(act, Check)):
            for held in _asked_with(check, old, new):
                for one in refuted(after, check, held, deployment.now):
                    yield step.title, one


def states(
    deployment: Deployment, steps: Sequence[Step], prepared: Prepared
) -> Iterator[tuple[Step, Inventory]]:
    """Yield each step with the deployment as its files would leave it."""
    overlay = Overlay(deployment.source)
    for number, step in enumerate(steps):
        for command in prepared.plan.commands:
            if command.step == number and isinstance(command, WriteFile):
                overlay = Overlay(
                    overlay,
                    {command.path: prepared.contents[command.id]},
                    {command.path: command.after.mode} if command.after.mode is not None else {},
                )
        yield step, inventory(overlay, deployment.ask)


def _asked_with(check: Check, old: Credentials, new: Credentials) -> Iterator[Credentials]:
    if check.name == ACCEPT:
        yield new
        if old_too(check.arguments):
            yield with_present_apikey(old, new)
        return
    kinds = frozenset(kinds_of(check.arguments))
    if former_only(check.arguments):
        yield {kind: one for kind, one in old.items() if kind in kinds}
        return
    yield {kind: one for kind, one in new.items() if kind not in LEGACY}
    yield {kind: one for kind, one in old.items() if kind in LEGACY & kinds}


def with_present_apikey(old: Credentials, new: Credentials) -> Credentials:
    """Return old tokens as clients send them that have moved to the present API key.

    Whether an old API key still opens the gateway is a question of its own.
    """
    return {
        kind: replace(one, apikey=new[kind].apikey)
        if one.bearer is not None and kind in new
        else one
        for kind, one in old.items()
    }


def _credentials(deployment: Deployment, there: Inventory) -> Credentials:
    return canaries(there, deployment.now, deployment.randomness, include_service_role=True)


def published_at(runs: Iterable[Run], kid: str) -> int | None:
    """Return when the journal first saw ``kid`` published, in Unix seconds; None: never."""
    found = (
        at for at, probe in _all(runs, PUBLISH) if kid in probe.arguments.get("kids", "").split(",")
    )
    return min(found, default=None)


def signing_since(runs: Iterable[Run], alg: str) -> int | None:
    """Return when the journal first saw Auth sign with ``alg``, for good; None: never."""
    since = None
    for at, probe in sorted(_all(runs, SIGN), key=lambda one: one[0]):
        fits = probe.arguments.get("alg") == alg
        since = (since or at) if fits else None
    return since


def carried_out_at(runs: Iterable[Run], verb: str) -> int | None:
    """Return when the last run in force that did ``verb`` ended; None: there is none."""
    ended = (
        max(run.done_at.values(), default=run.begun)
        for run in runs
        if run.plan.verb == verb and run.status is Status.FINISHED
    )
    return max(ended, default=None)


def stopped_signing(runs: Iterable[Run], kid: str) -> int | None:
    """Return when the journal saw another key sign after ``kid`` had done so last; None: never."""
    stopped = None
    for at, probe in sorted(_all(runs, SIGN), key=lambda one: one[0]):
        if probe.arguments.get("kid") == kid:
            stopped = None
        elif stopped is None:
            stopped = at
    return stopped


def _all(runs: Iterable[Run], name: str) -> Iterator[tuple[int, Probe]]:
    """Yield the proven probes called ``name`` of runs that are in force, with their times."""
    for run in runs:
        if run.status in (Status.ROLLED_BACK, Status.UNDOING):
            continue
        for command in run.plan.commands:
            if isinstance(command, Probe) and command.name == name:
                at = run.done_at.get(command.id)
                if at is not None:
                    yield at, command

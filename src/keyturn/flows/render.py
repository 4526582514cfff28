"""What a deployment would be after a phase or a rotation, for those who carry it out themselves.

The plan is made, foreseen and refused as `migrate` and `rotate` do it; only its last state is
kept. Where the plan itself would wait, nobody here can wait: the moment from which the files given
have been running must be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import rewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask, Source
from keyturn.errors import RefusedUnsafe, UsageError
from keyturn.flows.change import Deployment, Proposal
from keyturn.migrate import wires
from keyturn.migrate.commands import Probe, WaitUntil, WriteFile
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.plan import Plan
from keyturn.migrate.proof import PUBLISH, SIGN
from keyturn.migrate.run import Run

_WIRES: Final = (wires.AUTH, wires.REST, wires.REALTIME, wires.FUNCTIONS, wires.STORAGE_OWN)


class DeployedSinceUnknown(RefusedUnsafe):
    """Nobody knows since when the key is published, so it may not sign yet."""

    code = "deployed_since_unknown"


@dataclass(frozen=True, slots=True)
class View:
    """A deployment as it stands, and as it would be."""

    before: Inventory
    after: Inventory
    original: Source = field(repr=False)
    """The files as they are."""
    source: Source = field(repr=False)
    """The files as they would be."""
    ask: Ask
    title: str
    steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def as_it_stands(deployment: Deployment) -> View:
    """Return the view that changes nothing."""
    there = deployment.inventory
    source = deployment.source
    return View(there, there, source, source, deployment.ask, "What stands there now")


def as_it_would_be(deployment: Deployment, proposal: Proposal, steps: int | None = None) -> View:
    """Return the view after the first ``steps`` steps of the plan; None: after all.

    Raises :class:`DeployedSinceUnknown` where the plan would wait.
    """
    plan = proposal.prepared.plan
    if steps is not None and not 1 <= steps <= len(plan.steps):
        raise UsageError(f"The plan has {len(plan.steps)} steps, so there is no step {steps}.")
    wait = next((one for one in plan.commands if isinstance(one, WaitUntil)), None)
    if wait is not None:
        raise DeployedSinceUnknown(
            f"Nobody knows since when the key has been published: {wait.seconds} s must have "
            f"passed ({wait.why}).",
            hint="Say since when the files given are running: --deployed-at 2026-01-31T12:00Z.",
        )
    kept = len(plan.steps) if steps is None else steps
    source = _written(deployment.source, proposal, kept)
    after = inventory(source, deployment.ask)
    return View(
        deployment.inventory,
        after,
        deployment.source,
        source,
        deployment.ask,
        plan.title,
        plan.steps[:kept],
        proposal.warnings,
    )


def with_committed_keys(deployment: Deployment) -> Deployment:
    """Return the deployment with the keys of its env file handed to Auth.

    Who commits variables first, and the compose file after, has keys that nobody reads yet: they
    are the ones to go on with, or the second half would be made for other keys.
    """
    there = deployment.inventory
    auth = there.of_kind(Kind.AUTH)
    held = there.variable(wires.AUTH.variable)
    if auth is None or auth.get(wires.AUTH.setting) is not None or not held or not held.value:
        return deployment
    edits = tuple(
        edit
        for wire in _WIRES
        if (found := there.variable(wire.variable)) is not None and found.value
        for edit in wires.edits(there, wire)
    )
    made = rewrite(deployment.source, deployment.ask, edits, deployment.style)
    handed = replace(deployment, source=Overlay(deployment.source, dict(made.files)))
    return handed if read_keys(handed.inventory).kids else deployment


def _written(source: Source, proposal: Proposal, steps: int) -> Source:
    overlay = Overlay(source)
    for command in proposal.prepared.plan.commands:
        if isinstance(command, WriteFile) and command.step < steps:
            overlay.changed[command.path] = proposal.prepared.contents[command.id]
            if command.after.mode is not None:
                overlay.modes[command.path] = command.after.mode
    return overlay


def testimony(there: Inventory, moment: int) -> Run:
    """Return what the user vouches for as a run: these files have been running since ``moment``.

    ``moment`` in Unix seconds. The gates then decide as they do on a journal of Keyturn's own.
    """
    keys = read_keys(there)
    probes = [Probe("published", 0, PUBLISH, {"kids": ",".join(keys.kids)})]
    if keys.in_use is not None:
        signer = {"alg": keys.in_use.alg, "kid": keys.in_use.kid or ""}
        probes.append(Probe("signs", 0, SIGN, signer))
    plan = Plan("testimony", "Deployed by hand", moment, ("Deployed",), tuple(probes), {})
    done = {one.id: moment for one in probes}
    return Run("testimony", plan, moment, done_at=done, finished=True)

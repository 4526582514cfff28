"""What the journal says now: for ``status``, and for whoever must decide between going on and back.

Also the way for those whose files live elsewhere: the changed files in another folder.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.clock import unix
from keyturn.flows.ports.apply import DeploymentFiles, Ports
from keyturn.migrate.commands import WaitUntil, describe
from keyturn.migrate.plan import Prepared
from keyturn.migrate.run import Run, State, Status, expected, group_of, runs


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest run stands."""

    run: str
    title: str
    status: Status
    commands: tuple[tuple[str, str], ...]
    """Each command in words, with its state."""
    failure: str | None
    waits_until: int | None
    """Unix seconds, when the next command is a wait that is not over."""
    edited: tuple[str, ...]
    """Files that somebody else changed since."""
    runner: str | None = None
    """How its services are told, None when it is not known."""
    group: str = "migrate"
    """The command whose verbs go on with it."""
    resumable: bool = True
    """Whether what the rest of its commands write is still kept."""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "run": self.run,
            "title": self.title,
            "status": self.status.value,
            "commands": [{"what": what, "state": state} for what, state in self.commands],
            "failure": self.failure,
            "waits_until": self.waits_until,
            "edited": list(self.edited),
            "runner": self.runner,
        }


def status(ports: Ports) -> Standing | None:
    """Return how the run stands that was worked on last; None when there never was one.

    Takes no lock.
    """
    found = runs(ports.journal.records())
    return _standing(ports, found[-1]) if found else None


def _standing(ports: Ports, run: Run) -> Standing:
    commands = tuple((describe(one), run.state(one).value) for one in run.plan.commands)
    edited = []
    # Of what was wholly taken back, nothing is left that somebody could have changed.
    in_force = run.status is not Status.ROLLED_BACK
    forward = run.status is Status.RUNNING
    for path, allowed in expected(run, forward=forward).items() if in_force else ():
        stamp = ports.files.stamp(path)
        if (stamp.sha256 if stamp else None) not in allowed:
            edited.append(path)
    return Standing(
        run.id,
        run.plan.title,
        run.status,
        commands,
        run.failure,
        _waits_until(run, unix(ports.clock())),
        tuple(edited),
        next(iter(run.chosen.get("runner", ())), None),
        group_of(run.plan),
        all(
            ports.journal.staged(run.plan.id, one.id, one.after.sha256) is not None
            for one in run.plan.writes
            if run.state(one) is not State.DONE
        ),
    )


def _waits_until(run: Run, now: int) -> int | None:
    following = run.next_command if run.status is Status.RUNNING else None
    if not isinstance(following, WaitUntil):
        return None
    since = run.begun if following.since is None else run.done_at.get(following.since, run.begun)
    return since + following.seconds if since + following.seconds > now else None


def export_changes(prepared: Prepared, elsewhere: DeploymentFiles) -> tuple[str, ...]:
    """Write every changed file, as it would be in the end, into another folder.

    For deployments whose files come from a repository: review and commit them there. Return the
    paths. Raises ``CannotWrite`` before anything is written.
    """
    final = {one.path: one for one in prepared.plan.writes}
    for path in final:
        elsewhere.check_writable(path)
    for path, command in final.items():
        elsewhere.write(path, prepared.contents[command.id], command.after.mode)
    return tuple(final)

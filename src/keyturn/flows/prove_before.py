"""The deployment as it was before a run, from the run's backups."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask, Source, folder_of
from keyturn.flows.ports.apply import JournalStore
from keyturn.migrate.commands import WriteFile
from keyturn.migrate.run import Run
from keyturn.secret import Secret


@dataclass(slots=True)
class _Without:
    """A source in which some files are not there."""

    below: Source
    hidden: set[str] = field(default_factory=set)

    def read(self, path: str) -> bytes | None:
        return None if path in self.hidden else self.below.read(path)

    def exists(self, path: str) -> bool:
        return path not in self.hidden and self.below.exists(path)

    def names(self, folder: str) -> tuple[str, ...]:
        gone = {p.rpartition("/")[2] for p in self.hidden if folder_of(p) == folder}
        return tuple(name for name in self.below.names(folder) if name not in gone)

    def mode(self, path: str) -> int | None:
        return None if path in self.hidden else self.below.mode(path)


def inventory_before(
    source: Source, ask: Ask, run: Run, journal: JournalStore, step: int = 0
) -> Inventory:
    """Return what stood in the files before ``step`` of ``run``: by default before all of it.

    A backup that is not there any more leaves the file as it is now.
    """
    old, made = dict[str, Secret](), set[str]()
    for command in run.plan.commands:
        if not isinstance(command, WriteFile) or command.id not in run.before:
            continue
        if command.step < step:
            continue
        if command.path in old or command.path in made:
            continue
        stamp = run.before[command.id]
        if stamp is None:
            made.add(command.path)
        elif (held := journal.backup(run.id, command.id, stamp.sha256)) is not None:
            old[command.path] = held
    return inventory(Overlay(_Without(source, made), old), ask)

"""A deployment in memory, behind the ports of ``flows.apply_*``, that can die at any instant.

Every call of a port passes two instants, one before and one after its effect; the world dies at
the ``dies_at``-th. A dead world raises :class:`Died` at every call until :meth:`World.revive`, as a
dead process does nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from keyturn.flows.ports.apply import Ports, Progress, ServiceFailed
from keyturn.migrate.commands import Probe, Stamp, Way
from keyturn.migrate.journal import Record, line, parse
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret
from keyturn.secret_access import reveal

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
File = tuple[bytes, int]


class Died(BaseException):
    """The process is gone; not an ``Exception``, so nobody cleans up after it."""


@dataclass
class World:
    """Files, ``.keyturn/`` and containers."""

    files: dict[str, File]
    journal: bytes = b""
    staged: dict[tuple[str, str], bytes] = field(default_factory=dict)
    backups: dict[tuple[str, str], bytes] = field(default_factory=dict)
    containers: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Service → the files as they were when it was created last."""
    failing: set[str] = field(default_factory=set)
    """Services that do not come up, and probes that fail, by name."""
    read_only: set[str] = field(default_factory=set)
    now: datetime = START
    dies_at: int | None = None
    instants: int = 0
    locked: bool = False
    told: list[Progress] = field(default_factory=list)

    def revive(self, dies_at: int | None = None) -> None:
        """Start a new process, which may die as well."""
        self.instants, self.dies_at, self.locked = 0, dies_at, False

    def ports(self) -> Ports:
        """Return the ports of this world."""
        return Ports(
            _Files(self), _Journal(self), _Services(self), _Prober(self),
            lambda: self.now, self._sleep, self.told.append,
        )  # fmt: skip

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of all files."""
        return {path: content for path, (content, _) in self.files.items()}

    def acts(self, effect: Callable[[], None] = lambda: None) -> None:
        """Pass two instants with ``effect`` between them."""
        self._instant()
        effect()
        self._instant()

    def _instant(self) -> None:
        self.instants += 1
        if self.dies_at is not None and self.instants >= self.dies_at:
            raise Died

    async def _sleep(self, seconds: float) -> None:
        self.acts()
        self.now += timedelta(seconds=seconds)


class _Files:
    def __init__(self, world: World) -> None:
        self.world = world

    def stamp(self, path: str) -> Stamp | None:
        self.world.acts()
        found = self.world.files.get(path)
        return Stamp(digest(found[0]), found[1]) if found else None

    def read(self, path: str) -> Secret:
        self.world.acts()
        return Secret(self.world.files[path][0])

    def check_writable(self, path: str) -> None:
        if path in self.world.read_only:
            raise ServiceFailed(f"{path} is read-only.")

    def write(
        self, path: str, content: Secret, mode: int | None, *, in_place: bool = False
    ) -> None:
        old = self.world.files.get(path, (b"", 0o600))
        new = (reveal(content), old[1] if mode is None else mode)
        self.world.acts(lambda: self.world.files.update({path: new}))

    def remove(self, path: str) -> None:
        self.world.acts(lambda: self.world.files.pop(path, None) and None)

    def tidy(self, path: str) -> None:
        self.world.acts()


class _Journal:
    def __init__(self, world: World) -> None:
        self.world = world

    @contextmanager
    def lock(self) -> Iterator[None]:
        assert not self.world.locked
        self.world.locked = True
        try:
            yield
        finally:
            self.world.locked = False

    def records(self) -> Sequence[Record]:
        return parse(self.world.journal)

    def append(self, record: Record) -> None:
        self.world.acts(lambda: setattr(self.world, "journal", self.world.journal + line(record)))

    def stage(self, plan: str, command: str, content: Secret) -> None:
        self.world.acts(lambda: self.world.staged.update({(plan, command): reveal(content)}))

    def staged(self, plan: str, command: str, sha256: str) -> Secret | None:
        return _checked(self.world.staged.get((plan, command)), sha256)

    def discard_staged(self, plan: str | None = None) -> None:
        assert plan is None
        self.world.acts(self.world.staged.clear)

    def back_up(self, run: str, command: str, content: Secret) -> None:
        self.world.acts(lambda: self.world.backups.update({(run, command): reveal(content)}))

    def backup(self, run: str, command: str, sha256: str) -> Secret | None:
        return _checked(self.world.backups.get((run, command)), sha256)

    def discard_backups(self, run: str) -> None:
        for key in [key for key in self.world.backups if key[0] == run]:
            del self.world.backups[key]


class _Services:
    def __init__(self, world: World) -> None:
        self.world = world

    async def check(self) -> None:
        self.world.acts()

    async def recreate(self, service: str) -> None:
        seen = self.world.contents()
        self.world.acts(lambda: self.world.containers.update({service: seen}))
        if service in self.world.failing:
            raise ServiceFailed(f"{service} is unhealthy.")

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        await self.recreate(service)


class _Prober:
    def __init__(self, world: World) -> None:
        self.world = world

    async def check(self) -> None:
        """Somebody always answers."""

    async def probe(self, probe: Probe) -> None:
        self.world.acts()
        if probe.name in self.world.failing:
            raise ServiceFailed(f"{probe.name} got 401.")


def _checked(content: bytes | None, sha256: str) -> Secret | None:
    return Secret(content) if content is not None and digest(content) == sha256 else None

"""Everybody who uses the deployment while its keys are turned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from keyturn.deploy.inventory import Kind
from keyturn.flows.rehearse_caller import Caller
from keyturn.flows.rehearse_forger import Forger
from keyturn.flows.rehearse_jobs import ANONYMOUS, CRON, SERVER, Errand, Insiders, Job
from keyturn.flows.rehearse_sockets import SocketClient
from keyturn.flows.rehearse_urls import UrlClient
from keyturn.flows.rehearse_users import User
from keyturn.flows.rehearse_wallet import Holder, Wallet
from keyturn.migrate.fresh import Randomness


@dataclass(frozen=True, slots=True)
class People:
    """How many of each kind there are."""

    users: int = 3
    anonymous: int = 2
    servers: int = 2
    cron: int = 1
    keep_legacy: int = 0
    """Anonymous clients and cron jobs that never leave the legacy keys, of each so many."""
    url_life: int = 3600
    """Seconds that a signed URL lives which was made before anything is changed."""


class Living(Protocol):
    """Somebody who acts until cancelled."""

    async def live(self) -> None:
        """Act."""
        ...


@dataclass
class Crowd:
    """All of them, and the keys that they hold."""

    caller: Caller
    kinds: frozenset[Kind]
    people: People
    randomness: Randomness
    others: Callable[[Crowd], Iterator[Living]] = lambda _: iter(())
    """More of them: a test's load."""
    wallet: Wallet = field(default_factory=Wallet)
    users: list[User] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    forger: Forger = field(init=False)

    def __post_init__(self) -> None:
        self.forger = Forger(self.caller, self.kinds, self.randomness)

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Let everybody act while it lasts; a fault in one of them ends the rehearsal."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.live()) for one in self._everybody()]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    def uses_legacy(self) -> Iterator[tuple[str, str]]:
        """Yield who still uses a legacy key, and for what."""
        for job in self.jobs:
            for act in job.acts:
                if job.holder.key(act) != job.holder.new:
                    yield act.who, act.what

    def _everybody(self) -> Iterator[Living]:
        yield from self._users()
        yield from self._jobs()
        yield Insiders(self.caller, self.kinds)
        yield self.forger
        yield from self.others(self)

    def _users(self) -> Iterator[Living]:
        tag = self.randomness(4).hex()
        for number in range(self.people.users):
            holder = Holder(self.wallet, 1 + number % 2)
            user = User(self.caller, holder, f"user{number}-{tag}@example.com", self.kinds)
            self.users.append(user)
            yield user
            if Kind.REALTIME in self.kinds:
                yield SocketClient(self.caller, holder, user)
        if Kind.STORAGE in self.kinds and self.users:
            yield UrlClient(self.caller, self.users[0], self.people.url_life)

    def _jobs(self) -> Iterator[Living]:
        people = self.people
        for number in range(people.anonymous):
            holder = Holder(self.wallet, 1 + number % 2)
            yield self._job(holder, "an anonymous client", ANONYMOUS)
            if Kind.REALTIME in self.kinds:
                yield SocketClient(self.caller, holder)
        for number in range(people.servers):
            yield self._job(Holder(self.wallet, 1 + number % 2, True), "a server", SERVER)
        for _ in range(people.cron):
            yield self._job(Holder(self.wallet, 2, True), "a cron job", CRON)
        for _ in range(people.keep_legacy):
            yield self._job(Holder(self.wallet, None), "an old application", ANONYMOUS)
            yield self._job(Holder(self.wallet, None, True), "an old cron job", CRON)

    def _job(self, holder: Holder, who: str, errands: tuple[Errand, ...]) -> Job:
        job = Job(self.caller, holder, who, errands, self.kinds)
        self.jobs.append(job)
        return job

"""Containers as Docker keeps them: each has the environment of the moment it was created.

Answers come from the profiles under that environment, so a file that was written and a service that
was not created anew disagree here as they do in real life.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.deployments import NOW

from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.journal_file import JournalFile
from keyturn.deploy.inventory import VERIFIERS, Inventory, Service
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Style
from keyturn.deploy.source import Ask
from keyturn.doctor.facts import Answer, ProbeFacts, Unknown
from keyturn.flows.apply_plan import Applied, apply_plan, stage
from keyturn.flows.change import Credentials, Deployment, Proposal
from keyturn.flows.ports.apply import Ports, Progress, ServiceFailed
from keyturn.flows.ports.doctor import Limits
from keyturn.flows.prove import LiveProber, Witnesses
from keyturn.flows.prove_before import inventory_before
from keyturn.flows.prove_signing import NotProven
from keyturn.migrate.commands import Way
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.live import reread, takes_heed
from keyturn.migrate.run import Run, runs
from keyturn.profiles.deployment import follow
from keyturn.profiles.verdict import Outcome

TAKEN = (Outcome.ACCEPTED, Outcome.OPEN, Outcome.DOWNGRADED)


@dataclass
class Containers:
    """The running services of one folder, and everything that a change needs around them."""

    folder: Path
    now: datetime = NOW
    created: dict[str, Service] = field(default_factory=dict)
    recreated: list[str] = field(default_factory=list)
    told: list[tuple[str, ...]] = field(default_factory=list)
    """What running services were told: the service, the way, and its argument."""
    moments: list[Progress] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    """Services that keep their old environment when they are created anew: a broken deployment."""
    failing: set[str] = field(default_factory=set)
    """Services that do not come up the next time."""

    def __post_init__(self) -> None:
        self.created.update(self.files.services)

    @property
    def files(self) -> Inventory:
        """What stands in the files."""
        return inventory(FolderSource(self.folder), Ask())

    @property
    def running(self) -> Inventory:
        """What the containers have."""
        return replace(self.files, services=dict(self.created))

    @property
    def journal(self) -> JournalFile:
        """The journal of the folder."""
        return JournalFile(self.folder)

    @property
    def runs(self) -> tuple[Run, ...]:
        """What the journal says."""
        return tuple(runs(self.journal.records()))

    # Services

    async def check(self) -> None:
        """They are here."""

    async def recreate(self, service: str) -> None:
        """Give the container what the files say now."""
        if service in self.failing:
            self.failing.discard(service)
            raise ServiceFailed(f"{service} is unhealthy.")
        self.recreated.append(service)
        if service not in self.deaf:
            self.created[service] = self.files.services[service]

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Read the mounted files again, if that is what this one does on it."""
        self.told.append((service, way.value, *argument))
        running, found = self.created[service], self.files.services[service]
        if service not in self.deaf and takes_heed(running.kind, way, tuple(argument)):
            self.created[service] = reread(running, found)

    # Asking

    async def ask(
        self, url: str, canaries: Credentials, limits: Limits | None = None
    ) -> ProbeFacts | Unknown:
        """Answer as the containers would."""
        there = self.running
        answers = tuple(
            Answer(service, kind, verdict.status or 200, accepted=verdict.outcome in TAKEN)
            for kind, credential in canaries.items()
            for service in VERIFIERS
            if there.of_kind(service) is not None
            for verdict in [follow(there, credential, service, now=self.now)]
            if verdict.outcome is not Outcome.UNKNOWN
        )
        return ProbeFacts(url, answers, jwks_status=200, jwks_kids=read_keys(there).kids)

    async def signs(self, alg: str, kid: str) -> None:
        """Sign in: what Auth's container signs with."""
        key = read_keys(self.running).in_use
        if key is None or (key.alg, key.kid) != (alg, kid):
            raise NotProven(f"A sign-in gave a token of {key.kid if key else 'HS256'}.")

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    # A change

    def before(self) -> Inventory:
        """What stood in the files before the newest run."""
        return inventory_before(FolderSource(self.folder), Ask(), self.runs[-1], self.journal)

    def deployment(self) -> Deployment:
        """As the flows take it."""
        return Deployment(FolderSource(self.folder), Ask(), Style(), self.now, os.urandom)

    def ports(self) -> Ports:
        """Real files and a real journal; these containers; this clock."""
        prober = LiveProber(
            "http://gateway.example",
            self.ask,
            self.signs,
            Witnesses(lambda: self.files, self.before),
            clock=lambda: self.now,
            randomness=os.urandom,
            sleep=self.sleep,
        )
        return Ports(
            DeploymentWriter(self.folder),
            self.journal,
            self,
            prober,
            lambda: self.now,
            self.sleep,
            self.moments.append,
        )

    async def carry_out(self, proposal: Proposal, *, wait: bool = True) -> Applied:
        """Stage and apply."""
        ports = self.ports()
        stage(ports, proposal.prepared)
        return await apply_plan(ports, proposal.prepared.plan, wait=wait)

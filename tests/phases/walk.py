"""A deployment taken through steps on its files, and asked what its services would answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.deployments import NOW, Deployment

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import raw
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask
from keyturn.doctor.canaries import canaries
from keyturn.doctor.catalogue import examine
from keyturn.doctor.facts import Unknown
from keyturn.doctor.finding import Facts
from keyturn.doctor.readiness import readiness
from keyturn.migrate.commands import RecreateService, WriteFile
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.fresh import Fresh, fresh
from keyturn.migrate.plan import Check, Prepared, Step, build_plan
from keyturn.migrate.proof import former_only, old_too, refuted
from keyturn.profiles.request import Credential, CredentialKind

NOT_ASKED = Unknown("only the files are read")
Credentials = Mapping[CredentialKind, Credential]


def new() -> Fresh:
    """Fresh keys."""
    return fresh(os.urandom, NOW)


@dataclass
class Walk:
    """One deployment on its way."""

    deployment: Deployment
    recreated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Every question that the files answered wrongly, as a sentence."""

    @property
    def inventory(self) -> Inventory:
        """What stands in the files now."""
        return inventory(FolderSource(self.deployment.folder), Ask())

    def credentials(self, there: Inventory | None = None) -> Credentials:
        """One of each kind that the deployment's present keys can make."""
        return canaries(there or self.inventory, NOW, os.urandom, include_service_role=True)

    def kid_in_use(self) -> str:
        """The name of the key that signs."""
        key = read_keys(self.inventory).in_use
        assert key is not None
        return key.kid or ""

    def go(self, steps: Sequence[Step], also: Credentials | None = None) -> Prepared:
        """Take the steps, ask every check with new credentials, and with those ``also`` given."""
        source = FolderSource(self.deployment.folder)
        prepared = build_plan(source, Ask(), steps, plan_id="p", title="t", now=NOW)
        for number, step in enumerate(steps):
            for command in prepared.plan.commands:
                if command.step != number:
                    continue
                if isinstance(command, WriteFile):
                    target = self.deployment.folder / command.path
                    target.write_bytes(raw(prepared.contents[command.id]))
                elif isinstance(command, RecreateService):
                    self.recreated.append(command.service)
            self._ask(step, also or {})
        return prepared

    def _ask(self, step: Step, also: Credentials) -> None:
        there = self.inventory
        new = self.credentials(there)
        for check in step.after:
            if isinstance(check, Check):
                former = former_only(check.arguments)
                new_or_none = {} if former else new
                credentials = {**new_or_none, **also} if old_too(check.arguments) else new
                self.wrong += [
                    f"{step.title}: {one.service}: {one.question} {one.answer}"
                    for one in refuted(there, check, credentials, NOW)
                ]

    def findings(self, now: datetime = NOW) -> list[str]:
        """What doctor says, as ids."""
        return sorted({one.id for one in examine(self._facts(now))})

    def phase(self) -> str:
        """Which phase doctor sees."""
        return readiness(self._facts(NOW)).phase

    def _facts(self, now: datetime) -> Facts:
        return Facts(self.inventory, now, NOT_ASKED, NOT_ASKED, NOT_ASKED)

"""Everything that changing a deployment needs: files, journal, containers and a clock."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyturn.adapters.compose_program import Shell, find_program
from keyturn.adapters.compose_runner import ComposeRunner
from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.journal_file import JournalFile
from keyturn.adapters.other_runners import PrintRunner, TemplateRunner
from keyturn.adapters.probe import probe
from keyturn.adapters.system import entropy, now
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.errors import KeyturnError, Unreachable, UsageError
from keyturn.flows.apply_undo import Return
from keyturn.flows.change import Deployment
from keyturn.flows.ports.apply import Ports, Prober, Progress, Services
from keyturn.flows.prove import LiveProber, NoQuestions, Witnesses
from keyturn.flows.prove_before import inventory_before
from keyturn.flows.prove_signing import Signer, prove_signing
from keyturn.migrate.journal import Chosen
from keyturn.migrate.losses import losses
from keyturn.migrate.run import Run, runs
from keyturn.wiring.chosen import ChangeOptions as ChangeOptions
from keyturn.wiring.chosen import as_begun, chosen_of
from keyturn.wiring.deployment_folder import deployment_of

RUNNERS: Final = ("auto", "docker", "docker-compose", "podman-compose", "print")
_URLS: Final = ("SUPABASE_PUBLIC_URL", "API_EXTERNAL_URL")
_API_KEYS: Final = ("SUPABASE_PUBLISHABLE_KEY", "ANON_KEY")
_SERVICE_KEYS: Final = ("SUPABASE_SECRET_KEY", "SERVICE_ROLE_KEY")


@dataclass(frozen=True, slots=True)
class Talk:
    """How a run speaks with a person."""

    progress: Callable[[Progress], None]
    tell: Callable[[str], None]
    confirm: Callable[[str], Awaitable[bool]]


class Workshop:
    """One deployment, opened for a change."""

    def __init__(self, options: ChangeOptions) -> None:
        """Raise ``UsageError`` when there is no such folder; nothing is written yet."""
        self.options = options
        self.folder, self.ask = deployment_of(
            options.folder, options.files, options.env_files, options.profiles
        )
        self.source = FolderSource(self.folder)
        self.journal = JournalFile(self.folder)
        self._runner = options.runner

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return what the journal says, oldest first."""
        return tuple(runs(self.journal.records()))

    def chosen(self) -> Chosen:
        """Return what is kept with a change: how it is carried out, after :meth:`ports`."""
        return chosen_of(self.options, self._runner, self.ask.files)

    def as_begun(self, run: Run, given: frozenset[str]) -> tuple[Workshop, tuple[str, ...]]:
        """Return what goes on with ``run`` as it was begun, but for the options ``given`` now.

        With sentences for people. Raises ``UsageError`` where something was not kept.
        """
        begun = as_begun(self.options, given, run.chosen)
        return Workshop(begun.options), begun.told

    async def dialect(self) -> Dialect:
        """Return how the program that will read the files understands them.

        The first one that works, when none is named: an old one must not be written what it would
        misread. Without any program, the current Compose.
        """
        runner = self.options.runner
        if runner not in RUNNERS or runner == "print":
            return Dialect.COMPOSE
        shell = Shell(self.folder, dict(os.environ))
        try:
            return (await find_program(shell, None if runner == "auto" else runner)).dialect
        except Unreachable:
            return _dialect(runner)

    def deployment(self, dialect: Dialect = Dialect.COMPOSE) -> Deployment:
        """Return the deployment as the flows take it, to be written for ``dialect``."""
        style = Style(in_place=self.options.in_place, dialect=dialect)
        return Deployment(
            self.source, self.ask, style, now(), entropy, proves=not self.options.no_probe
        )

    def inventory(self) -> Inventory:
        """Return what stands in the files now."""
        return inventory(self.source, self.ask)

    def inventory_before(self) -> Inventory:
        """Return what stood there before the newest run, from its backups."""
        found = self.runs
        if not found:
            return self.inventory()
        return inventory_before(self.source, self.ask, found[-1], self.journal)

    def losses(self, back: Return) -> tuple[str, ...]:
        """Return what ends, or is trusted again, when ``back`` is done; nothing if unreadable."""
        try:
            then = inventory_before(self.source, self.ask, back.run, self.journal, back.step)
            return losses(self.inventory(), then)
        except KeyturnError:
            return ()

    async def ports(self, talk: Talk) -> Ports:
        """Return the ports of a run; raises ``Unreachable`` when no container program is here."""
        return Ports(
            DeploymentWriter(self.folder),
            self.journal,
            await self._services(talk),
            self._prober(),
            now,
            asyncio.sleep,
            talk.progress,
        )

    def idle_ports(self) -> Ports:
        """Return ports for looking only."""
        nobody = PrintRunner(self.ask, lambda _: None, _never)
        return Ports(
            DeploymentWriter(self.folder), self.journal, nobody, NoQuestions(), now, asyncio.sleep
        )

    async def _services(self, talk: Talk) -> Services:
        runner = self.options.runner
        if runner == "print":
            return PrintRunner(self.ask, talk.tell, talk.confirm)
        shell = Shell(self.folder, dict(os.environ))
        if runner not in RUNNERS:
            return TemplateRunner(shell, runner)
        program = await find_program(shell, None if runner == "auto" else runner)
        self._runner = program.argv[0]
        return ComposeRunner(shell, program, self.ask)

    def _prober(self) -> Prober:
        if self.options.no_probe:
            return NoQuestions()
        url = self.url()
        http = StandardHttpClient(timeout=10.0)
        return LiveProber(
            url,
            probe,
            lambda alg, kid: prove_signing(http, self._signer(url), alg, kid),
            Witnesses(self.inventory, self.inventory_before),
            clock=now,
            randomness=entropy,
            sleep=asyncio.sleep,
        )

    def url(self) -> str:
        """Return where the gateway is; raises ``UsageError`` when nobody says it."""
        if self.options.url:
            return self.options.url.rstrip("/").removesuffix("/auth/v1")
        found = self.inventory()
        for name in _URLS:
            value = (text(found.variable(name)) or "").strip()
            if value.startswith(("http://", "https://")):
                return value.rstrip("/").removesuffix("/auth/v1")
        raise UsageError(
            "Nobody says where the gateway is, so the steps could not be proven.",
            hint="Give its address with --url, or --no-probe to go on without proof.",
        )

    def _signer(self, url: str) -> Signer:
        found = self.inventory()
        api_key, service_key = (_value(found, names) for names in (_API_KEYS, _SERVICE_KEYS))
        if self.options.email is not None:
            return Signer(
                url, api_key, service_key, self.options.email, self.options.password or "", False
            )
        # Long, and of every character class that a password rule may ask for.
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        email = f"keyturn-proof-{secrets.token_hex(6)}@example.com"
        return Signer(url, api_key, service_key, email, password, throw_away=True)


def _value(found: Inventory, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := text(found.variable(name)))), None)


def _dialect(runner: str) -> Dialect:
    return {"podman-compose": Dialect.PODMAN, "docker-compose": Dialect.COMPOSE_V1}.get(
        runner, Dialect.COMPOSE
    )


async def _never(question: str) -> bool:
    del question
    return False


def elsewhere(folder: str) -> DeploymentWriter:
    """Return a writer for another folder, which is made when it is not there."""
    target = Path(folder)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    return DeploymentWriter(target)

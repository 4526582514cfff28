"""Builds a rehearsal: a copy of the folder, a database, the services, and one fast clock."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyturn.adapters import system
from keyturn.adapters.deployment_copy import CopyWriter, copy_files
from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.journal_file import JournalFile
from keyturn.adapters.loopback_http import LoopbackHttpClient
from keyturn.adapters.loopback_sockets import LoopbackSockets
from keyturn.adapters.probe import probe
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask
from keyturn.doctor.canaries import canaries
from keyturn.flows.ports.apply import JournalStore, Prober, Services
from keyturn.flows.ports.http import HttpClient
from keyturn.flows.ports.rehearsal import LocalPart, Sockets
from keyturn.flows.prove import LiveProber, Witnesses
from keyturn.flows.prove_signing import Signer, prove_signing
from keyturn.flows.rehearse_clock import FastClock
from keyturn.profiles.request import CredentialKind
from keyturn.wiring.rehearsal_apps import Apps
from keyturn.wiring.rehearsal_database import open_database
from keyturn.wiring.rehearsal_parts import parts
from keyturn.wiring.rehearsal_services import LocalServices

_PUBLIC: Final = (CredentialKind.PUBLISHABLE, CredentialKind.ANON_LEGACY)
_POWERFUL: Final = (CredentialKind.SECRET, CredentialKind.SERVICE_LEGACY)


@dataclass
class LocalStage:
    """The :class:`~keyturn.flows.ports.rehearsal.Stage` on this machine."""

    source: FolderSource
    ask: Ask
    clock: FastClock
    http: HttpClient
    sockets: Sockets
    files: CopyWriter
    journal: JournalStore
    local: LocalServices
    _read: tuple[int, Inventory | None] = (0, None)

    @property
    def services(self) -> Services:
        """Creates the local services anew."""
        return self.local

    @property
    def gateway(self) -> str:
        """The gateway's base URL."""
        return self.local.gateway

    @property
    def parts(self) -> tuple[LocalPart, ...]:
        """What is real and what stands in."""
        return parts(self.inventory())

    def inventory(self) -> Inventory:
        """Read the copy's files, again only after one of them was written."""
        version, found = self._read
        if found is None or version != self.files.version:
            found = inventory(self.source, self.ask)
            self._read = (self.files.version, found)
        return found

    def address(self, kind: Kind) -> str | None:
        """Return a service's own base URL."""
        return self.local.address(kind)

    def held(self, kind: Kind) -> Mapping[str, str]:
        """Return the environment of a container."""
        return self.local.held(kind)

    def why_down(self, kind: Kind) -> str | None:
        """Return why a service does not start."""
        return self.local.why_down(kind)

    def health_token(self) -> str | None:
        """Return the Authorization header of Realtime's healthcheck."""
        return self.local.health_token()

    def prober(self, before: Inventory) -> Prober:
        """Return the prober that ``keyturn migrate`` uses, pointed at the local gateway."""
        return LiveProber(
            self.gateway,
            probe,
            lambda alg, kid: prove_signing(self.http, self._signer(), alg, kid),
            Witnesses(self.inventory, lambda: before),
            clock=self.clock,
            randomness=system.entropy,
            sleep=self.clock.advance,
        )

    def _signer(self) -> Signer:
        """A throw-away user, made with a service key that passes now."""
        found = canaries(self.inventory(), self.clock(), system.entropy, True)
        public, powerful = (
            next((found[kind].apikey for kind in kinds if kind in found), None)
            for kinds in (_PUBLIC, _POWERFUL)
        )
        name = system.entropy(6).hex()
        password = f"Aa1!{system.entropy(16).hex()}"
        return Signer(self.gateway, public, powerful, f"proof-{name}@example.com", password, True)


@asynccontextmanager
async def open_stage(folder: Path, ask: Ask, clock: FastClock) -> AsyncIterator[LocalStage]:
    """Yield a copy of the deployment in ``folder`` whose services run here.

    ``folder`` itself is only read. Raises ``Unreadable``, ``BinariesMissing``, ``ClusterBroken``.
    """
    found = inventory(FolderSource(folder), ask)
    with tempfile.TemporaryDirectory(prefix="keyturn-rehearsal-") as room:
        copy, database = Path(room, "copy"), Path(room, "database")
        await asyncio.to_thread(copy_files, folder, [one.path for one in found.files], copy)
        async with AsyncExitStack() as stack:
            stage = await _built(copy, database, ask, clock, stack)
            await stage.local.start_all()
            yield stage


async def _built(
    copy: Path, database: Path, ask: Ask, clock: FastClock, stack: AsyncExitStack
) -> LocalStage:
    source, http, sockets = FolderSource(copy), LoopbackHttpClient(), LoopbackSockets()
    held = await stack.enter_async_context(open_database(database))
    local = LocalServices(lambda: inventory(source, ask), clock, http)
    apps = Apps(held, http, sockets, clock, clock.doze, local.address, local.published)
    local.use(apps)
    stack.callback(apps.hasher.close)
    stack.push_async_callback(local.stop_all)
    stack.push_async_callback(http.close)
    files, journal = CopyWriter(copy), JournalFile(copy)
    return LocalStage(source, ask, clock, http, sockets, files, journal, local)


def fast_clock() -> FastClock:
    """Return a clock that begins now."""
    return FastClock(system.now)

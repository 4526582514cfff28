"""The services of a rehearsal: created anew with the environment that the files give them now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Inventory, Kind, Service
from keyturn.errors import Unreachable
from keyturn.flows.ports.apply import ServiceFailed
from keyturn.flows.ports.http import HttpClient
from keyturn.flows.ports.rehearsal import Clockwork, why_in
from keyturn.migrate.commands import Way
from keyturn.migrate.live import reread, takes_heed
from keyturn.profiles import auth, opened_service
from keyturn.profiles.deployment import healthcheck_authorization
from keyturn.wiring.rehearsal_apps import Apps
from keyturn.wiring.rehearsal_server import LocalServer

AWAY_SECONDS: Final[Mapping[Kind, float]] = {
    Kind.AUTH: 2,
    Kind.REST: 1,
    Kind.REALTIME: 6,
    Kind.STORAGE: 3,
    Kind.FUNCTIONS: 2,
    Kind.KONG: 3,
    Kind.ENVOY: 2,
}
"""How long a container is away while it is created anew. Storage's was measured (services.md §6c);
the others are what small machines take, Realtime's with its migrations and seeds."""
HEALTH_PATH: Final = "/api/tenants/realtime-dev/health"


@dataclass(frozen=True, slots=True)
class _Running:
    """A container: what it is, and what it was given."""

    service: Service
    environment: Mapping[str, str]


@dataclass
class LocalServices:
    """The :class:`~keyturn.flows.ports.apply.Services` of a rehearsal."""

    read: Callable[[], Inventory]
    """Returns the inventory of the copy as it is now."""
    clock: Clockwork
    http: HttpClient
    _apps: Apps | None = None
    _running: dict[Kind, _Running] = field(default_factory=dict)
    _servers: dict[Kind, LocalServer] = field(default_factory=dict)
    _failures: dict[Kind, str] = field(default_factory=dict)

    def use(self, apps: Apps) -> None:
        """Take what builds applications, which itself needs the addresses from here."""
        self._apps = apps

    async def check(self) -> None:
        """A rehearsal can always begin."""

    async def start_all(self) -> None:
        """Create every service for the first time; one that does not start is noted as such."""
        inventory = self.read()
        for service in inventory.services.values():
            self._note(service)
        for kind in (*VERIFIERS, *GATEWAYS):
            found = inventory.of_kind(kind)
            if found is not None:
                await self._first(found, inventory)
        if inventory.gateway is None:
            server = self._servers.setdefault(Kind.ENVOY, LocalServer())
            await server.start(self._builder.gateway(None))

    async def _first(self, service: Service, inventory: Inventory) -> None:
        try:
            await self._serve(service, inventory)
        except ServiceFailed as problem:
            if service.kind is not None:
                self._failures[service.kind] = problem.message

    async def recreate(self, service: str) -> None:
        """Stop it, let the time pass that a container needs, start it with the new environment."""
        inventory = self.read()
        found = inventory.services.get(service)
        if found is None:
            raise ServiceFailed(f"There is no service {service}.")
        self._note(found)
        kind = found.kind
        if kind is None or kind not in AWAY_SECONDS:
            return
        server = self._servers.get(kind)
        if server is not None:
            await server.stop()
        self._failures.pop(kind, None)
        await self.clock.advance(AWAY_SECONDS[kind])
        try:
            await self._serve(found, inventory)
        except ServiceFailed as problem:
            self._failures[kind] = problem.message
            raise

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Let a running service read its mounted files again; nothing is interrupted.

        Its environment stays as it is, as a container's does. As the real ones do, it goes on with
        what it has when the files are broken, and takes no notice of what it does not know.
        """
        inventory = self.read()
        found = inventory.services.get(service)
        if found is None or found.kind is None or found.kind not in self._servers:
            raise ServiceFailed(f"{service} does not run.")
        if way is Way.WATCH:
            await self.clock.advance(float(argument[0]))
        running = self._running.get(found.kind)
        if running is None or not takes_heed(found.kind, way, tuple(argument)):
            return
        again = reread(running.service, found)
        with contextlib.suppress(ServiceFailed):
            self._servers[found.kind].swap(self._builder.build(again, inventory))
            self._note(again)

    async def stop_all(self) -> None:
        """Stop everything."""
        for server in self._servers.values():
            await server.stop()

    def address(self, kind: Kind) -> str | None:
        """Return a service's base URL, None when the deployment does not have it."""
        server = self._servers.get(kind)
        return server.address if server is not None else None

    @property
    def gateway(self) -> str:
        """Return the gateway's base URL."""
        return next(self._servers[kind].address for kind in GATEWAYS if kind in self._servers)

    def held(self, kind: Kind) -> Mapping[str, str]:
        """Return the environment of the container that runs now."""
        found = self._running.get(kind)
        return found.environment if found is not None else {}

    def why_down(self, kind: Kind) -> str | None:
        """Return why a service does not start."""
        return self._failures.get(kind)

    def health_token(self) -> str | None:
        """Return the Authorization header of Realtime's healthcheck."""
        found = self._running.get(Kind.REALTIME)
        return healthcheck_authorization(found.service) if found is not None else None

    def published(self) -> auth.Config | None:
        """Return what the Auth that runs now holds."""
        found = self._running.get(Kind.AUTH)
        return opened_service.auth_config(found.service) if found is not None else None

    @property
    def _builder(self) -> Apps:
        if self._apps is None:
            raise ServiceFailed("The rehearsal has not been set up.")
        return self._apps

    def _note(self, service: Service) -> None:
        if service.kind is not None:
            environment = opened_service.environment(service)
            self._running[service.kind] = _Running(service, environment)

    async def _serve(self, service: Service, inventory: Inventory) -> None:
        if service.kind is None:
            return
        server = self._servers.setdefault(service.kind, LocalServer())
        await server.start(self._builder.build(service, inventory))
        if service.kind is Kind.REALTIME:
            await self._healthy(service, server)

    async def _healthy(self, service: Service, server: LocalServer) -> None:
        """Compose waits for the healthcheck, whose token Realtime verifies with its own secret."""
        token = self.health_token()
        if token is None:
            return
        try:
            answer = await self.http.send(
                "GET", f"{server.address}{HEALTH_PATH}", headers={"authorization": token}
            )
        except Unreachable as problem:
            raise ServiceFailed(f"{service.name} is not healthy: {problem.message}") from None
        if answer.status != 200:
            why = why_in(answer.headers)
            raise ServiceFailed(f"{service.name} stays unhealthy ({answer.status}): {why}")

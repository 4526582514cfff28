"""From a service of the user's deployment to the application that stands for it in a rehearsal."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keyturn.adapters.hashing import ThreadedHasher
from keyturn.authserver.reporting import RequestLine
from keyturn.clock import Clock
from keyturn.deploy.inventory import Inventory, Kind, Service
from keyturn.flows.ports.apply import ServiceFailed
from keyturn.flows.ports.http import HttpClient
from keyturn.flows.ports.rehearsal import Sockets
from keyturn.jose.errors import InvalidKey
from keyturn.profiles import auth, envoy, functions, kong, opened_service
from keyturn.profiles.verdict import StartFailure
from keyturn.standins.functions.app import functions_app
from keyturn.standins.gateway.app import GatewayApp
from keyturn.standins.realtime.app import realtime_app
from keyturn.standins.rest.app import RestApp
from keyturn.standins.rest.by_profile import ProfileGatekeeper
from keyturn.standins.rest.service import ServiceSettings
from keyturn.standins.storage.app import StorageApp
from keyturn.standins.storage.objects import Objects
from keyturn.wiring.auth import auth_app
from keyturn.wiring.fixed_ring import fixed_ring
from keyturn.wiring.plane import auth_plane
from keyturn.wiring.rehearsal_database import RehearsalDatabase
from keyturn.wiring.settings import load

_TAKEN: Final = ("GOTRUE_JWT_", "GOTRUE_SECURITY_REFRESH_", "GOTRUE_SESSIONS_")
"""Settings of the user's Auth that decide about tokens and sessions."""
_KEYS: Final = ("GOTRUE_JWT_KEYS", "GOTRUE_JWT_SECRET")
BCRYPT_COST: Final = 4
"""The lowest: the passwords of a rehearsal protect nothing."""


class _NoLog:
    """Requests of a rehearsal are in its report."""

    def request(self, line: RequestLine) -> None:
        """Keep nothing."""

    def event(self, level: str, message: str, facts: Mapping[str, object]) -> None:
        """Keep nothing."""


@dataclass
class Apps:
    """Builds applications; what outlives a restart is held here."""

    database: RehearsalDatabase
    http: HttpClient
    sockets: Sockets
    clock: Clock
    doze: Callable[[float], Awaitable[None]]
    address: Callable[[Kind], str | None]
    published: Callable[[], auth.Config | None]
    """What the Auth that runs now holds: v1 of the functions' script fetches its keys."""
    objects: Objects = field(default_factory=Objects)
    hasher: ThreadedHasher = field(
        default_factory=lambda: ThreadedHasher(cost=BCRYPT_COST, threads=2)
    )

    def build(self, service: Service, inventory: Inventory) -> Any:
        """Return the application; raises ``ServiceFailed`` when the service would not start."""
        builders: Mapping[Kind, Callable[[Service, Inventory], Any]] = {
            Kind.AUTH: self._auth,
            Kind.REST: self._rest,
            Kind.REALTIME: self._realtime,
            Kind.STORAGE: self._storage,
            Kind.FUNCTIONS: self._functions,
            Kind.KONG: self._gateway,
            Kind.ENVOY: self._gateway,
        }
        if service.kind is None:
            raise ServiceFailed(f"{service.name} is not run in a rehearsal.")
        return builders[service.kind](service, inventory)

    def gateway(self, config: kong.Config | envoy.Config | None) -> Any:
        """Return the proxy; without ``config`` it changes nothing."""
        return GatewayApp(config, self.address, self.http, self.sockets).asgi()

    def _auth(self, service: Service, _: Inventory) -> Any:
        env, config = opened_service.environment(service), opened_service.auth_config(service)
        _must_start(service, config.failure)
        taken = {
            name: value
            for name, value in env.items()
            if name.startswith(_TAKEN) and name not in _KEYS
        }
        settings = load(
            taken
            | {
                "API_EXTERNAL_URL": env.get("API_EXTERNAL_URL") or "http://localhost:8000",
                "GOTRUE_MAILER_AUTOCONFIRM": "true",
                "KEYTURN_BCRYPT_COST": str(BCRYPT_COST),
            }
        )
        try:
            ring = fixed_ring(env, config, self.clock())
        except InvalidKey as problem:
            raise ServiceFailed(f"{service.name} does not start: {problem.message}.") from None
        plane = auth_plane(
            settings.accounts, self.database.auth, ring, self.hasher, clock=self.clock
        )
        ping = functools.partial(self.database.auth.fetchval, "select 1")
        return auth_app(settings, plane, ping, log=_NoLog())

    def _rest(self, service: Service, _: Inventory) -> Any:
        config = opened_service.rest_config(service)
        _must_start(service, config.failure)
        gatekeeper = ProfileGatekeeper(config, self.clock)
        return RestApp(self.database.rest, gatekeeper, ServiceSettings(schemas=("public",)))

    def _realtime(self, service: Service, _: Inventory) -> Any:
        config = opened_service.realtime_config(service)
        _must_start(service, config.failure)
        return realtime_app(config, self.clock, self.doze)

    def _storage(self, service: Service, _: Inventory) -> Any:
        config = opened_service.storage_config(service)
        _must_start(service, config.failure)
        key = opened_service.environment(service).get("S3_PROTOCOL_ACCESS_KEY_ID", "")
        return StorageApp(config, self.objects, self.clock, key).asgi()

    def _functions(self, service: Service, inventory: Inventory) -> Any:
        config = opened_service.functions_config(service, inventory)
        _must_start(service, config.failure)
        return functions_app(lambda: self._with_published(config), self.clock)

    def _with_published(self, config: functions.Config) -> functions.Config:
        """A v1 script fetches Auth's keys while it runs; the others hold what they were given."""
        running = self.published() if config.script is functions.Script.V1 else None
        if running is None or config.keys_problem is not None:
            return config
        return functions.with_published(config, running.published)

    def _gateway(self, service: Service, _: Inventory) -> Any:
        config: kong.Config | envoy.Config = (
            opened_service.kong_config(service)
            if service.kind is Kind.KONG
            else opened_service.envoy_config(service)
        )
        _must_start(service, config.failure)
        return self.gateway(config)


def _must_start(service: Service, failure: StartFailure | None) -> None:
    if failure is not None:
        raise ServiceFailed(
            f"{service.name} does not start: “{failure.message}” ({failure.setting}).",
            hint=failure.cause,
        )

"""The child processes of `keyturn up`, as values: how to run each and when it is ready."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Final

from keyturn.adapters.http_probe import answers_ok
from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.flows.ports.processes import Command
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.stack.parts import Part
from keyturn.wiring.gateway import Gateway
from keyturn.wiring.stack_plan import Plan

DATABASE_STEP: Final = "database"
RING_STEP: Final = "key ring"
GATEWAY_STEP: Final = "gateway files"
CONSOLE_STEP: Final = "console"
INBOX_STEP: Final = "inbox"
# Longer than the servers' own patience with requests in flight.
_SERVER_GRACE: Final = 15.0
_KEYTURN: Final = (sys.executable, "-m", "keyturn")


def postgres_part(cluster: EmbeddedPostgres) -> Part:
    """The embedded PostgreSQL."""

    async def command() -> Command:
        return cluster.command()

    return Part("postgres", command, cluster.ready)


def auth_part(plan: Plan, dsn: Callable[[], Secret]) -> Part:
    """The Auth server: `keyturn serve` on a loopback port."""
    argv = (
        *_KEYTURN,
        "serve",
        *("--host", "127.0.0.1", "--port", str(plan.auth_port)),
        *("--workers", str(plan.options.auth_workers)),
    )

    async def command() -> Command:
        environment = {**plan.environment, "KEYTURN_DATABASE_URL": _text(dsn())}
        return Command("auth", argv, environment, grace=_SERVER_GRACE)

    return Part("auth", command, _probe(plan.auth_port, "/health/ready"), (RING_STEP,))


def rest_part(plan: Plan, dsn: Callable[[], Secret], auth_dsn: Callable[[], Secret]) -> Part:
    """The REST stand-in on a loopback port."""
    argv = (*_KEYTURN, "standin-rest", "--port", str(plan.rest_port))

    async def command() -> Command:
        environment = {
            **plan.environment,
            "KEYTURN_REST_DATABASE_URL": _text(dsn()),
            "KEYTURN_DATABASE_URL": _text(auth_dsn()),
        }
        return Command("rest", argv, environment, grace=_SERVER_GRACE)

    return Part("rest", command, _probe(plan.rest_port, "/health/ready"), (RING_STEP,))


def envoy_part(gateway: Callable[[], Gateway]) -> Part:
    """The gateway."""

    async def command() -> Command:
        return gateway().command()

    async def ready() -> bool:
        return await gateway().ready()

    return Part("envoy", command, ready, (GATEWAY_STEP,))


def _probe(port: int, path: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return await answers_ok(port, path)

    return ready


def _text(secret: Secret) -> str:
    return reveal(secret).decode()

"""Serves the console inside the supervisor, on loopback; the gateway shows it at ``/``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from keyturn.adapters import system
from keyturn.adapters.console_password import ConsolePassword
from keyturn.adapters.envoy.traffic import RecentTraffic
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.postgres.account_store import PostgresAccountStore
from keyturn.adapters.postgres.audit_store import PostgresAuditLog
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.session_store import PostgresSessionStore
from keyturn.adapters.postgres.token_log import PostgresTokenLog
from keyturn.console.counts import Counts
from keyturn.console.limiter import FailureLimiter
from keyturn.console.overview import Addresses, PartLine
from keyturn.console.services import Services
from keyturn.console.sessions import Sessions
from keyturn.console.streams import Streams
from keyturn.console.witnesses import Witnesses
from keyturn.errors import KeyturnError
from keyturn.flows.canaries import Verifiers, ask_verifiers
from keyturn.flows.desk import Desk
from keyturn.flows.keys import Bench
from keyturn.flows.ports.apikeys import ApiKeyStore
from keyturn.flows.ports.hashing import PasswordHasher
from keyturn.flows.ports.inbox import CaughtMail
from keyturn.flows.ports.ring import RingStore
from keyturn.gateway.bootstrap import ACCESS_LOG
from keyturn.jose.keys import SigningKey, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.stack.parts import PartState, PartStatus
from keyturn.wiring.console_jwks import Watched
from keyturn.wiring.listening import listen
from keyturn.wiring.stack_plan import Plan

if TYPE_CHECKING:
    import uvicorn

_COMPILE_AFTER: Final = 2.0
_ASK_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Opened:
    """What the console works on, once the database and the ring are there."""

    store: RingStore
    api_keys: ApiKeyStore
    pool: Pool
    key: SigningKey
    hasher: PasswordHasher


def console_services(
    plan: Plan,
    opened: Opened,
    statuses: Callable[[], Sequence[PartStatus]],
    inbox: Callable[[], Sequence[CaughtMail]],
) -> Services:
    """Return what pages and API work with."""
    watched = Watched(plan.jwks_url, RecentTraffic(plan.where.envoy / ACCESS_LOG, system.now))
    bench = Bench(opened.store, plan.settings.ring, system.entropy, opened.api_keys)
    audit = PostgresAuditLog(opened.pool)
    accounts = plan.settings.accounts
    desk = Desk(
        PostgresAccountStore(opened.pool),
        PostgresSessionStore(opened.pool),
        audit,
        aud=accounts.jwt_aud,
        token_life=timedelta(seconds=accounts.jwt_exp),
        audit=accounts.audit_log_postgres,
    )
    return Services(
        bench=bench,
        api_keys=opened.api_keys,
        audit=audit,
        sessions=Sessions(opened.key, system.now, system.entropy),
        limiter=FailureLimiter(system.now),
        clock=system.now,
        entropy=system.entropy,
        addresses=Addresses(plan.api_url, plan.jwks_url, str(plan.where.root), _public_jwks(plan)),
        parts=lambda: [part_line(status) for status in statuses()],
        fetch_jwks=watched.fetch,
        show_once=lambda secret: reveal(secret).decode(),
        inbox=inbox,
        desk=desk,
        password=ConsolePassword(plan.where.console_password, opened.hasher),
        counts=Counts(desk, watched.traffic),
        legacy_key=_legacy_key(plan.settings.process.legacy_secret),
        witnesses=_witnesses(plan, opened),
    )


def _witnesses(plan: Plan, opened: Opened) -> Witnesses:
    verifiers = Verifiers(
        urls=plan.gateway_upstreams(),
        issuer=plan.issuer,
        audience=plan.settings.accounts.jwt_aud,
        http=StandardHttpClient(timeout=_ASK_SECONDS),
        log=PostgresTokenLog(opened.pool),
        entropy=system.entropy,
    )
    return Witnesses(partial(ask_verifiers, opened.store, verifiers))


def _public_jwks(plan: Plan) -> str | None:
    """Return where clients elsewhere read the JWKS; None when that is the gateway itself."""
    url = f"{plan.settings.server.external_url.rstrip('/')}/.well-known/jwks.json"
    return None if url == plan.jwks_url else url


def _legacy_key(secret: Secret | None) -> SigningKey | None:
    """Return the ``JWT_SECRET`` that the stack was started with, as the key that it would be."""
    return None if secret is None else signing_key_from_secret(secret, kid=None, allow_short=True)


def part_line(status: PartStatus) -> PartLine:
    """Return a part's status as the page shows it."""
    return PartLine(
        name=status.name,
        state=status.state.value,
        healthy=status.state is PartState.READY,
        since=status.since,
        restarts=status.restarts,
        last_exit=status.last_exit,
    )


class ConsolePortLost(KeyturnError):
    """The console's port was taken by another process meanwhile; run the command again."""

    code = "console_port_lost"


class ConsoleServer:
    """One uvicorn in this process; it leaves signals to the supervisor."""

    def __init__(self, plan: Plan, services: Callable[[], Services]) -> None:
        """``services`` is asked when the server starts."""
        self._port = plan.console_port
        self._services = services
        self._host = urlsplit(plan.api_url).hostname or ""
        self._public = plan.console_origin
        self._hops = plan.options.trusted_hops
        self._streams: Streams | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._compiling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; connections are taken from now on. Raises :class:`ConsolePortLost`."""
        # Imported only now, while the other parts are starting: it takes a while.
        import uvicorn

        from keyturn.console.app import console_app
        from keyturn.wiring.quiet_server import QuietServer

        services = self._services()
        self._streams = services.streams
        config = uvicorn.Config(
            console_app(services, self._host, public=self._public, hops=self._hops),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
        )
        # Bound here: uvicorn would end the whole process when it cannot.
        try:
            listening = listen("127.0.0.1", self._port)
        except OSError as problem:
            raise ConsolePortLost from problem
        self._server = QuietServer(config)
        self._task = asyncio.create_task(
            self._server.serve(sockets=[listening]), name="keyturn-console"
        )
        self._compiling = asyncio.create_task(_compile_later(), name="keyturn-console-pages")

    async def stop(self) -> None:
        """Stop listening and finish."""
        if self._streams is not None:
            self._streams.close()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)
        if self._compiling is not None:
            self._compiling.cancel()
            await asyncio.gather(self._compiling, return_exceptions=True)


async def _compile_later() -> None:
    from keyturn.console.view import compile_all

    # The other parts are starting meanwhile and want the processor more.
    await asyncio.sleep(_COMPILE_AFTER)
    await compile_all()

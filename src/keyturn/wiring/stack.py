"""`keyturn up` put together: what starts after what, and what each step does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from keyturn.adapters import system
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.adapters.http_probe import free_ports
from keyturn.adapters.mail.inbox import Inbox
from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.ring_watch import RingWatcher
from keyturn.adapters.processes import ProcessLauncher
from keyturn.console.services import Services
from keyturn.gateway.bootstrap import Listen
from keyturn.secret import Secret
from keyturn.stack.parts import Part, PartStatus, Step
from keyturn.stack.supervisor import Supervisor
from keyturn.wiring.console import ConsoleServer, Opened, console_services
from keyturn.wiring.console_link import Link, make_link, signing_key
from keyturn.wiring.gateway import Gateway, GatewayOptions, open_gateway
from keyturn.wiring.locations import Locations
from keyturn.wiring.ring import master_sealer, open_ring
from keyturn.wiring.stack_keys import ensure_api_keys, ensure_signing_keys
from keyturn.wiring.stack_parts import (
    CONSOLE_STEP,
    DATABASE_STEP,
    GATEWAY_STEP,
    INBOX_STEP,
    RING_STEP,
    auth_part,
    envoy_part,
    postgres_part,
    rest_part,
)
from keyturn.wiring.stack_plan import Plan

_POOL_SIZE: Final = 3
T = TypeVar("T")


class LocalStack:
    """Everything that one `keyturn up` runs; used once: :meth:`start`, then :meth:`stop`."""

    def __init__(
        self,
        plan: Plan,
        *,
        on_line: Callable[[str, str], None],
        on_change: Callable[[PartStatus], None],
    ) -> None:
        self.plan = plan
        self.supervisor = Supervisor(
            ProcessLauncher(), system.now, on_line=on_line, on_change=on_change
        )
        self.api_keys: dict[str, str] = {}
        """The texts of the first API keys: for printing, nowhere else."""
        self._cluster = None if plan.database else _embedded(plan.where)
        self._pool: Pool | None = None
        self._api_key_store: PostgresApiKeyStore | None = None
        self._watcher: RingWatcher | None = None
        self._gateway: Gateway | None = None
        self._gateway_stop = asyncio.Event()
        self._gateway_task: asyncio.Task[None] | None = None
        self._ring_store: PostgresRingStore | None = None
        self._hasher = ThreadedHasher(threads=1)
        self._inbox = Inbox(plan.mail_port, system.now)
        self._console = ConsoleServer(plan, self._services)

    @property
    def ring(self) -> RingWatcher | None:
        """The ring as this process sees it; None until the database is there."""
        return self._watcher

    def follow_ring(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after every change of the ring."""
        _there(self._watcher).subscribe(lambda _ring: callback())

    def database_url(self, role: str, *, tcp: bool = False) -> Secret:
        """Return the DSN of ``role``, or the user's own database whatever the role."""
        if self._cluster is None:
            return _there(self.plan.database)
        return self._cluster.dsn(role, tcp=tcp)

    async def start(self) -> None:
        """Start or resume everything; return when all of it answers.

        Raises the ``KeyturnError`` of what failed; call :meth:`stop` then, too.
        """
        if self._cluster is not None:
            await self._cluster.prepare()
        await self.supervisor.start(self._parts(), self._steps())

    async def stop(self) -> None:
        """Stop everything, the gateway first and the database last."""
        await self.supervisor.stop()
        self._hasher.close()
        if self._cluster is not None:
            self._cluster.close()

    def console_link(self, actor: str) -> Link:
        """Return a one-time sign-in link to the console; it is started by then."""
        return make_link(signing_key(self.plan.where), self.plan.console_url, actor=actor)

    def _services(self) -> Services:
        opened = Opened(
            _there(self._ring_store),
            _there(self._api_key_store),
            _there(self._pool),
            signing_key(self.plan.where),
            self._hasher,
        )
        return console_services(self.plan, opened, self.supervisor.statuses, self._inbox.mails)

    def _parts(self) -> list[Part]:
        def auth_dsn() -> Secret:
            return self.database_url("supabase_auth_admin")

        def rest_dsn() -> Secret:
            return self.database_url("authenticator")

        rest = [rest_part(self.plan, rest_dsn, auth_dsn)] if self.plan.runs_rest else []
        return [
            *([postgres_part(self._cluster)] if self._cluster else []),
            auth_part(self.plan, auth_dsn),
            *rest,
            envoy_part(lambda: _there(self._gateway)),
        ]

    def _steps(self) -> list[Step]:
        database = ("postgres",) if self._cluster else ()
        return [
            Step(DATABASE_STEP, self._open_database, database, self._close_database),
            Step(RING_STEP, self._open_ring, (DATABASE_STEP,), self._close_ring),
            Step(GATEWAY_STEP, self._open_gateway, (RING_STEP,), self._close_gateway),
            Step(INBOX_STEP, self._inbox.start, (), self._inbox.stop),
            Step(CONSOLE_STEP, self._console.start, (RING_STEP,), self._console.stop),
        ]

    async def _open_database(self) -> None:
        """Bring the schema up to date as the owner, then keep a small pool."""
        owner = await Pool.open(
            self.database_url("postgres"), size=1, application_name="keyturn migrate"
        )
        try:
            await migrate(owner)
        finally:
            await owner.close()
        self._pool = await Pool.open(
            self.database_url("supabase_auth_admin"),
            size=_POOL_SIZE,
            application_name="keyturn up",
        )

    async def _close_database(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _open_ring(self) -> None:
        pool = _there(self._pool)
        sealer = master_sealer(self.plan.where, create=True)
        store, watcher = await open_ring(pool, sealer)
        ring = await ensure_signing_keys(self.plan, store)
        self._api_key_store = PostgresApiKeyStore(pool)
        self.api_keys = await ensure_api_keys(self.plan, self._api_key_store, ring)
        await watcher.start()
        self._watcher = watcher
        self._ring_store = store

    async def _close_ring(self) -> None:
        if self._watcher is not None:
            await self._watcher.stop()

    async def _open_gateway(self) -> None:
        told = self.plan.options
        options = GatewayOptions(
            directory=self.plan.where.envoy,
            upstreams=self.plan.gateway_upstreams(),
            issuer=self.plan.issuer,
            listen=Listen(host=told.host, port=told.port, trusted_hops=told.trusted_hops),
        )
        self._gateway = await open_gateway(
            options,
            ring=_there(self._watcher),
            api_keys=_there(self._api_key_store),
            listen=_there(self._pool).listen,
        )
        self._gateway_task = asyncio.create_task(self._gateway.run(self._gateway_stop))
        self.supervisor.watch(self._gateway_task)

    async def _close_gateway(self) -> None:
        self._gateway_stop.set()
        if self._gateway_task is not None:
            await asyncio.gather(self._gateway_task, return_exceptions=True)


def _embedded(where: Locations) -> EmbeddedPostgres:
    """Return the cluster; it keeps the port of its first start, which we choose."""
    known = (where.postgres / "port").exists()
    return EmbeddedPostgres(where.postgres, port=None if known else free_ports(1)[0])


def _there(value: T | None) -> T:
    """Return ``value``; the order of steps guarantees that it is there."""
    if value is None:
        raise RuntimeError("a step ran before the one that it needs")
    return value

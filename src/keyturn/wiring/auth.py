"""Builds the Auth server from its settings: the database, the ring, the flows, the surface."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from keyturn.adapters import system
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.adapters.postgres.account_store import HOT_STATEMENTS
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_watch import RingWatcher
from keyturn.authserver.app import AuthApp
from keyturn.authserver.endpoints import auth_routes
from keyturn.authserver.health import Health, Ping
from keyturn.authserver.published import Published
from keyturn.authserver.reporting import Log
from keyturn.flows.keys_start import ensure
from keyturn.flows.plane import AuthPlane
from keyturn.secret import Secret
from keyturn.wiring.beside import beside
from keyturn.wiring.cleaning import cleaning
from keyturn.wiring.first_keys import first_keys
from keyturn.wiring.locations import Locations, auth_database, locations
from keyturn.wiring.messages import open_messages
from keyturn.wiring.plane import auth_plane
from keyturn.wiring.ring import master_sealer, open_ring
from keyturn.wiring.schema_fit import fitted
from keyturn.wiring.settings import Settings

if TYPE_CHECKING:
    from keyturn.authserver.metrics import PrometheusMetrics

_GAUGE_SECONDS = 5.0


def database_of(settings: Settings) -> Secret:
    """Return the DSN of the settings, else that of the stack that runs in the data folder."""
    given = settings.process.database_url
    return given if given is not None else auth_database(_where(settings))


def _where(settings: Settings) -> Locations:
    return locations(settings.process.data_dir)


async def prepare(settings: Settings) -> tuple[list[str], int]:
    """Bring the database up to date and see to it that the ring can sign.

    Safe to run from several processes at once. Returns the migrations that were run and the
    version of the ring. Raises ``Unreachable``, and what migrations and keys raise.
    """
    pool = await Pool.open(database_of(settings), size=1, application_name="keyturn prepare")
    try:
        done = await migrate(pool)
        await fitted(settings, pool)
        sealer = master_sealer(_where(settings), create=True)
        store, _ = await open_ring(pool, sealer, poll_seconds=None)
        process = settings.process
        ring = await ensure(
            store,
            now=system.now(),
            entropy=system.entropy,
            policy=settings.ring,
            alg=process.signing_alg,
            first=first_keys(process.jwt_keys, process.legacy_secret),
        )
    finally:
        await pool.close()
    return done, ring.version


@asynccontextmanager
async def open_auth(
    settings: Settings, *, log: Log, metrics: PrometheusMetrics | None = None
) -> AsyncIterator[AuthApp]:
    """Yield the application of one worker, connected and with the ring in memory."""
    pool = await Pool.open(
        database_of(settings),
        size=settings.process.pool_size,
        prepare=HOT_STATEMENTS,
        application_name="keyturn auth",
    )
    hasher = ThreadedHasher(cost=settings.accounts.bcrypt_cost)
    try:
        settings = await fitted(settings, pool)
        _, watcher = await open_ring(pool, master_sealer(_where(settings)))
        await watcher.start()
        try:
            async with _gauges(metrics, pool, watcher), cleaning(settings, pool, log):
                plane = auth_plane(
                    settings.accounts,
                    pool,
                    watcher,
                    hasher,
                    columns=settings.columns,
                    captcha=settings.captcha,
                )
                plane.messages, background = open_messages(settings, pool, log)
                ping = functools.partial(pool.fetchval, "select 1")
                try:
                    yield auth_app(settings, plane, ping, log=log, metrics=metrics)
                finally:
                    await background.settle(settings.process.grace.total_seconds())
        finally:
            await watcher.stop()
    finally:
        hasher.close()
        await pool.close()


def auth_app(
    settings: Settings,
    plane: AuthPlane,
    ping: Ping,
    *,
    log: Log,
    metrics: PrometheusMetrics | None = None,
) -> AuthApp:
    """Return the application on ``plane``; ``ping`` asks the database whether it answers."""
    server = settings.server
    published = Published(
        plane.ring,
        plane.clock,
        issuer=settings.issuer,
        max_age=server.jwks_max_age,
        hurried=server.jwks_hurried_max_age,
        oauth=settings.accounts.oauth_server,
    )
    health = Health(ping, plane.ring, server.ready_timeout)
    return AuthApp(
        auth_routes(plane, published, health, metrics),
        server,
        log=log,
        metrics=metrics,
        new_id=_request_ids(),
    )


def _request_ids() -> Callable[[], str]:
    """Return a maker of ids: a random part for this worker, and a count."""
    prefix, numbers = system.entropy(8).hex(), itertools.count(1)
    return lambda: f"{prefix}-{next(numbers):x}"


@asynccontextmanager
async def _gauges(
    metrics: PrometheusMetrics | None, pool: Pool, ring: RingWatcher
) -> AsyncIterator[None]:
    """Keep the gauges true while the worker runs."""
    if metrics is None:
        yield
        return
    metrics.ring(ring.current())
    ring.subscribe(metrics.ring)
    async with beside(_keep_true(metrics, pool, ring), "keyturn-gauges"):
        yield


async def _keep_true(metrics: PrometheusMetrics, pool: Pool, ring: RingWatcher) -> None:
    while True:
        metrics.state(size=pool.size, idle=pool.idle, behind=ring.behind)
        await asyncio.sleep(_GAUGE_SECONDS)

"""Builds the REST stand-in: the database as ``authenticator``, the ring, the surface.

Environment: ``KEYTURN_REST_DATABASE_URL`` (or PostgREST's own ``PGRST_DB_URI``) is the DSN of role
``authenticator``; the ring's database and master key are found as every other command finds them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import uvloop

from keyturn.adapters import system
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.rest_database import PostgresRestDatabase
from keyturn.authserver.listening import listen
from keyturn.authserver.running import serve
from keyturn.errors import UsageError
from keyturn.profiles.postgrest import Settings as TokenSettings
from keyturn.secret import Secret
from keyturn.standins.rest.app import RestApp
from keyturn.standins.rest.gatekeeper import Gatekeeper, Keys
from keyturn.standins.rest.service import DEFAULT_MAX_ROWS, ServiceSettings
from keyturn.wiring.locations import auth_database, locations
from keyturn.wiring.logging import LineLog, open_log
from keyturn.wiring.ring import master_sealer, open_ring

DATABASE_VARIABLES: Final = ("KEYTURN_REST_DATABASE_URL", "PGRST_DB_URI")
_GRACE: Final = timedelta(seconds=5)
_POOL_SIZE: Final = 16


@dataclass(frozen=True)
class RestSettings:
    """What the stand-in reads from the environment, under PostgREST's names where it has one."""

    database_url: Secret
    service: ServiceSettings
    tokens: TokenSettings
    search_path: str
    pool_size: int


def rest_settings(environment: Mapping[str, str]) -> RestSettings:
    """Read the environment; raises :class:`UsageError` naming what is wrong, never a value."""
    url = next((environment[name] for name in DATABASE_VARIABLES if environment.get(name)), None)
    if url is None:
        raise UsageError(
            "KEYTURN_REST_DATABASE_URL is not set.",
            hint="It is the DSN of role authenticator; `keyturn up` sets it for its own stand-in.",
        )
    anonymous = environment.get("PGRST_DB_ANON_ROLE", "anon")
    return RestSettings(
        database_url=Secret(url),
        service=ServiceSettings(
            schemas=_words(environment.get("PGRST_DB_SCHEMAS") or "public"),
            max_rows=_whole(environment, "PGRST_DB_MAX_ROWS", DEFAULT_MAX_ROWS),
        ),
        tokens=TokenSettings(anonymous or None, environment.get("PGRST_JWT_AUD") or None),
        search_path=_search_path(environment.get("PGRST_DB_EXTRA_SEARCH_PATH", "extensions")),
        pool_size=_whole(environment, "PGRST_DB_POOL", _POOL_SIZE),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _search_path(text: str) -> str:
    return ", ".join('"' + word.replace('"', '""') + '"' for word in _words(text))


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) == int(text):
        raise UsageError(f"{name} must be a whole number from 1 to 999999999.")
    return int(text)


@asynccontextmanager
async def open_rest(
    settings: RestSettings, *, keys: Callable[[], Keys] | None = None, data_dir: str | None = None
) -> AsyncIterator[RestApp]:
    """Yield the application, connected; without ``keys`` it follows the ring's own."""
    pool = await Pool.open(
        settings.database_url, size=settings.pool_size, application_name="keyturn standin-rest"
    )
    database = PostgresRestDatabase(pool, settings.service.schemas, settings.search_path)
    try:
        await database.start()
        if keys is not None:
            yield RestApp(database, Gatekeeper(keys, settings.tokens, system.now), settings.service)
            return
        async with _ring_keys(data_dir) as ring_keys:
            yield RestApp(
                database, Gatekeeper(ring_keys, settings.tokens, system.now), settings.service
            )
    finally:
        await database.stop()
        await pool.close()


@asynccontextmanager
async def _ring_keys(data_dir: str | None) -> AsyncIterator[Callable[[], Keys]]:
    """Yield what returns the ring's current key set; a change arrives by notification."""
    where = locations(data_dir)
    pool = await Pool.open(
        auth_database(where, explicit=data_dir is not None),
        size=1,
        application_name="keyturn standin-rest ring",
    )
    try:
        _, watcher = await open_ring(pool, master_sealer(where), verify_only=True)
        await watcher.start()
        try:
            yield lambda: watcher.current().key_set()
        finally:
            await watcher.stop()
    finally:
        await pool.close()


def run(host: str, port: int, data_dir: str | None) -> None:
    """Serve until a stop signal; raises :class:`KeyturnError` when it cannot start."""
    settings = rest_settings(os.environ)
    # uvicorn raises the signal again once it has obeyed it; by then everything is to be closed.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    log = open_log(system.now, level="info", form=os.environ.get("KEYTURN_LOG_FORMAT") or "auto")
    listening = listen(host, port)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listening, data_dir, log))
    finally:
        listening.close()
        log.flush()


async def _serve(
    settings: RestSettings, listening: socket.socket, data_dir: str | None, log: LineLog
) -> None:
    async with open_rest(settings, data_dir=data_dir) as app:
        address = "http://{}:{}".format(*listening.getsockname()[:2])
        log.event("info", "listening", {"address": address, "schemas": settings.service.schemas})
        await serve(app, listening, grace=_GRACE)

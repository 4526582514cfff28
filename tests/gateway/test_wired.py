"""The gateway on a real database: changes reach it, use is recorded, its log stays small."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.conftest import Database
from tests.gateway.harness import Reached, Service, free_port

from keyturn.adapters import system
from keyturn.adapters.envoy.admin import EnvoyAdmin
from keyturn.adapters.envoy.usage import AccessLogUsage
from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.ring_watch import RingWatcher
from keyturn.adapters.sealing import Sealer
from keyturn.flows import apikeys, keys, keys_start
from keyturn.gateway.bootstrap import Listen
from keyturn.jose.jwt import peek
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.wiring.gateway import Gateway, GatewayOptions, open_gateway


@dataclass
class Plane:
    """A gateway that follows a database, and what changes it."""

    gateway: Gateway
    api_keys: PostgresApiKeyStore
    bench: keys.Bench
    client: httpx.AsyncClient

    def intent(self) -> Intent:
        """Return an intent of now."""
        return Intent(system.now(), "test", "because")

    async def make_key(self, name: str) -> str:
        """Create a secret key and return its text."""
        _, text = await apikeys.create(
            self.api_keys, self.intent(), kind="secret", name=name, entropy=os.urandom
        )
        return reveal(text).decode()

    async def get(self, key: str) -> httpx.Response:
        """Send one request with ``key``."""
        return await self.client.get("/rest/v1/t", headers={"apikey": key})


async def eventually(condition: Callable[[], object], *, within: float = 5.0) -> float:
    """Wait for ``condition`` (called, awaited when it returns an awaitable); return the seconds."""
    began = time.monotonic()
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return time.monotonic() - began
        assert time.monotonic() - began < within, "the condition did not come true in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def plane(database: Database, directory: Path) -> AsyncIterator[Plane]:
    """Run a gateway on a fresh ring."""
    pool = await database.pool()
    store = PostgresRingStore(pool, Sealer([Secret(os.urandom(32))]))
    await keys_start.ensure(store, now=system.now(), entropy=os.urandom)
    watcher = RingWatcher(pool, store)
    await watcher.start()
    api_keys = PostgresApiKeyStore(pool)
    service, port = Service().start(), free_port()
    url = f"http://127.0.0.1:{service.port}"
    options = GatewayOptions(
        directory, {"auth": url, "rest": url}, "http://issuer", Listen(port=port), concurrency=1
    )
    gateway = await open_gateway(options, ring=watcher, api_keys=api_keys, listen=pool.listen)
    command = gateway.command()
    process = await asyncio.create_subprocess_exec(
        *command.argv, cwd=command.cwd, env=dict(command.env)
    )
    stop = asyncio.Event()
    following = asyncio.create_task(gateway.run(stop))
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    try:
        await eventually(gateway.ready)
        bench = keys.Bench(store, RingPolicy(), os.urandom)
        yield Plane(gateway, api_keys, bench, client)
    finally:
        await client.aclose()
        process.terminate()
        await process.wait()
        stop.set()
        await following
        await watcher.stop()
        await asyncio.to_thread(service.stop)


async def test_keys_come_and_go_within_a_second(database: Database, tmp_path: Path) -> None:
    async with plane(database, tmp_path / "envoy") as running:
        for name in ("one", "two", "three"):
            key = await running.make_key(name)

            async def status(key: str = key) -> int:
                return (await running.get(key)).status_code

            async def accepted() -> bool:
                return await status() == 200

            async def refused() -> bool:
                return await status() == 401

            assert await eventually(accepted) < 1
            await apikeys.revoke(running.api_keys, running.intent(), name)
            assert await eventually(refused) < 1


async def test_a_rotation_reaches_the_services_within_a_second(
    database: Database, tmp_path: Path
) -> None:
    async with plane(database, tmp_path / "envoy") as running:
        key = await running.make_key("one")

        async def kid() -> object:
            response = await running.get(key)
            if response.status_code != 200:
                return None
            bearer = Reached(response.json()).headers["authorization"].removeprefix("Bearer ")
            return peek(bearer).header["kid"]

        await eventually(kid)
        before = await kid()
        intent = Intent(system.now(), "test", "because", force=True)
        await keys.rotate(running.bench, intent)

        async def changed() -> bool:
            return await kid() != before

        assert await eventually(changed) < 1


async def test_the_last_use_of_a_key_is_recorded(database: Database, tmp_path: Path) -> None:
    async with plane(database, tmp_path / "envoy") as running:
        used = await running.make_key("used")
        await running.make_key("unused")

        async def accepted() -> bool:
            return (await running.get(used)).status_code == 200

        began = system.now()
        await eventually(accepted)

        async def recorded() -> bool:
            return any(record.last_used_at for record in await running.api_keys.list())

        await eventually(recorded, within=15)
        by_name = {record.name: record.last_used_at for record in await running.api_keys.list()}
        assert by_name["unused"] is None
        moment = by_name["used"]
        assert moment is not None
        assert abs((moment - began).total_seconds()) < 10


async def test_the_loop_survives_a_database_that_is_away(
    database: Database, tmp_path: Path
) -> None:
    async with plane(database, tmp_path / "envoy") as running:
        key = await running.make_key("one")

        async def accepted() -> bool:
            return (await running.get(key)).status_code == 200

        await eventually(accepted)
        superuser = await database.pool(database.dsn, size=1)
        for _ in range(3):
            await superuser.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            assert await accepted()
        second = await running.make_key("two")

        async def second_accepted() -> bool:
            return (await running.get(second)).status_code == 200

        await eventually(second_accepted, within=8)


def line(key: str, second: int) -> str:
    """Return a line of the access log."""
    return json.dumps({"time": f"2026-11-23T22:00:{second:02}.000Z", "key": key}) + "\n"


async def test_the_log_is_read_once_across_renames(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    usage = AccessLogUsage(path, EnvoyAdmin(tmp_path), rotate_at=400)
    assert await usage.collect() == {}
    path.write_text(line("a", 1) + line("b", 2)[:20])
    assert list(await usage.collect()) == ["a"]
    with path.open("a") as stream:
        stream.write(line("b", 2)[20:])
        stream.flush()
        assert list(await usage.collect()) == ["b"]
        stream.write("x" * 500 + "\n")
        stream.flush()
        assert await usage.collect() == {}
        assert path.read_bytes() == b""
        assert path.stat().st_mode & 0o777 == 0o600
        stream.write(line("late", 3))
    path.write_text(line("new", 4))
    assert sorted(await usage.collect()) == ["late", "new"]
    assert await usage.collect() == {}
    assert sorted(os.listdir(tmp_path)) == ["access.log", "access.log.1"]
    usage.close()

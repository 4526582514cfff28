"""The database goes away and comes back under a running `keyturn serve`."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.secret_access import reveal

Serve = Callable[..., Any]
JWKS = "/.well-known/jwks.json"
ADA = {"email": "ada@example.com", "password": "correct horse battery"}


async def started(cluster: EmbeddedPostgres) -> None:
    await cluster.start()
    pool = await Pool.open(cluster.dsn("postgres"), size=1)
    try:
        await migrate(pool)
    finally:
        await pool.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A database server of this module's own."""
    own = EmbeddedPostgres(tmp_path_factory.mktemp("away") / "own-cluster")
    try:
        asyncio.run(started(own))
        yield own
    finally:
        asyncio.run(own.stop())
        own.destroy()


def variables(cluster: EmbeddedPostgres) -> dict[str, str]:
    """What a server on ``cluster`` needs; the ring in it is sealed with this folder's key."""
    return {
        "KEYTURN_DATABASE_URL": reveal(cluster.dsn()).decode(),
        "KEYTURN_DATA_DIR": str(cluster.root.parent / "keyturn"),
    }


def test_keys_are_served_and_clients_told_to_retry_until_it_is_back(
    serve: Serve, cluster: EmbeddedPostgres, wait_until: Callable[..., None]
) -> None:
    serving = serve(**variables(cluster))
    client = httpx.Client(base_url=serving.url, timeout=20)
    with client:
        token = client.post("/signup", json=ADA).json()["refresh_token"]
        worker = serving.workers()
        asyncio.run(cluster.stop())
        assert client.get(JWKS).status_code == 200
        assert client.get("/health/live").status_code == 200
        unready = client.get("/health/ready")
        assert unready.status_code == 503
        assert unready.json()["checks"]["ring"] == "ok"
        away = client.post("/token?grant_type=refresh_token", json={"refresh_token": token})
        assert away.status_code == 503
        assert away.headers["retry-after"] == "1"
        asyncio.run(cluster.start())
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        back = client.post("/token?grant_type=refresh_token", json={"refresh_token": token})
    assert back.status_code == 200
    assert serving.workers() == worker


class Client:
    """Signs up new users and keeps its own session alive, as long as it is told to."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self.token = token
        self.committed: list[str] = []
        self.statuses: Counter[int] = Counter()

    async def run(self, stop: asyncio.Event, names: Iterator[int]) -> None:
        while not stop.is_set():
            json = {"email": f"load-{next(names)}@example.com", "password": "correct horse"}
            made = await self._http.post("/signup", json=json)
            if made.status_code == 200:
                self.committed.append(made.json()["user"]["id"])
            renewed = await self.renew()
            self.statuses.update((made.status_code, renewed.status_code))

    async def renew(self) -> httpx.Response:
        """Exchange the token; without an answer it is still the one to try again with."""
        json = {"refresh_token": self.token}
        renewed = await self._http.post("/token?grant_type=refresh_token", json=json)
        if renewed.status_code == 200:
            self.token = renewed.json()["refresh_token"]
        return renewed


async def test_a_killed_database_loses_nothing_and_the_server_recovers_by_itself(
    serve: Serve,
    cluster: EmbeddedPostgres,
    eventually: Callable[[Callable[[], bool]], Awaitable[None]],
) -> None:
    serving = serve(**variables(cluster))
    worker, stop, names = serving.workers(), asyncio.Event(), itertools.count()
    async with httpx.AsyncClient(base_url=serving.url, timeout=20) as http:
        clients = []
        for number in range(8):
            json = {"email": f"client-{number}@example.com", "password": "correct horse"}
            token = (await http.post("/signup", json=json)).json()["refresh_token"]
            clients.append(Client(http, token))
        load = asyncio.gather(*(client.run(stop, names) for client in clients))

        def done() -> int:
            return sum(len(client.committed) for client in clients)

        await eventually(lambda: done() > 40)
        postmaster = psutil.Process(cluster.pid)
        for process in (postmaster, *postmaster.children(recursive=True)):
            process.kill()
        await asyncio.to_thread(postmaster.wait, 10)  # what still dies may look as if it ran
        await cluster.start()
        before = done()
        await eventually(lambda: done() > before + 40)
        stop.set()
        await load
        statuses = sum((client.statuses for client in clients), Counter())
        assert set(statuses) <= {200, 503}, statuses
        assert {(await client.renew()).status_code for client in clients} == {200}
    pool = await Pool.open(cluster.dsn(), size=1)
    try:
        found = {str(row["id"]) for row in await pool.fetch("select id from auth.users")}
    finally:
        await pool.close()
    assert {user for client in clients for user in client.committed} <= found
    assert serving.workers() == worker

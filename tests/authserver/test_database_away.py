"""The database goes away and comes back under a running `keyturn serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
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


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A database server of this test's own."""
    own = EmbeddedPostgres(tmp_path / "own-cluster")
    try:
        asyncio.run(started(own))
        yield own
    finally:
        asyncio.run(own.stop())
        own.destroy()


def test_keys_are_served_and_clients_told_to_retry_until_it_is_back(
    serve: Serve, cluster: EmbeddedPostgres, wait_until: Callable[..., None]
) -> None:
    serving = serve(KEYTURN_DATABASE_URL=reveal(cluster.dsn()).decode())
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

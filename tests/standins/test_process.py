"""``keyturn standin-rest`` as a process: the ring decides, and no bytes bring it down."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.sealing import Sealer
from keyturn.flows import keys, keys_start
from keyturn.jose.jwt import encode
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing
from keyturn.secret import Secret
from keyturn.secret_access import reveal

TABLES = "create table things (id int); insert into things values (1)"


@dataclass
class Running:
    """The process and the ring it follows."""

    port: int
    client: httpx.AsyncClient
    bench: keys.Bench
    ring: KeyRing


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(database: Any, eventually: Any) -> AsyncIterator[Running]:
    """Start the command on ``database`` with a fresh ring."""
    master = os.urandom(32)
    admin = await database.pool(database.dsn)
    await admin.execute(TABLES)
    store = PostgresRingStore(await database.pool(), Sealer([Secret(master)]))
    ring = await keys_start.ensure(store, now=datetime.now(UTC), entropy=os.urandom)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "KEYTURN_REST_DATABASE_URL": reveal(database.authenticator_dsn).decode(),
        "KEYTURN_DATABASE_URL": reveal(database.auth_dsn).decode(),
        "KEYTURN_MASTER_KEY": base64.urlsafe_b64encode(master).rstrip(b"=").decode(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "keyturn", "standin-rest", "--port", str(port), env=environment
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready)
            yield Running(port, client, keys.Bench(store, RingPolicy(), os.urandom), ring)
    finally:
        process.terminate()
        assert await process.wait() == 0


def token(ring: KeyRing) -> dict[str, str]:
    """A header with a service_role token of the key in use."""
    moment = int(datetime.now(UTC).timestamp())
    signed = encode({"role": "service_role", "iat": moment, "exp": moment + 600}, ring.signing_key)
    return {"Authorization": f"Bearer {signed}"}


async def test_it_follows_the_ring(database: Any, eventually: Any) -> None:
    async with running(database, eventually) as stand:
        old = token(stand.ring)
        assert (await stand.client.get("/things", headers=old)).json() == [{"id": 1}]
        intent = Intent(datetime.now(UTC), "test", "leaked", force=True)
        done = await keys.rotate(stand.bench, intent, revoke_old=True)

        async def refused() -> bool:
            answer = await stand.client.get("/things", headers=old)
            return answer.status_code == 401 and answer.json()["code"] == "PGRST301"

        await eventually(refused)
        new = await stand.client.get("/things", headers=token(done.after))
        assert new.json() == [{"id": 1}]


RAW = [
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /things?\xe4=eq.1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /things?id=eq.%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://other/things HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /things HTTP/1.1\r\n\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\nAuthorization: x\r\n\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nPrefer: \xff;=\r\nRange: \xff-1\r\nAccept: \xff\r\n\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nAccept-Profile: \xff\r\n\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nCookie: a=%ff;\xff=\xff;=;\r\n\r\n",
    b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /things HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"PROPFIND /things HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\r\n\r\n\x00\x00",
]


async def test_raw_bytes(database: Any, eventually: Any) -> None:
    async with running(database, eventually) as stand:
        for raw in RAW:
            status = await first_status(stand.port, raw)
            assert status is None or 200 <= status < 500, (raw[:60], status)
        assert (await stand.client.get("/health/live")).status_code == 200


async def first_status(port: int, raw: bytes) -> int | None:
    """Send ``raw`` and return the first status, None when the connection just ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        writer.write_eof()
        line = await asyncio.wait_for(reader.readline(), 5)
    except ConnectionError:
        return None
    finally:
        writer.close()
    return int(line.split()[1]) if line else None

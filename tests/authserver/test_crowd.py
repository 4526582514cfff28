"""Five hundred connections to one worker with ten to the database: they queue, none is refused."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from keyturn.adapters.postgres.pool import Pool

Serve = Callable[..., Any]
CONNECTIONS = 500
POOL = 10
USERS = 20


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


def request(method: str, path: str, body: object = None, bearer: str = "") -> bytes:
    """The bytes of a request after which the server closes."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: auth.test\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
    )
    return (head + (f"authorization: Bearer {bearer}\r\n" if bearer else "") + "\r\n").encode() + (
        content
    )


def wishes(users: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """What each connection asks for: reads, refreshes, sign-ins good and bad, sign-ups."""
    found = []
    for n in range(CONNECTIONS):
        user = users[n % USERS]
        account = {"email": user["user"]["email"], "password": "correct horse"}
        refresh = {"refresh_token": user["refresh_token"]}
        kinds = (
            ("user", request("GET", "/user", bearer=user["access_token"])),
            ("refresh", request("POST", "/token?grant_type=refresh_token", refresh)),
            ("sign in", request("POST", "/token?grant_type=password", account)),
            (
                "wrong password",
                request("POST", "/token?grant_type=password", {**account, "password": "x"}),
            ),
            ("sign up", request("POST", "/signup", {**account, "email": f"new-{n}@example.com"})),
        )
        found.append(kinds[n // USERS % len(kinds)])
    return found


async def test_five_hundred_connections_queue_for_ten(serve: Serve, database: HasPool) -> None:
    serving = serve(GOTRUE_DB_MAX_POOL_SIZE=str(POOL))
    watch = await database.pool(size=1)
    async with httpx.AsyncClient(base_url=serving.url, timeout=20) as http:
        users = []
        for n in range(USERS):
            account = {"email": f"user-{n}@example.com", "password": "correct horse"}
            users.append((await http.post("/signup", json=account)).json())
    everybody, seen = asyncio.Barrier(CONNECTIONS), Counter[tuple[str, int]]()

    async def one(kind: str, wish: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        await everybody.wait()  # all are connected before the first of them speaks
        writer.write(wish)
        answer = await reader.read()
        writer.close()
        seen[kind, int(answer[9:12])] += 1

    async with asyncio.TaskGroup() as group:
        for kind, wish in wishes(users):
            group.create_task(one(kind, wish))
    each = CONNECTIONS // 5
    assert seen == {
        ("user", 200): each,
        ("refresh", 200): each,
        ("sign in", 200): each,
        ("wrong password", 400): each,
        ("sign up", 200): each,
    }
    used = await watch.fetchval(
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and application_name = 'keyturn auth'"
    )
    assert used <= POOL
    assert await watch.fetchval("select count(*) from auth.users") == USERS + each

"""Requests at a steady rate, each with a user's token, and a record of every answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import httpx
from tests.support.stack import Stack


@dataclass
class Traffic:
    """What was sent and what came back."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


async def steady(
    stack: Stack, tokens: list[str], *, rate: int, stop: asyncio.Event, record: Traffic
) -> None:
    """Send ``rate`` requests per second until ``stop``, alternating between REST and Auth.

    ``tokens`` is read anew for each request, so that a caller may refresh them in place.
    A request that gets no answer is a failure, as is any status but 200.
    """
    paths = ("/rest/v1/notes?select=id&limit=1", "/auth/v1/user")
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
    async with (
        httpx.AsyncClient(
            base_url=stack.url, headers=stack.publishable, limits=limits, timeout=20
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not stop.is_set():
            path = paths[record.sent % len(paths)]
            token = tokens[record.sent % len(tokens)]
            group.create_task(_one(http, path, token, record))
            record.sent += 1
            await asyncio.sleep(max(0.0, started + record.sent / rate - loop.time()))


async def _one(http: httpx.AsyncClient, path: str, token: str, record: Traffic) -> None:
    try:
        answer = await http.get(path, headers={"authorization": f"Bearer {token}"})
    except httpx.HTTPError as error:
        record.failures.append(f"{path}: {type(error).__name__} {error}")
        return
    record.statuses[answer.status_code] += 1
    if answer.status_code != 200:
        record.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")

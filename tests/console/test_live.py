"""Live updates: what is sent and when a stream ends, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from tests.conftest import Database
from tests.support.console import Hands, open_console
from tests.support.console_scene import served

from keyturn.console.sessions import IDLE
from keyturn.console.streams import MOST_PER_SESSION
from keyturn.flows import keys
from keyturn.keyring.change import Intent

LIMIT = 15.0


@asynccontextmanager
async def visitor(hands: Hands) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that is signed in to a served console."""
    async with served(hands) as address, httpx.AsyncClient(base_url=address) as client:
        client.headers["origin"] = address
        await client.post("/sign-in", data={"link": hands.link()})
        yield client


@asynccontextmanager
async def stream(client: httpx.AsyncClient, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the messages of a stream: ``html`` for a fragment, ``event: NAME`` for another."""
    async with asyncio.timeout(LIMIT), client.stream("GET", path) as answer:
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "set-cookie" not in answer.headers
        yield messages(answer)


async def messages(answer: httpx.Response) -> AsyncIterator[str]:
    name, lines = "", []
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = f"event: {value}"
        elif field == "data":
            lines.append(value)
        elif not line and lines:
            yield name or "\n".join(lines)
            name, lines = "", []


async def test_a_change_arrives_without_asking(database: Database) -> None:
    """A key that is made elsewhere appears; the countdown moves with the clock."""
    hands = await open_console(database)
    async with visitor(hands) as client, stream(client, "/live/signing-keys") as sent:
        first = await anext(sent)
        assert first.count('<article class="key"') == 2
        assert "Rotating is safe in 20 minutes" in first
        await keys.generate(hands.services.bench, Intent(hands.now, "cli"), alg="ES256")
        assert (await anext(sent)).count('<article class="key"') == 3
        hands.forward(minutes=5)
        assert "Rotating is safe in 15 minutes" in await anext(sent)


async def test_what_a_stream_sends_is_what_the_page_holds(database: Database) -> None:
    """So nothing jumps when the first message replaces the part that was loaded."""
    hands = await open_console(database)
    async with visitor(hands) as client:
        for path, live in (("/", "/live/overview"), ("/signing-keys", "/live/signing-keys")):
            page = (await client.get(path)).text
            assert f'data-live="{live}"' in page
            async with stream(client, live) as sent:
                assert (await anext(sent)).strip() in page


async def test_a_dialogue_whose_wait_is_over_gets_its_button(database: Database) -> None:
    """And then the stream ends by itself, so that nothing disturbs who fills the form in."""
    hands = await open_console(database)
    async with visitor(hands) as client, stream(client, "/live/rotate") as sent:
        assert "<form" not in await anext(sent)
        hands.forward(minutes=20)
        ready = await anext(sent)
        assert "<form" in ready
        assert await anext(sent) == "event: done"


async def test_a_stream_keeps_no_session_alive(database: Database) -> None:
    """Thirty minutes after the last request of a person it ends, and cannot be opened again."""
    hands = await open_console(database)
    async with visitor(hands) as client:
        async with stream(client, "/live/overview") as sent:
            await anext(sent)
            hands.now += IDLE
            assert "event: ended" in [message async for message in sent]
        assert (await client.get("/live/overview")).status_code == 401
        assert (await client.get("/")).status_code == 303


async def test_signing_out_ends_the_streams(database: Database) -> None:
    """A page that was left open shows nothing new to whoever comes next."""
    hands = await open_console(database)
    async with visitor(hands) as client:
        page = (await client.get("/")).text
        csrf = page.split('name="csrf" value="')[1].split('"')[0]
        async with stream(client, "/live/overview") as sent:
            await anext(sent)
            await client.post("/sign-out", data={"csrf": csrf})
            assert "event: ended" in [message async for message in sent]


async def test_streams_are_few_and_their_places_come_back(database: Database) -> None:
    """One more than may be open is refused; a client that leaves makes room."""
    hands = await open_console(database)
    async with visitor(hands) as client:
        request = client.build_request("GET", "/live/overview")
        opened = [await client.send(request, stream=True) for _ in range(MOST_PER_SESSION)]
        for answer in opened:
            await anext(answer.aiter_bytes())
        assert (await client.get("/live/overview")).status_code == 503
        for answer in opened:
            await answer.aclose()
        async with asyncio.timeout(LIMIT):
            while (answer := await client.send(request, stream=True)).status_code == 503:
                await answer.aclose()
            await answer.aclose()


async def test_nobody_else_may_listen(database: Database) -> None:
    """No session, no stream."""
    hands = await open_console(database)
    async with served(hands) as address, httpx.AsyncClient(base_url=address) as client:
        answer = await client.get("/live/signing-keys")
        assert answer.status_code == 401
        assert "signing" not in answer.text.lower()


async def test_streams_end_when_the_server_stops(database: Database) -> None:
    """An open page does not hold up `keyturn down`."""
    hands = await open_console(database)
    async with asyncio.timeout(LIMIT), httpx.AsyncClient() as client:
        async with served(hands) as address:
            headers = {"origin": address}
            await client.post(f"{address}/sign-in", data={"link": hands.link()}, headers=headers)
            request = client.build_request("GET", f"{address}/live/overview")
            answer = await client.send(request, stream=True)
            await anext(answer.aiter_bytes())
        await answer.aclose()

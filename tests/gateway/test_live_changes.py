"""Keys and bearers change under open connections, Envoy dies and comes back: nobody notices."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.gateway.harness import (
    BEARERS,
    KEYS,
    PUBLISHABLE,
    Reached,
    Running,
    Service,
    do,
    running,
    snapshot,
    wait_until,
)
from websockets.sync.client import connect

SECOND = "sb_secret_dddddddddddddddddddddd_12345678"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Running]:
    """Run a gateway of one test's own, which may be broken."""
    with running(tmp_path / "gateway") as gateway:
        yield gateway


def on_one_connection(gateway: Running) -> httpx.Client:
    """Return a client that keeps one connection and fails when it is cut."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.Client(base_url=gateway.url, limits=limits, trust_env=False)


def local_port(response: httpx.Response) -> int:
    """Return the client's port: it names the connection."""
    stream: socket.socket = response.extensions["network_stream"].get_extra_info("socket")
    return int(stream.getsockname()[1])


def test_a_key_is_accepted_and_refused_on_the_same_connection(stack: Running) -> None:
    with on_one_connection(stack) as client:
        ports, statuses = set(), []
        for keys in (KEYS, (*KEYS, (SECOND, "service_role", "secret")), KEYS):
            began = time.monotonic()
            stack.publish(snapshot(keys))
            assert time.monotonic() - began < 1
            response = client.get("/rest/v1/t", headers={"apikey": SECOND})
            ports.add(local_port(response))
            statuses.append(response.status_code)
    assert statuses == [401, 200, 401]
    assert len(ports) == 1


def test_new_bearers_replace_the_old_ones_on_the_same_connection(stack: Running) -> None:
    with on_one_connection(stack) as client:
        seen = []
        for number in range(3):
            tokens = {name: f"{token}.{number}" for name, token in BEARERS.items()}
            stack.publish(snapshot(tokens=tokens))
            answer = client.get("/rest/v1/t", headers={"apikey": PUBLISHABLE})
            seen.append(Reached(answer.json()).headers["authorization"])
    assert seen == [f"Bearer INTERNAL.ANON.JWT.{number}" for number in range(3)]


def test_an_open_socket_outlives_every_change(stack: Running) -> None:
    url = f"ws://127.0.0.1:{stack.port}/realtime/v1/websocket?apikey={PUBLISHABLE}"
    with connect(url, proxy=None) as opened:
        opened.recv(timeout=5)
        for keys in ((), KEYS, KEYS[:1], ()):
            stack.publish(snapshot(keys))
            opened.send("still there?")
            assert opened.recv(timeout=5) == "still there?"
        assert stack.send("GET", "/rest/v1/t", headers={"apikey": PUBLISHABLE}).status_code == 401


async def test_no_request_fails_while_keys_change_all_the_time(stack: Running) -> None:
    async def ask(client: httpx.AsyncClient) -> set[int]:
        found = set()
        while not done.is_set():
            found.add((await client.get("/rest/v1/t")).status_code)
        return found

    done = asyncio.Event()
    headers = {"apikey": PUBLISHABLE}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, trust_env=False) as client:
        asking = [asyncio.create_task(ask(client)) for _ in range(8)]
        for number in range(40):
            await stack.envoy.publish(snapshot((*KEYS, (f"sb_x{number}", "anon", "publishable"))))
            await asyncio.sleep(0.02)
        done.set()
        assert set().union(*await asyncio.gather(*asking)) == {200}


def test_envoy_comes_back_with_the_same_files(stack: Running) -> None:
    stack.publish(snapshot(KEYS[:1]))
    stack.kill()
    assert do(stack.envoy.ready()) is False
    stack.start()
    assert stack.reached("/rest/v1/t", {"apikey": PUBLISHABLE}).path == "/t"
    assert stack.send("GET", "/rest/v1/t", headers={"apikey": KEYS[1][0]}).status_code == 401


def test_a_routes_file_that_makes_no_sense_changes_nothing(stack: Running) -> None:
    stack.publish(snapshot())
    routes = stack.envoy.directory / "rds.json"
    whole = routes.read_bytes()
    for broken in (b"", b"null", b"{}", whole[: len(whole) // 2], whole.replace(b"prefix", b"x")):
        spare = routes.with_name("spare")
        spare.write_bytes(broken)
        spare.replace(routes)
        assert stack.reached("/rest/v1/t", {"apikey": PUBLISHABLE}).path == "/t"
    stack.publish(snapshot(KEYS[1:2]))
    assert stack.send("GET", "/rest/v1/t", headers={"apikey": PUBLISHABLE}).status_code == 401


def test_metadata_that_makes_no_sense_lets_nobody_in(stack: Running) -> None:
    routes = stack.envoy.directory / "rds.json"
    whole = routes.read_bytes()
    for role in (b"null", b"7", b"{}", b'"root"'):
        spare = routes.with_name("spare")
        spare.write_bytes(
            whole.replace(b'"role":"anon"', b'"role":' + role).replace(
                b'"version_info":"', b'"version_info":"z'
            )
        )
        spare.replace(routes)
        answers = {200}
        deadline = time.monotonic() + 2
        while answers == {200} and time.monotonic() < deadline:
            answers = {stack.send("GET", "/rest/v1/t", headers={"apikey": PUBLISHABLE}).status_code}
        assert answers <= {500, 503}
        assert stack.send("GET", "/rest/v1/t", headers={"apikey": KEYS[1][0]}).status_code == 200


def test_a_service_that_restarts_costs_no_request(stack: Running) -> None:
    with on_one_connection(stack) as client:
        headers = {"apikey": PUBLISHABLE}
        assert client.post("/rest/v1/t", headers=headers, json={}).status_code == 200
        stack.service.stop()
        stack.service = Service(stack.service.port).start()
        assert client.post("/rest/v1/t", headers=headers, json={}).status_code == 200


def test_a_service_that_stays_away_is_named(stack: Running) -> None:
    stack.service.stop()
    began = time.monotonic()
    response = stack.send("POST", "/rest/v1/t", headers={"apikey": PUBLISHABLE}, timeout=20)
    assert response.status_code == 503
    assert response.json()["message"] == "The service behind this route does not answer."
    assert response.json()["service"] == "rest"
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    assert 0.5 < time.monotonic() - began < 15


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 503)])
async def test_only_safe_requests_are_sent_again_once_they_arrived(
    tmp_path: Path, method: str, status: int
) -> None:
    arrived = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\r\n\r\n"))
        if len(arrived) > 1:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        writer.close()

    with running(tmp_path / "gateway") as stack:
        stack.service.stop()
        server = await asyncio.start_server(serve, "127.0.0.1", stack.service.port)
        async with server, httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
            response = await client.request(method, "/rest/v1/t", headers={"apikey": PUBLISHABLE})
    assert response.status_code == status
    assert len(arrived) == (2 if status == 200 else 1)
    assert b"x-envoy" not in b"".join(arrived)


def test_files_are_private_and_hold_no_key(stack: Running) -> None:
    assert stack.reached("/rest/v1/t", {"apikey": PUBLISHABLE}).path == "/t"
    for file in stack.envoy.directory.iterdir():
        assert file.stat().st_mode & 0o077 == 0 or file.name == "envoy.log", file.name
        if file.is_file():
            assert b"sb_" not in file.read_bytes() or file.name == "bootstrap.json", file.name
    bootstrap = json.loads((stack.envoy.directory / "bootstrap.json").read_text())
    assert all(key[0] not in json.dumps(bootstrap) for key in KEYS)
    wait_until(lambda: stack.envoy.access_log.read_text())

"""A real Envoy in front of a real HTTP server that says what reached it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from keyturn.adapters.envoy.gateway import EnvoyGateway
from keyturn.gateway.bootstrap import Listen
from keyturn.gateway.snapshot import AcceptedKey, Bearers, Kind, Role, Snapshot
from keyturn.gateway.upstreams import parse_upstreams

T = TypeVar("T")

PUBLISHABLE = "sb_publishable_aaaaaaaaaaaaaaaaaaaaaa_12345678"
SECRET = "sb_secret_bbbbbbbbbbbbbbbbbbbbbb_12345678"
LEGACY_ANON = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJlLWE"
LEGACY_SERVICE = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJlLXM"
USER_JWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJ1In0.c2lnbmF0dXJlLXU"
KEYS: tuple[tuple[str, Role, Kind], ...] = (
    (PUBLISHABLE, "anon", "publishable"),
    (SECRET, "service_role", "secret"),
    (LEGACY_ANON, "anon", "legacy"),
    (LEGACY_SERVICE, "service_role", "legacy"),
)
BEARERS = {
    "bearer:anon": "INTERNAL.ANON.JWT",
    "bearer:service_role": "INTERNAL.SERVICE.JWT",
    "socket:anon": "SOCKET.ANON.JWT",
    "socket:service_role": "SOCKET.SERVICE.JWT",
}


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepted(text: str, role: Role, kind: Kind) -> AcceptedKey:
    """Return ``text`` as the gateway knows it; its id is readable in the log."""
    return AcceptedKey(hashlib.sha256(text.encode()).hexdigest(), f"id-{kind}-{role}", role, kind)


def snapshot(
    keys: tuple[tuple[str, Role, Kind], ...] = KEYS, tokens: dict[str, str] | None = None
) -> Snapshot:
    """Return a snapshot with recognisable bearers."""
    bearers = Bearers("k1", "http://issuer", datetime.now(UTC), tokens or BEARERS)
    return Snapshot(frozenset(accepted(*key) for key in keys), bearers)


def do(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on a loop of its own, also from within a running one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Reached:
    """What the service behind the gateway saw of one request."""

    raw: dict[str, Any]
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = dict(self.raw["headers"])

    @property
    def path(self) -> str:
        """The path with its query."""
        path, query = str(self.raw["path"]), self.raw["query"]
        return f"{path}?{query}" if query else path


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what arrived; echo the frames of a WebSocket after saying what arrived."""
    if scope["type"] == "lifespan":
        return
    raw = {
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]],
    }
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps(raw)})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps({**raw, "method": scope["method"], "size": size}).encode()
    headers = [(b"content-type", b"application/json")]
    if b"own-cors" in scope["query_string"]:
        headers.append((b"access-control-allow-origin", b"https://only.example"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Service:
    """The echo service on a port of its own, in a thread."""

    def __init__(self, port: int | None = None, **config: Any) -> None:
        self.port = port or free_port()
        self._server = uvicorn.Server(
            uvicorn.Config(
                echo,
                port=self.port,
                log_level="error",
                lifespan="off",
                ws="websockets-sansio",
                **config,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> Service:
        """Return once it answers."""
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self

    def stop(self) -> None:
        """Stop it and wait for its thread."""
        self._server.should_exit = True
        self._thread.join(10)


def wait_until(condition: Any, *, within: float = 10.0) -> None:
    """Return as soon as ``condition()`` is true; fail after ``within`` seconds."""
    waiter = threading.Event()
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        waiter.wait(0.01)


class Running:
    """A gateway under test and how to talk to it."""

    def __init__(self, envoy: EnvoyGateway, port: int, service: Service) -> None:
        self.envoy = envoy
        self.port = port
        self.service = service
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run Envoy and wait until it is ready."""
        command = self.envoy.command()
        with (self.envoy.directory / "envoy.log").open("ab") as log:
            self.process = subprocess.Popen(
                command.argv, cwd=command.cwd, env=dict(command.env), stdout=log, stderr=log
            )
        wait_until(lambda: do(self.envoy.ready()))

    def kill(self) -> None:
        """Kill Envoy as ``kill -9`` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def publish(self, wanted: Snapshot) -> None:
        """Publish and wait until Envoy serves it."""

        async def both() -> bool:
            await self.envoy.publish(wanted)
            return await self.envoy.serves_published(within=2)

        assert do(both())

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request on a connection of its own."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.request(method, path, **options)

    def reached(self, path: str, headers: dict[str, str], method: str = "GET") -> Reached:
        """Send a request that must reach the service; return what it saw."""
        response = self.send(method, path, headers=headers)
        assert response.status_code == 200, response.text
        return Reached(response.json())

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the access log so far."""
        return [json.loads(line) for line in self.envoy.access_log.read_text().splitlines()]

    def log_of(self, request_id: str) -> dict[str, Any]:
        """Wait for the log line of one request and return it."""
        wait_until(lambda: request_id in self.envoy.access_log.read_text())
        return next(line for line in self.log_lines() if line["request_id"] == request_id)


@contextmanager
def running(
    directory: Path, *, services: tuple[str, ...] | None = None, **listen: Any
) -> Iterator[Running]:
    """Run an echo service and an Envoy in front of it."""
    names = services or ("auth", "rest", "realtime", "storage", "functions", "console")
    service = Service().start()
    port = free_port()
    urls = dict.fromkeys(names, f"http://127.0.0.1:{service.port}")
    envoy = EnvoyGateway(
        directory, Listen(port=port, **listen), parse_upstreams(urls), concurrency=1
    )
    envoy.prepare()
    do(envoy.publish(snapshot()))
    gateway = Running(envoy, port, service)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.kill()
        service.stop()

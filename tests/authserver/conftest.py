"""The real application on a real database: in this process, or as `keyturn serve`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from tests.support.contracts import undeclared

from keyturn.authserver.app import AuthApp
from keyturn.authserver.reporting import RequestLine
from keyturn.jose import jwt
from keyturn.jose.keys import signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.wiring.auth import open_auth, prepare
from keyturn.wiring.settings import Settings, load


class HasDsn(Protocol):
    """What of the ``database`` fixture is used here."""

    @property
    def auth_dsn(self) -> Secret: ...


@dataclass
class KeptLog:
    """A log that keeps what it is told."""

    requests: list[RequestLine] = field(default_factory=list)
    events: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def request(self, line: RequestLine) -> None:
        self.requests.append(line)

    def event(self, level: str, message: str, facts: Mapping[str, object]) -> None:
        self.events.append((level, message, dict(facts)))


@dataclass
class Auth:
    """One worker in this process, with a client that talks to it."""

    http: httpx.AsyncClient
    log: KeptLog
    settings: Settings
    app: AuthApp

    async def sign_up(self, email: str = "ada@example.com", password: str = "correct horse") -> Any:
        """Return the token response of a new user."""
        response = await self.http.post("/signup", json={"email": email, "password": password})
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, status: int, code: str, method: str, path: str, **options: Any) -> str:
        """Check one refusal in both shapes and return its sentence."""
        older = await self.http.request(method, path, **options)
        headers = {**options.pop("headers", {}), "X-Supabase-Api-Version": "2024-01-01"}
        newer = await self.http.request(method, path, headers=headers, **options)
        assert older.status_code == newer.status_code == status, (older.text, newer.text)
        assert older.headers["x-sb-error-code"] == newer.headers["x-sb-error-code"] == code
        assert "x-supabase-api-version" not in older.headers
        assert newer.headers["x-supabase-api-version"] == "2024-01-01"
        first, second = older.json(), newer.json()
        assert (first["code"], first["error_code"]) == (status, code)
        assert second["code"] == code
        assert list(second)[:2] == ["code", "message"]
        assert list(first)[:3] == ["code", "error_code", "msg"]
        assert ("error_id" in first) == (status >= 500)
        assert first["msg"] == second["message"]
        sentence: str = first["msg"]
        return sentence


OpenAuth = Callable[..., AbstractAsyncContextManager[Auth]]
BASE = {
    "GOTRUE_MAILER_AUTOCONFIRM": "true",
    "GOTRUE_JWT_ISSUER": "http://auth.test/auth/v1",
    "KEYTURN_BCRYPT_COST": "4",
}


@pytest.fixture
def environment(
    database: HasDsn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of a server on a fresh database."""
    for name in ("KEYTURN_MASTER_KEY", "KEYTURN_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return {
        **BASE,
        "KEYTURN_DATA_DIR": str(tmp_path / "data"),
        "KEYTURN_DATABASE_URL": reveal(database.auth_dsn).decode(),
    }


@pytest.fixture
def open_server(environment: dict[str, str]) -> OpenAuth:
    """Open a worker in this process; keyword arguments are further variables."""

    @asynccontextmanager
    async def opened(peer: str = "127.0.0.1", **variables: str) -> AsyncIterator[Auth]:
        settings = load({**environment, **variables})
        await prepare(settings)
        log = KeptLog()
        async with open_auth(settings, log=log) as app:
            transport = httpx.ASGITransport(app, client=(peer, 40000), raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://auth.test") as http:
                yield Auth(http, log, settings, app)
            assert not (found := undeclared(app.routes, log.requests)), found

    return opened


@dataclass
class Serving:
    """A running `keyturn serve`."""

    process: subprocess.Popen[bytes]
    port: int
    stderr: Path
    metrics_port: int | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """What it has written so far."""
        return self.stderr.read_text("utf-8")

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Return the log lines with this ``msg``."""
        found = (json.loads(line) for line in self.log().splitlines() if line.startswith("{"))
        return [line for line in found if line["msg"] == message]

    def workers(self) -> set[int]:
        """Return the pids of the workers that were started last under each name."""
        last = {line["worker"]: line["pid"] for line in self.lines("worker started")}
        return {pid for name, pid in last.items() if name.startswith("auth-")}


def free_port() -> int:
    """Return a TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "0.02"], timeout=1, check=False)


@pytest.fixture
def service_role() -> Callable[[str], dict[str, str]]:
    """Return the header of a legacy ``service_role`` key, made with the given JWT_SECRET."""

    def header(secret: str) -> dict[str, str]:
        expires = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
        claims = {"iss": "supabase", "role": "service_role", "exp": expires}
        signed = jwt.encode(claims, signing_key_from_secret(Secret(secret), kid=None))
        return {"Authorization": f"Bearer {signed}"}

    return header


@pytest.fixture
def unused_port() -> int:
    """Return :func:`free_port`."""
    return free_port()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Return :func:`eventually`."""
    return eventually


@pytest.fixture
def serve(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start `keyturn serve` and wait until it is ready; stopped at the end of the test."""
    started: list[Serving] = []

    def start(*arguments: str, ready: bool = True, port: int = 0, **variables: str) -> Serving:
        port = port or free_port()
        stderr = tmp_path / f"serve-{len(started)}.log"
        command = [sys.executable, "-m", "keyturn", "serve", "--port", str(port), *arguments]
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with stderr.open("wb") as stream:
            process = subprocess.Popen(
                command, env={**inherited, **environment, **variables}, stderr=stream
            )
        metrics = variables.get("KEYTURN_METRICS_PORT")
        serving = Serving(process, port, stderr, int(metrics) if metrics else None)
        started.append(serving)
        if ready:
            eventually(lambda: _ready(serving), seconds=30)
        return serving

    yield start
    for serving in started:
        if serving.process.poll() is None:
            serving.process.send_signal(signal.SIGTERM)
            try:
                serving.process.wait(15)
            except subprocess.TimeoutExpired:
                serving.process.kill()
                serving.process.wait()


def _ready(serving: Serving) -> bool:
    assert serving.process.poll() is None, serving.log()
    try:
        return httpx.get(f"{serving.url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False

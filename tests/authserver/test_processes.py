"""`keyturn serve` as its operator sees it: workers, signals, logs, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx

from keyturn.adapters import system
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_watch import POLL_SECONDS
from keyturn.flows import keys
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.secret import Secret
from keyturn.wiring.locations import locations
from keyturn.wiring.ring import master_sealer, open_ring

Serve = Callable[..., Any]
WaitUntil = Callable[..., None]
JWKS = "/.well-known/jwks.json"
ADA = {"email": "ada@example.com", "password": "correct horse battery"}


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[http.client.HTTPConnection]]:
    """Open keep-alive connections, so that every worker has some."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            stack.callback(connection.close)
            connection.connect()
            found.append(connection)
        yield found


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


async def generate_key(environment: dict[str, str]) -> str:
    """Add a standby key to the ring, as another process would, and return its kid."""
    pool = await Pool.open(Secret(environment["KEYTURN_DATABASE_URL"]), size=1)
    try:
        sealer = master_sealer(locations(environment["KEYTURN_DATA_DIR"]))
        store, _ = await open_ring(pool, sealer, poll_seconds=None)
        bench = keys.Bench(store, RingPolicy(), system.entropy)
        done = await keys.generate(bench, Intent(system.now(), "test", "one more"))
    finally:
        await pool.close()
    known = {key.kid for key in done.before.keys}
    return next(key.kid for key in done.after.keys if key.kid not in known)


def test_every_worker_is_told_of_a_ring_change(serve: Serve, environment: dict[str, str]) -> None:
    """Long before it would look by itself; usually within milliseconds."""
    serving = serve("--workers", "2")
    with connections(serving.port, 16) as open_ones:
        kid = asyncio.run(generate_key(environment))
        deadline = time.monotonic() + POLL_SECONDS / 2
        for connection in open_ones:
            while kid not in get(connection, JWKS)[1]:
                assert time.monotonic() < deadline


def test_a_killed_worker_is_replaced_and_nobody_is_refused(
    serve: Serve, wait_until: WaitUntil
) -> None:
    serving = serve("--workers", "2")
    httpx.post(f"{serving.url}/signup", json=ADA).raise_for_status()
    victim = min(serving.workers())
    stop = threading.Event()
    answers: list[int | str] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(httpx.get(f"{serving.url}{JWKS}").status_code)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                answers.append("cut off")

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(serving.workers()) == 2 and victim not in serving.workers())
        wait_until(lambda: len(answers) > 50)
    finally:
        stop.set()
        asker.join()
    # The request that the victim had in hand may fail: its client sees a closed connection.
    assert set(answers) <= {200, "cut off"}
    assert answers.count("cut off") <= 1
    assert serving.lines("worker ended; it will be replaced")[0]["status"] == "signal SIGKILL"
    granted = httpx.post(f"{serving.url}/token?grant_type=password", json=ADA)
    assert granted.status_code == 200


def test_one_worker_killed_leaves_connections_waiting_not_refused(
    serve: Serve, wait_until: WaitUntil
) -> None:
    serving = serve()
    (victim,) = serving.workers()
    os.kill(victim, signal.SIGKILL)
    assert httpx.get(f"{serving.url}/health", timeout=10).status_code == 200
    wait_until(lambda: serving.workers() != {victim})


async def test_a_request_in_flight_is_finished_before_the_end(
    serve: Serve, database: HasPool, eventually: Callable[[Callable[[], Any]], Awaitable[None]]
) -> None:
    """The database holds the request up until the server has begun to stop."""
    serving = serve()
    operator, watch = await database.pool(size=1), await database.pool(size=1)

    async def held_up() -> bool:
        found = await watch.fetchval("select count(*) from pg_locks where not granted")
        return bool(found)

    async with httpx.AsyncClient(base_url=serving.url, timeout=20) as client:
        async with operator.transaction() as held:
            await held.execute("lock table auth.users in access exclusive mode")
            signing_up = asyncio.create_task(client.post("/signup", json=ADA))
            await eventually(held_up)
            serving.process.send_signal(signal.SIGTERM)
            await eventually(lambda: bool(serving.lines("stopping")))
        assert (await signing_up).status_code == 200
    assert await asyncio.to_thread(serving.process.wait, 15) == 0
    assert serving.lines("stopped")


def test_workers_end_when_their_parent_is_killed(serve: Serve, wait_until: WaitUntil) -> None:
    serving = serve("--workers", "2")
    workers = serving.workers()
    serving.process.kill()
    serving.process.wait()

    def gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in workers)

    wait_until(gone)
    again = serve(port=serving.port)
    assert httpx.get(f"{again.url}/health").status_code == 200


def test_a_taken_port_is_explained(serve: Serve) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        serving = serve(port=squatter.getsockname()[1], ready=False)
        assert serving.process.wait(20) == 3
    assert "is taken by another process" in serving.log()


def test_a_database_that_is_away_is_explained(serve: Serve) -> None:
    away = "postgres://supabase_auth_admin:s3cr3t-password@127.0.0.1:1/postgres"
    serving = serve(ready=False, KEYTURN_DATABASE_URL=away)
    assert serving.process.wait(30) == 4
    assert "error:" in serving.log()
    assert "s3cr3t-password" not in serving.log()
    assert "Traceback" not in serving.log()


def test_settings_that_do_nothing_are_reported(serve: Serve) -> None:
    serving = serve(
        GOTRUE_SAML_ENABLED="true",
        GOTRUE_JWT_EXPP="60",
        GOTRUE_SAML_PRIVATE_KEY="hunter2-saml",
        GOTRUE_JWT_SECRET="hunter2-jwt",
    )
    (short,) = serving.lines("short GOTRUE_JWT_SECRET")
    assert short["bytes"] == 11
    idle = serving.lines("settings without effect")
    assert idle[0]["names"] == ["GOTRUE_SAML_ENABLED", "GOTRUE_SAML_PRIVATE_KEY"]
    (unknown,) = serving.lines("unknown settings")
    assert unknown["names"] == ["GOTRUE_JWT_EXPP"]
    assert unknown["perhaps_meant"] == {"GOTRUE_JWT_EXPP": "GOTRUE_JWT_EXP"}
    assert "hunter2" not in serving.log()


def test_a_wrong_setting_stops_the_start(serve: Serve) -> None:
    serving = serve(ready=False, GOTRUE_JWT_EXP="soon")
    assert serving.process.wait(20) == 2
    assert "GOTRUE_JWT_EXP: expected a whole number" in serving.log()


def test_logs_have_one_line_per_request_and_no_secrets(
    serve: Serve, wait_until: WaitUntil, environment: dict[str, str]
) -> None:
    secret = "a-legacy-secret-of-more-than-32-bytes"
    serving = serve(GOTRUE_JWT_SECRET=secret, GOTRUE_LOG_LEVEL="debug")
    token = httpx.post(f"{serving.url}/signup", json=ADA).json()
    spoken = [token["access_token"], token["refresh_token"], ADA["email"], ADA["password"], secret]
    headers = {"Authorization": f"Bearer {token['access_token']}", "apikey": "sb_secret_abc"}
    httpx.get(f"{serving.url}/user?apikey=sb_secret_abc&email={ADA['email']}", headers=headers)
    httpx.get(f"{serving.url}/nowhere/{token['refresh_token']}?token=sb_secret_abc")
    httpx.post(f"{serving.url}/token?grant_type=password", json={**ADA, "password": "nope"})
    httpx.post(f"{serving.url}/signup", content=b'{"email": "ada@example.com", "password"')
    wait_until(lambda: len([x for x in serving.lines("request") if x["route"] == "/signup"]) == 2)
    seen = {(x["method"], x["route"], x["status"]) for x in serving.lines("request")}
    assert {
        ("POST", "/signup", 200),
        ("GET", "/user", 200),
        ("GET", "(unmatched)", 404),
        ("POST", "/token", 400),
        ("POST", "/signup", 400),
    } <= seen
    codes = {x.get("error_code") for x in serving.lines("request")}
    assert {"invalid_credentials", "bad_json"} <= codes
    master = (Path(environment["KEYTURN_DATA_DIR"]) / "master.key").read_text().strip()
    for text in (*spoken, "sb_secret_abc", "nope", master, environment["KEYTURN_DATABASE_URL"]):
        assert text not in serving.log()
    for pid in (serving.process.pid, *serving.workers()):
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_metrics_add_up_over_workers(
    serve: Serve, wait_until: WaitUntil, environment: dict[str, str], unused_port: int
) -> None:
    serving = serve("--workers", "2", KEYTURN_METRICS_PORT=str(unused_port))
    url = f"http://127.0.0.1:{unused_port}/metrics"
    with connections(serving.port, 20) as open_ones:
        for connection in open_ones:
            assert get(connection, "/settings")[0] == 200
    httpx.post(f"{serving.url}/signup", json=ADA).raise_for_status()
    httpx.post(f"{serving.url}/token?grant_type=password", json=ADA).raise_for_status()
    httpx.post(f"{serving.url}/token?grant_type=password", json={**ADA, "password": "x"})

    def shown(text: str) -> bool:
        return text in httpx.get(url).text

    counted = 'keyturn_requests_total{method="GET",route="/settings",status="200"} 20.0'
    wait_until(lambda: shown(counted))
    assert shown('keyturn_grants_total{grant="password",outcome="ok"} 1.0')
    assert shown('keyturn_grants_total{grant="password",outcome="invalid_credentials"} 1.0')
    assert shown('keyturn_request_seconds_bucket{le="+Inf",method="POST",route="/token"} 2.0')
    wait_until(lambda: shown('keyturn_database_connections{state="idle"}'))
    assert shown("keyturn_ring_version 1.0")
    asyncio.run(generate_key(environment))
    wait_until(lambda: shown("keyturn_ring_version 2.0"))
    assert 'keyturn_signing_key_in_use{alg="ES256",kid="' in httpx.get(url).text
    victim = min(serving.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in serving.workers())
    # What a dead worker counted stays counted.
    assert shown(counted)
    assert httpx.get(f"{serving.url}/metrics").status_code == 404


def test_a_unix_socket_is_private_and_goes_away(
    serve: Serve, wait_until: WaitUntil, tmp_path: Path
) -> None:
    path = tmp_path / "auth.sock"
    serving = serve("--uds", str(path), ready=False)
    wait_until(lambda: bool(serving.lines("listening")), seconds=30)
    assert path.stat().st_mode & 0o777 == 0o600
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        forwarded = client.get("http://auth/health", headers={"X-Forwarded-For": "203.0.113.7"})
    assert json.loads(forwarded.content)["name"] == "GoTrue"
    wait_until(lambda: bool(serving.lines("request")))
    assert serving.lines("request")[0]["remote_addr"] == "203.0.113.7"
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(15) == 0
    assert not path.exists()


def test_two_first_starts_race_safely(serve: Serve, wait_until: WaitUntil) -> None:
    first, second = serve(ready=False), serve(ready=False)
    for serving in (first, second):
        wait_until(lambda one=serving: bool(one.lines("worker started")), seconds=30)
    wait_until(lambda: httpx.get(f"{first.url}{JWKS}").status_code == 200)
    assert httpx.get(f"{first.url}{JWKS}").content == httpx.get(f"{second.url}{JWKS}").content

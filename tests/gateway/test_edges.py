"""Limits, hostile requests, CORS, and what the access log says and does not say."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from typing import Any

import httpx
import pytest
from tests.gateway.harness import (
    KEYS,
    PUBLISHABLE,
    SECRET,
    USER_JWT,
    Running,
    snapshot,
)

ORIGIN = {"origin": "https://app.example"}
KEY = {"apikey": PUBLISHABLE}


def raw(gateway: Running, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return the status (0: closed without an answer) and everything."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
            if b"content-length: 0" in answer.lower() or answer.endswith(b"}"):
                break
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


@pytest.mark.parametrize("length", [1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 200, 1000, 4096])
def test_hashes_agree_with_hashlib(gateway: Running, length: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/="
    source = random.Random(length)
    texts = ["".join(source.choice(alphabet) for _ in range(length)) for _ in range(3)]
    gateway.publish(snapshot(tuple((text, "anon", "legacy") for text in texts)))
    try:
        for text in texts:
            assert gateway.send("GET", "/rest/v1/t", headers={"apikey": text}).status_code == 200
            other = text[:-1] + ("A" if text[-1] != "A" else "B")
            if other not in texts:
                wrong = gateway.send("GET", "/rest/v1/t", headers={"apikey": other})
                assert wrong.status_code == 401
    finally:
        gateway.publish(snapshot())


def test_many_different_keys_neither_grow_envoy_nor_confuse_it(gateway: Running) -> None:
    with httpx.Client(base_url=gateway.url, trust_env=False) as client:
        for number in range(1500):
            wrong = client.get("/rest/v1/t", headers={"apikey": f"sb_publishable_{number}"})
            assert wrong.status_code == 401
            if number % 100 == 0:
                assert client.get("/rest/v1/t", headers=KEY).status_code == 200


@pytest.mark.parametrize(
    "path", ["/auth/v1/token", "/rest/v1/t", "/storage/v1/o", "/functions/v1/f"]
)
def test_preflights_are_answered_by_the_gateway(gateway: Running, path: str) -> None:
    asked = {
        **ORIGIN,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,apikey,x-client-info,x-my-own",
    }
    response = gateway.send("OPTIONS", path, headers=asked)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in response.headers["access-control-allow-methods"]
    assert (
        response.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
    )


def test_the_console_is_not_opened_to_other_sites(gateway: Running) -> None:
    asked = {**ORIGIN, "access-control-request-method": "POST"}
    for response in (
        gateway.send("OPTIONS", "/keys", headers=asked),
        gateway.send("GET", "/keys", headers=ORIGIN),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_answers_are_readable_by_browsers(gateway: Running) -> None:
    response = gateway.send("GET", "/rest/v1/t", headers={**KEY, **ORIGIN})
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    exposed = response.headers["access-control-expose-headers"].lower()
    for name in (
        "content-range",
        "x-total-count",
        "link",
        "x-supabase-api-version",
        "upload-offset",
    ):
        assert name in exposed
    own = gateway.send("GET", "/functions/v1/f?own-cors", headers=ORIGIN)
    assert own.headers.get_list("access-control-allow-origin") == ["https://only.example"]


def body(size: int, *, chunked: bool) -> dict[str, Any]:
    """Return httpx's arguments for a body of ``size`` bytes."""
    if not chunked:
        return {"content": b"x" * size}
    return {"content": (b"x" * (64 << 10) for _ in range(size // (64 << 10)))}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/auth/v1/token", 1 << 20, 200),
        ("/auth/v1/token", (1 << 20) + (64 << 10), 413),
        ("/rest/v1/t", 15 << 20, 200),
        ("/rest/v1/t", 17 << 20, 413),
        ("/storage/v1/object/a", 40 << 20, 200),
    ],
)
def test_body_limits(gateway: Running, path: str, size: int, status: int, chunked: bool) -> None:
    response = gateway.send("POST", path, headers=KEY, timeout=30, **body(size, chunked=chunked))
    assert response.status_code == status
    if status == 200:
        assert response.json()["size"] == size
    else:
        assert "too large" in response.text
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("version", "members"),
    [
        (None, {"code": 413, "error_code": "request_entity_too_large"}),
        ("2023-12-31", {"code": 413, "error_code": "request_entity_too_large"}),
        ("yesterday", {"code": 413, "error_code": "request_entity_too_large"}),
        ("2024-01-01", {"code": "request_entity_too_large"}),
        ("2031-07-15", {"code": "request_entity_too_large"}),
    ],
)
def test_a_body_too_large_for_auth_is_refused_in_its_words(
    gateway: Running, version: str | None, members: dict[str, object], chunked: bool
) -> None:
    asked = KEY if version is None else {**KEY, "x-supabase-api-version": version}
    sent = body(2 << 20, chunked=chunked)
    response = gateway.send("POST", "/auth/v1/signup", headers=asked, timeout=30, **sent)
    newer = "error_code" not in members
    sentence = {("message" if newer else "msg"): "Request body too large: the limit is 1 MiB"}
    assert response.status_code == 413
    assert response.json() == {**members, **sentence}
    assert response.headers["x-sb-error-code"] == "request_entity_too_large"
    assert response.headers.get("x-supabase-api-version") == ("2024-01-01" if newer else None)
    other = gateway.send("POST", "/rest/v1/t", headers=asked, timeout=30, content=b"x" * (17 << 20))
    assert other.json()["message"] == "The request body is too large."


def test_an_announced_length_is_refused_before_the_body_is_sent(gateway: Running) -> None:
    head = f"POST /storage/v1/o HTTP/1.1\r\nhost: x\r\napikey: {PUBLISHABLE}\r\n"
    status, answer = raw(gateway, f"{head}content-length: {6 << 30}\r\n\r\n".encode())
    assert status == 413
    assert b"too large" in answer


def test_header_limits(gateway: Running) -> None:
    for headers in ({"cookie": "x" * 70_000}, {f"x-{n}": "y" for n in range(120)}):
        response = gateway.send("GET", "/rest/v1/t", headers={**KEY, **headers})
        assert response.status_code == 431
        assert response.json()["message"] == "The request headers are too large."
    assert gateway.send("GET", "/rest/v1/t", headers={**KEY, "cookie": "x" * 30_000}).is_success


def test_what_only_proxies_may_say_is_not_believed(gateway: Running) -> None:
    forged = {
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
        "x-forwarded-prefix": "/evil",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6",
        "x-request-id": "forged",
        "sb-api-key": "forged",
        "x-api-key": "forged",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-envoy-original-path": "/forged",
        "x-envoy-external-address": "6.6.6.6",
        "x-envoy-anything": "forged",
    }
    seen = gateway.reached("/auth/v1/user", {**KEY, **forged, "host": "api.example"}).headers
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "api.example"
    assert seen["x-forwarded-prefix"] == "/auth/v1"
    assert seen["host"] == "api.example"
    assert len(seen["x-request-id"]) == 36
    for name in ("x-real-ip", "forwarded", "sb-api-key", "x-api-key"):
        assert name not in seen
    assert not [name for name in seen if name.startswith("x-envoy")]


HOSTILE = {
    "no host": b"GET /rest/v1/t HTTP/1.1\r\n\r\n",
    "two lengths": b"POST /rest/v1/t HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n"
    b"content-length: 2\r\n\r\nab",
    "length and chunks": b"POST /rest/v1/t HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown transfer coding": b"POST /rest/v1/t HTTP/1.1\r\nhost: x\r\n"
    b"transfer-encoding: xchunked\r\n\r\n",
    "nul in the path": b"GET /rest/v1/%00 HTTP/1.1\r\nhost: x\r\n\r\n",
    "nul in a header": b"GET /rest/v1/t HTTP/1.1\r\nhost: x\r\nx-a: a\x00b\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nhost: x\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    "another host's url": b"GET http://other.example/rest/v1/t HTTP/1.1\r\nhost: x\r\n\r\n",
    "comma first": b"GET /rest/v1/t HTTP/1.1\r\nhost: x\r\napikey: k\r\nauthorization: ,\r\n\r\n",
    "bad escapes": b"GET /realtime/v1/websocket?%zz=%&apikey=%e&&= HTTP/1.1\r\nhost: x\r\n\r\n",
    "control characters": b"GET /rest/v1/t HTTP/1.1\r\nhost: x\r\napikey: \x01\x02\r\n\r\n",
    "HTTP/3": b"GET / HTTP/3.0\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_requests_are_refused_and_the_gateway_lives(gateway: Running, case: str) -> None:
    status, answer = raw(gateway, HOSTILE[case])
    assert status in (0, 501) or 400 <= status < 500, answer
    assert gateway.reached("/rest/v1/t", KEY).path == "/t"
    assert "keyturn filter" not in (gateway.envoy.directory / "envoy.log").read_text()


def test_http2_is_spoken_too(gateway: Running) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(preface)
        frame = connection.recv(9)
    assert frame[3] == 4, "the first frame is not SETTINGS"


def test_the_log_tells_who_did_what(gateway: Running) -> None:
    headers = {**KEY, "authorization": f"Bearer {USER_JWT}", "user-agent": "my-agent"}
    response = gateway.send("PATCH", "/rest/v1/notes?id=eq.secret-value", headers=headers)
    line = gateway.log_of(response.headers["x-request-id"])
    assert {name: line[name] for name in ("method", "path", "status", "upstream")} == {
        "method": "PATCH",
        "path": "/rest/v1/notes",
        "status": 200,
        "upstream": "rest",
    }
    assert (line["key"], line["role"]) == ("id-publishable-anon", "anon")
    assert (line["credential"], line["alg"], line["kid"]) == ("jwt", "ES256", "k1")
    assert line["client"] == "127.0.0.1"
    assert isinstance(line["ms"], int)


def test_refusals_are_logged_too(gateway: Running) -> None:
    response = gateway.send("GET", "/auth/v1/user?x=1")
    line = gateway.log_of(response.headers["x-request-id"])
    assert (line["status"], line["path"], line["key"]) == (401, "/auth/v1/user", None)


def test_nothing_secret_is_logged(gateway: Running) -> None:
    token = f"Bearer {USER_JWT}"
    requests: list[tuple[str, dict[str, str]]] = [
        ("/rest/v1/t?apikey=query-secret&x=query-value", {"apikey": SECRET}),
        ("/auth/v1/verify?token=magic-token", {"cookie": "session=cookie-secret"}),
        ("/storage/v1/object/sign/a?token=signed-token", {"authorization": token}),
        ("/functions/v1/f", {"authorization": f"Bearer {SECRET}", "apikey": SECRET}),
        (f"/realtime/v1/websocket?apikey={PUBLISHABLE}", {"referer": "http://x/?referer-secret"}),
        ("/rest/v1/t", {"apikey": "unknown-secret-key", "authorization": "Basic basic-secret"}),
        ("/rest/v1/t", {**KEY, "authorization": "Bearer opaque-secret"}),
    ]
    for path, headers in requests:
        response = gateway.send("GET", path, headers=headers)
        gateway.log_of(response.headers["x-request-id"])
    folder = gateway.envoy.directory
    said = gateway.envoy.access_log.read_text() + (folder / "envoy.log").read_text()
    secrets = ["query-secret", "query-value", "magic-token", "cookie-secret", "signed-token",
               "referer-secret", "unknown-secret-key", "basic-secret", "opaque-secret",
               "INTERNAL", "SOCKET", *(key[0] for key in KEYS), *USER_JWT.split(".")]  # fmt: skip
    assert [secret for secret in secrets if secret in said] == []


def test_what_a_token_says_of_itself_cannot_break_the_log(gateway: Running) -> None:
    for header in ("!!!", "AAAA", "e30", "eyJraWQiOiJhXCJcbmIifQ", "x" * 600):
        headers = {**KEY, "authorization": f"Bearer {header}.e30.c2ln"}
        response = gateway.send("GET", "/rest/v1/t", headers=headers)
        line = gateway.log_of(response.headers["x-request-id"])
        assert line["kid"] in (None, ""), line


def test_every_line_of_the_log_is_json(gateway: Running) -> None:
    odd = "/rest/v1/a%22b%0Ac%5C" + "x" * 3000
    response = gateway.send("GET", odd, headers=KEY)
    line = gateway.log_of(response.headers["x-request-id"])
    assert line["path"].startswith("/rest/v1/a")
    assert len(line["path"]) <= 512
    for text in gateway.envoy.access_log.read_text().splitlines():
        assert isinstance(json.loads(text), dict)


def test_the_hash_is_what_the_file_holds(gateway: Running) -> None:
    routes = (gateway.envoy.directory / "rds.json").read_text()
    for text, _, _ in KEYS:
        assert hashlib.sha256(text.encode()).hexdigest() in routes
        assert text not in routes

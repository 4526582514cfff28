"""Whatever a stranger sends: never a 5xx, never a trace, and the server still serves."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from keyturn.authserver.absent import ABSENT

Serve = Callable[..., Any]
ADA = {"email": "ada@example.com", "password": "correct horse battery"}
SOMEBODY = "0b0f2e3c-5a7e-4c53-9d20-5b8c3d4bd7a1"
PATHS = (
    "/signup",
    "/token?grant_type=password",
    "/token?grant_type=refresh_token",
    "/token",
    "/user",
    "/logout",
    "/logout?scope=local",
    "/settings",
    "/health",
    "/health/live",
    "/health/ready",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/admin/users",
    "/admin/users?page=1&per_page=1&filter=x&sort=created_at%20asc",
    f"/admin/users/{SOMEBODY}",
    *(row.path.split("{")[0] for row in ABSENT),
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
MEMBERS = (
    "email",
    "phone",
    "password",
    "data",
    "refresh_token",
    "user_metadata",
    "app_metadata",
    "ban_duration",
    "role",
    "aud",
    "id",
    "email_confirm",
    "nonce",
    "current_password",
    "password_hash",
    "should_soft_delete",
)
NASTY = st.sampled_from(
    [
        "",
        "\x00",
        "a\x00b@example.com",
        "a@example.com",
        "'; drop table auth.users; --",
        "$1",
        "%s%s%n",
        "\ud7ff\ue000",
        "a" * 300 + "@example.com",
        "+1 (555) 0100",
        "+15550100",
        "none",
        "9999999999h",
        "-1h",
        "$2a$10$" + "x" * 53,
        "$2b$31$" + "." * 53,
        "$argon2id$v=19$m=4294967295,t=99,p=99$AAAA$AAAA",
        "00000000-0000-0000-0000-000000000000",
        SOMEBODY,
        "x" * 12,
        "AAAA" * 30,
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | NASTY
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=8), VALUES, max_size=6)
BODIES = (
    st.binary(max_size=300)
    | OBJECTS.map(lambda found: json.dumps(found).encode())
    | OBJECTS.map(lambda found: json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    | VALUES.map(lambda found: json.dumps(found).encode())
)
HEADER_NAMES = (
    "Authorization",
    "X-JWT-AUD",
    "X-Supabase-Api-Version",
    "X-Forwarded-For",
    "User-Agent",
    "If-None-Match",
    "Origin",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "Content-Type",
    "Referer",
    "apikey",
)
# Control characters go over the bare socket below: the client here refuses to send them.
PRINTABLE = st.binary(max_size=80).map(
    lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F).strip()
)
HEADER_VALUES = PRINTABLE | st.sampled_from(
    [
        b"Bearer x",
        b"Bearer eyJhbGciOiJub25lIn0.e30.",
        b"Bearer " + b"a" * 4000,
        b"bearer \xff\xfe",
        b"2024-01-01",
        b"9999-99-99",
        b"*",
        b"W/" * 100,
        b",".join([b"203.0.113.7"] * 200),
    ]
)
HEADERS = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), HEADER_VALUES), max_size=5)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def test_no_request_gets_a_5xx(serve: Serve, service_role: Callable[..., dict[str, str]]) -> None:
    secret = "a-legacy-secret-of-more-than-32-bytes"
    serving = serve(
        GOTRUE_EXTERNAL_PHONE_ENABLED="true",
        GOTRUE_SMS_AUTOCONFIRM="true",
        GOTRUE_JWT_SECRET=secret,
    )
    token = httpx.post(f"{serving.url}/signup", json=ADA).json()["access_token"]

    with httpx.Client(base_url=serving.url, timeout=20) as client:

        @RELAXED
        @given(st.sampled_from(METHODS), st.sampled_from(PATHS), BODIES, HEADERS, st.booleans())
        @example("POST", "/signup", b'{"data": ' * 20_000, [], False)
        def attack(
            method: str, path: str, body: bytes, headers: list[tuple[str, bytes]], known: bool
        ) -> None:
            sent = [(name.encode(), value) for name, value in headers]
            if known:
                sent.append((b"Authorization", b"Bearer " + token.encode()))
            response = client.request(method, path, content=body, headers=sent)
            assert response.status_code < 500, response.text
            assert "Traceback" not in response.text
            if response.status_code >= 400 and "json" in response.headers.get("content-type", ""):
                assert method == "HEAD" or response.json()

        attack()
        admin = service_role(secret)

        @RELAXED
        @given(st.sampled_from(METHODS), OBJECTS, NASTY | st.text(max_size=20), st.booleans())
        def attack_as_administrator(
            method: str, body: dict[str, Any], word: str, listing: bool
        ) -> None:
            quoted = httpx.QueryParams({"filter": word, "page": word, "sort": word})
            found = client.post("/admin/users", json={"email": "b@example.com"}, headers=admin)
            target = found.json().get("id", SOMEBODY)
            path = f"/admin/users?{quoted}" if listing else f"/admin/users/{target}"
            content = json.dumps(body).encode()
            response = client.request(method, path, content=content, headers=admin)
            assert response.status_code < 500, response.text

        attack_as_administrator()
        assert client.post("/token?grant_type=password", json=ADA).status_code == 200
    assert not serving.lines("the request could not be answered")
    assert "Traceback" not in serving.log()


RAW = (
    b"\x00" * 100,
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /signup HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /user HTTP/1.1\r\nHost: x\r\nX: a\r\n\tfolded\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x01\x02\x7f\r\n\r\n",
    b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://evil.example/health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 60_000 + b"\r\n",
    b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 500,
)


def answer(port: int, request: bytes) -> bytes:
    """Send ``request`` and return what comes back until the server is silent."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                received += chunk
    return received


def test_bytes_that_are_no_http_do_no_harm(serve: Serve) -> None:
    serving = serve()
    for request in RAW:
        received = answer(serving.port, request)
        statuses = [
            line.split(b" ")[1] for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")
        ]
        assert all(int(status) < 500 for status in statuses), (request[:80], received[:200])
    assert httpx.get(f"{serving.url}/health").status_code == 200
    assert "Traceback" not in serving.log()


def test_headers_are_bounded(serve: Serve) -> None:
    serving = serve()
    endless = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 2_000_000
    assert answer(serving.port, endless).startswith(b"HTTP/1.1 431 ")
    fits = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"a" * 30_000
    assert answer(serving.port, fits + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")

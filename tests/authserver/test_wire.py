"""The surface around the flows: paths, methods, bodies, CORS, addresses, ids, time."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from keyturn.authserver.app import AuthApp
from keyturn.authserver.client_address import client_address
from keyturn.authserver.exchange import Exchange, Reply, parse_query
from keyturn.authserver.options import LOOPBACK, ServerOptions
from keyturn.authserver.problems import is_newer
from keyturn.authserver.routes import Endpoint, Routes
from keyturn.errors import KeyturnError, Unreachable
from keyturn.wiring.settings import load

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
SIGNUP = "/signup"


class Silence:
    """A log that keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def request(self, line: object) -> None:
        """Forget it."""

    def event(self, level: str, message: str, facts: Any) -> None:
        self.events.append((message, dict(facts)))


def lone(handler: Any, log: Silence | None = None, **options: Any) -> httpx.AsyncClient:
    """Return a client of an application that has one endpoint: POST /x."""
    app = AuthApp(
        Routes([Endpoint("POST", "/x", handler), Endpoint("GET", "/x", handler)]),
        ServerOptions(**options),
        log=log or Silence(),
        metrics=None,
        new_id=lambda: "made-id",
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://auth.test")


async def test_unknown_paths_and_methods_answer_like_gotrue(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        for path in ("/", "/nowhere", "/auth/v1/token", "/token/x", "//token", "/%00"):
            missing = await auth.http.get(path)
            assert missing.status_code == 404, path
        for method, path, allowed in (
            ("GET", "/token", "POST"),
            ("HEAD", "/token", "POST"),
            ("PATCH", "/user", "GET, PUT"),
            ("HEAD", "/user", "GET, PUT"),
            ("DELETE", "/.well-known/jwks.json", "GET, HEAD"),
            ("OPTIONS", "/signup", "POST"),
            ("BREW", "/logout", "POST"),
        ):
            wrong = await auth.http.request(method, path)
            assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed), path
        assert (await auth.http.get("/settings/")).status_code == 200


async def test_what_gotrue_has_and_we_have_not_is_refused_by_name(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        for status, code, method, path in (
            (404, "saml_provider_disabled", "GET", "/sso/saml/metadata"),
            (404, "feature_disabled", "GET", "/scim/v2/ServiceProviderConfig"),
            (404, "feature_disabled", "POST", "/scim/v2/Users"),
            (404, "feature_disabled", "PATCH", "/scim/v2/a%0Aline"),
            (404, "passkey_disabled", "POST", "/passkeys/authentication/options"),
            (404, "passkey_disabled", "GET", "/passkeys"),
            (404, "feature_disabled", "POST", "/oauth/token"),
            (404, "feature_disabled", "GET", "/.well-known/oauth-authorization-server"),
        ):
            await auth.refused(status, code, method, path)


async def test_below_admin_strangers_learn_nothing(
    open_server: OpenAuth, service_role: Callable[[str], dict[str, str]]
) -> None:
    secret = "a-legacy-secret-of-more-than-32-bytes"
    absent = ("/admin", "/admin/", "/admin/nowhere", "/admin/sso/providers", "/admin/users/a/b/c")
    async with open_server(GOTRUE_JWT_SECRET=secret) as auth:
        user = {"Authorization": f"Bearer {(await auth.sign_up())['access_token']}"}
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            for path in absent:
                await auth.refused(401, "no_authorization", method, path)
                await auth.refused(403, "not_admin", method, path, headers=user)
                await auth.refused(
                    404, "feature_disabled", method, path, headers=service_role(secret)
                )


async def test_settings_say_what_is_offered(open_server: OpenAuth) -> None:
    async with open_server(
        GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED="true", GOTRUE_DISABLE_SIGNUP="true"
    ) as auth:
        offered = (await auth.http.get("/settings")).json()
    assert offered["external"]["anonymous_users"] is True
    assert offered["external"]["email"] is True
    assert offered["external"]["google"] is False
    assert offered["disable_signup"] is True
    assert offered["mailer_autoconfirm"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"{} {}",
        b'{"email": 5}',
        b'{"email": ["a@b.c"]}',
        b'{"email": "a@b.c", "data": "text"}',
        b'{"email": "a@b.c", "data": [1]}',
        b'{"email": true}',
        b'{"email": "\xff\xfe"}',
        b'{"email": "\xed\xa0\x80"}',
        b'{"email": "\\ud800"}',
        b'\xef\xbb\xbf{"email": "a@b.c"}',
        b'{"data": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"data": ' + b"[" * 100_000,
        b'{"email": "a@b.c",}',
        b"{'email': 'a@b.c'}",
        b'{"email": NaN}',
    ],
)
async def test_what_is_no_json_object_of_ours_is_bad_json(
    open_server: OpenAuth, body: bytes
) -> None:
    async with open_server() as auth:
        sentence = await auth.refused(400, "bad_json", "POST", SIGNUP, content=body)
    assert sentence.startswith("Could not parse request body as JSON: ")


@pytest.mark.parametrize(
    "data",
    [
        {"a": "\u0000"},
        {"\u0000": 1},
        {"a": ["x", {"b": "\u0000"}]},
        {"a": 10**400},
        {"a": "\\u0000"},
        {"a": "'; drop table auth.users; --"},
    ],
)
async def test_text_that_a_database_cannot_hold_is_no_500(
    open_server: OpenAuth, data: dict[str, object]
) -> None:
    async with open_server() as auth:
        body = {"email": "a@example.com", "password": "123456", "data": data}
        response = await auth.http.post(SIGNUP, json=body)
        assert response.status_code in {200, 400}, response.text
        again = {"email": "a@example.com\u0000", "password": "12345\u00006"}
        assert (await auth.http.post(SIGNUP, json=again)).status_code == 400


async def test_null_counts_as_absent_and_unknown_members_are_ignored(
    open_server: OpenAuth,
) -> None:
    async with open_server() as auth:
        body = {
            "email": "a@example.com",
            "phone": None,
            "password": "123456",
            "data": None,
            "gotrue_meta_security": {"captcha_token": "x"},
            "future": [1],
        }
        assert (await auth.http.post(SIGNUP, json=body)).status_code == 200


async def test_a_large_body_is_refused_before_it_is_read(open_server: OpenAuth) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with open_server() as auth:
        large = b'{"email": "' + b"x" * (1 << 20) + b'"}'
        await auth.refused(413, "request_entity_too_large", "POST", SIGNUP, content=large)
        response = await auth.http.post(SIGNUP, content=endless())
        assert response.status_code == 413
        assert response.headers["connection"] == "close"
        fits = b'{"email": "' + b"x" * ((1 << 20) - 13) + b'"}'
        assert len(fits) == 1 << 20
        assert (await auth.http.post(SIGNUP, content=fits)).status_code == 400


async def test_browsers_may_call_from_anywhere(open_server: OpenAuth) -> None:
    async with open_server(GOTRUE_CORS_ALLOWED_HEADERS="X-Mine") as auth:
        asked = {
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-mine",
        }
        allowed = await auth.http.options(SIGNUP, headers=asked)
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert allowed.headers["access-control-allow-methods"] == "POST"
        assert "x-mine" in allowed.headers["access-control-allow-headers"]
        for wrong in (
            {"Access-Control-Request-Headers": "x-other"},
            {"Access-Control-Request-Method": "TRACE"},
        ):
            denied = await auth.http.options(SIGNUP, headers={**asked, **wrong})
            assert denied.status_code == 204
            assert "access-control-allow-origin" not in denied.headers
        refused = await auth.http.get("/user", headers={"Origin": "https://app.example.com"})
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "X-Total-Count" in refused.headers["access-control-expose-headers"]
        assert refused.headers["vary"] == "Origin"


async def test_the_session_knows_the_client_behind_the_gateway(open_server: OpenAuth) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
    body = {"email": "a@example.com", "password": "123456"}
    async with open_server() as auth:
        await auth.http.post(SIGNUP, json=body, headers=forwarded)
        assert auth.log.requests[-1].ip == "203.0.113.7"
    async with open_server(peer="192.0.2.1") as auth:
        await auth.http.get("/health", headers=forwarded)
        assert auth.log.requests[-1].ip == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "spoofed, 203.0.113.7, 127.0.0.9", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, nonsense", "127.0.0.1"),
        ("127.0.0.1", "2001:DB8::1", "2001:db8::1"),
        ("127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (None, "203.0.113.7", "203.0.113.7"),
        (None, None, ""),
        ("", "203.0.113.7", ""),
        ("::1", "203.0.113.7\x00", "::1"),
    ],
)
def test_only_a_trusted_peer_speaks_for_others(
    peer: str | None, forwarded: str | None, expected: str
) -> None:
    assert client_address(peer, forwarded, LOOPBACK) == expected


def test_further_proxies_can_be_trusted() -> None:
    trusted = (*LOOPBACK, ipaddress.ip_network("10.0.0.0/8"))
    chain = "198.51.100.1, 203.0.113.7, 10.1.1.1"
    assert client_address("10.2.2.2", chain, trusted) == "203.0.113.7"


@pytest.mark.parametrize(
    ("header", "newer"),
    [
        (None, False),
        ("", False),
        ("2024-01-01", True),
        ("2023-12-31", False),
        ("2031-06-30", True),
        ("2024-13-01", False),
        ("2024-1-1", False),
        ("2024-01-01T00:00:00Z", False),
        ("٢٠٢٤-01-01", False),
    ],
)
def test_versions_are_dates(header: str | None, newer: bool) -> None:
    assert is_newer(header) is newer


async def test_a_slow_request_is_ended() -> None:
    async def slow(exchange: Exchange) -> Reply:
        await asyncio.sleep(30)
        return Reply()

    limit = load({"GOTRUE_API_MAX_REQUEST_DURATION": "20ms"}).server.max_request_duration
    async with lone(slow, max_request_duration=limit) as client:
        response = await client.post("/x")
    assert response.status_code == 504
    assert response.json()["error_code"] == "request_timeout"
    assert response.json()["error_id"] == "made-id"


class Quoting(KeyturnError):
    """A failure whose text quotes somebody's row."""


async def test_a_defect_of_ours_says_nothing_and_is_logged_with_its_place() -> None:
    async def broken(exchange: Exchange) -> Reply:
        raise Quoting("Key (email)=(ada@example.com) already exists")

    log = Silence()
    async with lone(broken, log) as client:
        older = await client.post("/x")
        newer = await client.post("/x", headers={"X-Supabase-Api-Version": "2024-01-01"})
    assert older.status_code == newer.status_code == 500
    assert older.json() == {
        "code": 500,
        "error_code": "unexpected_failure",
        "msg": "Unexpected failure, please check server logs for more information",
        "error_id": "made-id",
    }
    assert newer.json()["code"] == "unexpected_failure"
    message, facts = log.events[0]
    assert (facts["error"], facts["route"], facts["request_id"]) == ("Quoting", "/x", "made-id")
    assert any("broken" in str(place) for place in json.loads(json.dumps(facts["trace"])))
    assert "ada@example.com" not in repr(log.events)
    assert message == "the request could not be answered"


async def test_a_database_that_is_away_is_worth_a_retry() -> None:
    async def away(exchange: Exchange) -> Reply:
        raise Unreachable("connection refused")

    async with lone(away) as client:
        response = await client.post("/x")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_a_request_id_is_taken_from_the_header_when_it_is_one() -> None:
    async def broken(exchange: Exchange) -> Reply:
        raise Quoting

    async with lone(broken, request_id_header="X-Request-Id") as client:
        for sent, expected in (("abc-1", "abc-1"), ("a b", "made-id"), ("x" * 200, "made-id")):
            response = await client.post("/x", headers={"X-Request-ID": sent})
            assert response.json()["error_id"] == expected


async def test_of_a_repeated_header_the_first_counts() -> None:
    async def show(exchange: Exchange) -> Reply:
        return Reply(200, (exchange.header(b"x-twice") or "").encode())

    async with lone(show) as client:
        response = await client.post("/x", headers=[("X-Twice", "one"), ("X-Twice", "two")])
    assert response.text == "one"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {}),
        (b"a=1&a=2&b", {"a": "1", "b": ""}),
        (b"a=%zz&b=%ff", {"a": "%zz", "b": "\ufffd"}),
        (b"a=\xff", {"a": "\xff"}),
        (b"&&&==", {"": "="}),
        (b"a&" * 1000, {}),
    ],
)
def test_queries_are_read_leniently(raw: bytes, expected: dict[str, str]) -> None:
    assert parse_query(raw) == expected

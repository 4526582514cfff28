"""Which credentials reach the services: one row per cell of the substitution table."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from tests.gateway.harness import (
    LEGACY_ANON,
    LEGACY_SERVICE,
    PUBLISHABLE,
    SECRET,
    USER_JWT,
    Reached,
    Running,
    wait_until,
)
from websockets.sync.client import connect

ANON = "INTERNAL.ANON.JWT"
SERVICE = "INTERNAL.SERVICE.JWT"
SOCKET_ANON = "SOCKET.ANON.JWT"
SIGV4 = "AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=0"
KEYED = ("/auth/v1/user", "/rest/v1/notes", "/graphql/v1", "/realtime/v1/api/broadcast")


class Cell(NamedTuple):
    """What a client sends, and what the service must see (None: the header is absent)."""

    apikey: str | None
    authorization: str | None
    seen_authorization: str | None
    seen_apikey: str | None


SUBSTITUTED = {
    "publishable key alone": Cell(PUBLISHABLE, None, f"Bearer {ANON}", ANON),
    "secret key alone": Cell(SECRET, None, f"Bearer {SERVICE}", SERVICE),
    "legacy anon alone": Cell(LEGACY_ANON, None, f"Bearer {ANON}", ANON),
    "legacy service alone": Cell(LEGACY_SERVICE, None, f"Bearer {SERVICE}", SERVICE),
    "publishable key repeated as bearer": Cell(
        PUBLISHABLE, f"Bearer {PUBLISHABLE}", f"Bearer {ANON}", ANON
    ),
    "lower-case bearer": Cell(SECRET, f"bearer {SECRET}", f"Bearer {SERVICE}", SERVICE),
    "other opaque bearer: the apikey decides": Cell(
        PUBLISHABLE, f"Bearer {SECRET}", f"Bearer {ANON}", ANON
    ),
    "legacy key repeated as bearer": Cell(
        LEGACY_SERVICE, f"Bearer {LEGACY_SERVICE}", f"Bearer {SERVICE}", SERVICE
    ),
    "user token with publishable key": Cell(
        PUBLISHABLE, f"Bearer {USER_JWT}", f"Bearer {USER_JWT}", ANON
    ),
    "user token with secret key": Cell(SECRET, f"Bearer {USER_JWT}", f"Bearer {USER_JWT}", SERVICE),
    "basic credentials stay": Cell(PUBLISHABLE, "Basic YTpi", "Basic YTpi", ANON),
}


def sent(cell: Cell) -> dict[str, str]:
    """Return the request headers of ``cell``."""
    pairs = {"apikey": cell.apikey, "authorization": cell.authorization}
    return {name: value for name, value in pairs.items() if value is not None}


def assert_seen(reached: Reached, cell: Cell) -> None:
    """Compare what arrived with the cell, and that no key arrived anywhere."""
    assert reached.headers.get("authorization") == cell.seen_authorization
    assert reached.headers.get("apikey") == cell.seen_apikey


@pytest.mark.parametrize("path", KEYED)
@pytest.mark.parametrize("case", SUBSTITUTED)
def test_keyed_routes(gateway: Running, path: str, case: str) -> None:
    cell = SUBSTITUTED[case]
    reached = gateway.reached(path, sent(cell))
    assert_seen(reached, cell)
    assert "sb_" not in json.dumps(reached.raw)


STORAGE = {
    **SUBSTITUTED,
    "no credentials at all": Cell(None, None, None, None),
    "S3 signature is left alone": Cell(None, SIGV4, SIGV4, None),
    "S3 signature with a key is left alone": Cell(PUBLISHABLE, SIGV4, SIGV4, PUBLISHABLE),
    "user token alone": Cell(None, f"Bearer {USER_JWT}", f"Bearer {USER_JWT}", None),
    "unknown key is dropped": Cell("sb_secret_gone", None, None, None),
    "unknown key beside a user token": Cell(
        "old", f"Bearer {USER_JWT}", f"Bearer {USER_JWT}", None
    ),
    "opaque bearer alone": Cell(None, f"Bearer {SECRET}", f"Bearer {SERVICE}", SERVICE),
    "basic credentials stay": Cell(PUBLISHABLE, "Basic YTpi", "Basic YTpi", PUBLISHABLE),
}


@pytest.mark.parametrize("case", STORAGE)
def test_storage(gateway: Running, case: str) -> None:
    cell = STORAGE[case]
    assert_seen(gateway.reached("/storage/v1/object/public/a", sent(cell)), cell)


FUNCTIONS = {
    "nothing": (None, None, None),
    "publishable key": (PUBLISHABLE, None, ANON),
    "secret key": (SECRET, None, SERVICE),
    "legacy key": (LEGACY_ANON, None, ANON),
    "opaque bearer alone": (None, f"Bearer {PUBLISHABLE}", ANON),
    "same key twice": (PUBLISHABLE, f"Bearer {PUBLISHABLE}", ANON),
    "user token with key": (PUBLISHABLE, f"Bearer {USER_JWT}", ANON),
    "user token alone": (None, f"Bearer {USER_JWT}", None),
    "somebody's own key passes": ("my-own-key", None, None),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_get_the_internal_token_beside_what_was_sent(gateway: Running, case: str) -> None:
    apikey, authorization, internal = FUNCTIONS[case]
    cell = Cell(apikey, authorization, authorization, apikey)
    headers = {**sent(cell), "sb-api-key": "forged", "x-api-key": "the function's own"}
    reached = gateway.reached("/functions/v1/hello", headers)
    assert_seen(reached, cell)
    assert reached.headers.get("sb-api-key") == internal
    assert reached.headers["x-api-key"] == "the function's own"


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1/verify",
        "/auth/v1/callback",
        "/auth/v1/authorize",
        "/auth/v1/.well-known/jwks.json",
        "/auth/v1/.well-known/openid-configuration",
        "/auth/v1/.well-known/oauth-authorization-server",
        "/auth/v1/openapi.json",
        "/auth/v1/oauth/authorize",
        "/auth/v1/oauth/token",
        "/auth/v1/oauth/userinfo",
        "/auth/v1/oauth/clients/register",
        "/auth/v1/sso/saml/acs",
        "/auth/v1/sso/saml/metadata",
    ],
)
def test_open_routes_need_no_key_and_change_nothing(gateway: Running, path: str) -> None:
    reached = gateway.reached(f"{path}?token=t", {"authorization": f"Bearer {USER_JWT}"})
    assert reached.path == path.removeprefix("/auth/v1") + "?token=t"
    assert reached.headers["authorization"] == f"Bearer {USER_JWT}"
    assert "apikey" not in gateway.reached(path, {}).headers


@pytest.mark.parametrize("tail", ["", "/auth/v1"])
def test_oauth_metadata_is_found_at_the_root(gateway: Running, tail: str) -> None:
    path = "/.well-known/oauth-authorization-server"
    assert gateway.reached(path + tail, {}).path == path


REWRITES = {
    "/auth/v1/token?grant_type=password": "/token?grant_type=password",
    "/auth/v1/admin/users/a%20b": "/admin/users/a%20b",
    "/rest/v1/notes?select=*&id=eq.1": "/notes?select=*&id=eq.1",
    "/rest/v1/rpc/f": "/rpc/f",
    "/graphql/v1": "/rpc/graphql",
    "/graphql/v1/": "/rpc/graphql/",
    "/realtime/v1/api/broadcast": "/api/broadcast",
    "/storage/v1/object/a/b%20c": "/object/a/b%20c",
    "/functions/v1/hello/x?y=1": "/hello/x?y=1",
    "/": "/",
    "/users?page=2": "/users?page=2",
}


@pytest.mark.parametrize("path", REWRITES)
def test_services_see_their_own_paths(gateway: Running, path: str) -> None:
    assert gateway.reached(path, {"apikey": SECRET}).path == REWRITES[path]


def test_graphql_runs_in_its_schema(gateway: Running) -> None:
    headers = {"apikey": PUBLISHABLE, "content-profile": "public"}
    assert gateway.reached("/graphql/v1", headers).headers["content-profile"] == "graphql_public"


@pytest.mark.parametrize("path", ["/rest/v1/", "/rest/v1", "/rest/v1/?apikey=x", "/rest/v1//"])
def test_the_schema_is_described_to_service_role_only(gateway: Running, path: str) -> None:
    for key in (PUBLISHABLE, LEGACY_ANON):
        refused = gateway.send("GET", path, headers={"apikey": key})
        assert refused.status_code == 403
        assert refused.json()["message"] == "Access to schema is forbidden"
    for key in (SECRET, LEGACY_SERVICE):
        assert gateway.reached(path, {"apikey": key}).path.partition("?")[0] == "/"


def test_the_console_gets_what_the_browser_sent(gateway: Running) -> None:
    headers = {"authorization": "Basic YTpi", "cookie": "session=1"}
    reached = gateway.reached("/keys", headers)
    assert reached.headers["authorization"] == "Basic YTpi"
    assert reached.headers["cookie"] == "session=1"


SOCKETS = {
    "key in the query": (f"?apikey={PUBLISHABLE}&vsn=2.0.0", {}),
    "escaped key and name": (f"?%61pikey={PUBLISHABLE.replace('_', '%5F')}&vsn=2.0.0", {}),
    "key in the header": ("?vsn=2.0.0", {"apikey": PUBLISHABLE}),
    "both": (f"?vsn=2.0.0&apikey={PUBLISHABLE}", {"apikey": PUBLISHABLE}),
    "sent twice": (f"?apikey={PUBLISHABLE}&vsn=2.0.0&apikey=sb_secret_x", {}),
    "a forged x-api-key": (f"?apikey={PUBLISHABLE}&vsn=2.0.0", {"x-api-key": SECRET}),
}


def test_an_open_socket_is_in_the_log(gateway: Running) -> None:
    def opened() -> bool:
        lines = (json.loads(line) for line in gateway.envoy.access_log.read_text().splitlines())
        return any(
            line["path"] == "/realtime/v1/logged" and line["key"] == "id-publishable-anon"
            for line in lines
        )

    url = f"ws://127.0.0.1:{gateway.port}/realtime/v1/logged?apikey={PUBLISHABLE}"
    with connect(url, proxy=None):
        wait_until(opened)


@pytest.mark.parametrize("case", SOCKETS)
def test_realtime_sockets(gateway: Running, case: str) -> None:
    query, headers = SOCKETS[case]
    url = f"ws://127.0.0.1:{gateway.port}/realtime/v1/websocket{query}"
    sent_headers = {**headers, "authorization": "Bearer untouched"}
    with connect(url, additional_headers=sent_headers, proxy=None) as socket:
        reached = Reached(json.loads(socket.recv(timeout=5)))
        socket.send("hello")
        assert socket.recv(timeout=5) == "hello"
    assert reached.path == f"/socket/websocket?vsn=2.0.0&apikey={SOCKET_ANON}"
    assert reached.headers["apikey"] == SOCKET_ANON
    assert reached.headers["x-api-key"] == SOCKET_ANON
    assert reached.headers["authorization"] == "Bearer untouched"
    assert reached.headers["host"] == "realtime-dev.127.0.0.1"
    assert "sb_" not in json.dumps(reached.raw)

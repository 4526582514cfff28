"""Who is turned away, with which words, and that browsers may read them."""

from __future__ import annotations

import pytest
from tests.gateway.harness import LEGACY_ANON, PUBLISHABLE, SECRET, USER_JWT, Running, running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

NO_KEY = (401, "No API key found in request")
BAD_KEY = (401, "Invalid API key")
CONFLICT = (401, "Conflicting API keys")
FORBIDDEN = (403, "Access is forbidden.")
UNKNOWN = (404, "No such API")
TWICE = (400, "A credential was sent more than once")
IN_BROWSER = (401, "Forbidden use of secret API key in browser")
GONE = "sb_publishable_cccccccccccccccccccccc_12345678"

Sent = tuple[tuple[str, str], ...]
CASES: dict[str, tuple[str, Sent, tuple[int, str]]] = {
    "auth without a key": ("/auth/v1/user", (), NO_KEY),
    "health too": ("/auth/v1/health", (), NO_KEY),
    "only a bearer": ("/rest/v1/t", (("authorization", f"Bearer {PUBLISHABLE}"),), NO_KEY),
    "only a user token": ("/rest/v1/t", (("authorization", f"Bearer {USER_JWT}"),), NO_KEY),
    "empty key": ("/rest/v1/t", (("apikey", ""),), NO_KEY),
    "key in the query of rest": (f"/rest/v1/t?apikey={PUBLISHABLE}", (), NO_KEY),
    "unknown key": ("/rest/v1/t", (("apikey", GONE),), BAD_KEY),
    "one character off": ("/rest/v1/t", (("apikey", PUBLISHABLE[:-1]),), BAD_KEY),
    "another case": ("/rest/v1/t", (("apikey", PUBLISHABLE.upper()),), BAD_KEY),
    "the internal token as key": ("/rest/v1/t", (("apikey", "INTERNAL.SERVICE.JWT"),), BAD_KEY),
    "the name of a bearer as key": ("/rest/v1/t", (("apikey", "bearer:service_role"),), BAD_KEY),
    "the hash of a key as key": ("/rest/v1/t", (("apikey", "0" * 64),), BAD_KEY),
    "an endless key": ("/rest/v1/t", (("apikey", "x" * 5000),), BAD_KEY),
    "binary key": ("/rest/v1/t", (("apikey", "\xff\xfe"),), BAD_KEY),
    "null": ("/rest/v1/t", (("apikey", "null"),), BAD_KEY),
    "two keys": ("/rest/v1/t", (("apikey", PUBLISHABLE), ("apikey", SECRET)), TWICE),
    "two bearers": (
        "/rest/v1/t",
        (("apikey", PUBLISHABLE), ("authorization", "Bearer a"), ("authorization", "Bearer b")),
        TWICE,
    ),
    "secret key in a browser": (
        "/rest/v1/t",
        (("apikey", SECRET), ("user-agent", "Mozilla/5.0 (X11)")),
        IN_BROWSER,
    ),
    "functions, unknown key": ("/functions/v1/f", (("apikey", GONE),), BAD_KEY),
    "functions, unknown bearer": (
        "/functions/v1/f", (("authorization", f"Bearer {GONE}"),), BAD_KEY,
    ),
    "functions, two keys": (
        "/functions/v1/f",
        (("apikey", PUBLISHABLE), ("authorization", f"Bearer {SECRET}")),
        CONFLICT,
    ),
    "functions, legacy and opaque": (
        "/functions/v1/f",
        (("apikey", LEGACY_ANON), ("authorization", f"Bearer {PUBLISHABLE}")),
        CONFLICT,
    ),
    "storage, unknown bearer": (
        "/storage/v1/o", (("authorization", f"Bearer {GONE}"),), BAD_KEY,
    ),
    "realtime admin": ("/realtime/v1/api/tenants", (("apikey", SECRET),), FORBIDDEN),
    "realtime admin, deeper": ("/realtime/v1/api/tenants/x", (("apikey", SECRET),), FORBIDDEN),
    "realtime admin, escaped": ("/realtime/v1/%61pi/tenants", (("apikey", SECRET),), FORBIDDEN),
    "realtime admin, slashes": ("/realtime/v1//api%2Ftenants", (("apikey", SECRET),), FORBIDDEN),
    "realtime admin, dots": ("/realtime/v1/x/..%2fapi/./tenants", (("apikey", SECRET),), FORBIDDEN),
    "realtime openapi": ("/realtime/v1/api/openapi", (("apikey", SECRET),), FORBIDDEN),
    "mcp": ("/mcp", (("apikey", SECRET),), FORBIDDEN),
    "open path is not a prefix": ("/auth/v1/verifyx", (), NO_KEY),
    "back out of an open path": ("/auth/v1/verify/../admin/users", (), NO_KEY),
    "back out, escaped": ("/auth/v1/verify/%2e%2e%2fadmin/users", (), NO_KEY),
    "unknown API without a key": ("/pg/v1/tables", (), NO_KEY),
    "unknown API with a key": ("/pg/v1/tables", (("apikey", SECRET),), UNKNOWN),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused(gateway: Running, case: str) -> None:
    path, headers, (status, message) = CASES[case]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    response = gateway.send("GET", path, headers=[*raw, (b"origin", b"https://app.example")])
    assert (response.status_code, response.json()["message"]) == (status, message)
    assert response.json()["hint"]
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    assert "sb_" not in response.text


def test_a_socket_without_a_key_is_refused(gateway: Running) -> None:
    for query in ("", "?apikey=", f"?apikey={GONE}", "?vsn=2.0.0"):
        url = f"ws://127.0.0.1:{gateway.port}/realtime/v1/websocket{query}"
        with pytest.raises(InvalidStatus) as caught, connect(url, proxy=None):
            pass
        assert caught.value.response.status_code == 401


def test_services_that_are_not_there_name_their_flag(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("auth-only"), services=("auth",)) as alone:
        key = {"apikey": PUBLISHABLE}
        for path, flag in {
            "/rest/v1/t": "--rest-url",
            "/graphql/v1": "--rest-url",
            "/realtime/v1/websocket": "--realtime-url",
            "/storage/v1/object/a": "--storage-url",
            "/functions/v1/f": "--functions-url",
        }.items():
            response = alone.send("GET", path, headers=key)
            assert response.status_code == 503
            assert flag in response.json()["hint"]
            assert response.headers["access-control-allow-origin"] == "*"
        assert alone.send("GET", "/rest/v1/t").status_code == 401
        assert alone.send("GET", "/").status_code == 503
        assert alone.reached("/auth/v1/user", key).path == "/user"

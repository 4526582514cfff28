"""Access logs as the gateways write them, and everything else that may stand in such a file."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.adapters.access_log import LONGEST_LINE, read
from keyturn.apikeys import legacy, opaque
from keyturn.doctor.access_log_formats import parse
from keyturn.doctor.access_log_line import Line
from keyturn.doctor.access_log_tally import MOST_CLIENTS, MOST_TIMES, OTHERS, family
from keyturn.doctor.facts import LogFacts, Unknown
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SHARED = signing_key_from_secret(Secret(os.urandom(32)), kid=None)
ANON = reveal(legacy.mint("anon", SHARED, NOON).secret).decode()
SERVICE = reveal(legacy.mint("service_role", SHARED, NOON).secret).decode()
USER = encode({"sub": "x", "role": "authenticated"}, generate("ES256", kid="k"))
USER_OLD = encode({"sub": "x", "role": "authenticated"}, SHARED)
PUBLISHABLE = reveal(opaque.mint("publishable", os.urandom(17)).secret).decode()
JWKS = "/auth/v1/.well-known/jwks.json"

COMBINED = '10.0.0.7 - - [25/Nov/2026:13:00:00 +0100] "GET TARGET HTTP/1.1" 200 812 "-" "jose/5.2"'
ENVOY = (
    '[2026-11-25T12:00:00.000Z] "GET TARGET HTTP/1.1" 200 - 0 812 3 2 '
    '"10.0.0.7, 172.18.0.1" "jose/5.2" "0b4c-id" "api.example.com" "172.18.0.5:9999"'
)
ISTIO = (
    '[2026-11-25T12:00:00.000Z] "GET TARGET HTTP/1.1" 200 - via_upstream - "-" 0 812 3 2 '
    '"10.0.0.7" "jose/5.2" "0b4c-id" "api.example.com" "172.18.0.5:9999" inbound|9999|| - - -'
)
CADDY = json.dumps(
    {
        "level": "info",
        "ts": NOON.timestamp(),
        "logger": "http.log.access.log0",
        "msg": "handled request",
        "request": {
            "remote_ip": "10.0.0.7",
            "remote_port": "41342",
            "client_ip": "10.0.0.7",
            "proto": "HTTP/2.0",
            "method": "GET",
            "host": "api.example.com",
            "uri": "TARGET",
            "headers": {"User-Agent": ["jose/5.2"], "Accept": ["*/*"]},
        },
        "bytes_read": 0,
        "duration": 0.0009,
        "size": 812,
        "status": 200,
    }
)
ENVOY_JSON = json.dumps(
    {
        "start_time": "2026-11-25T12:00:00.000Z",
        "method": "GET",
        "path": "TARGET",
        "response_code": 200,
        "user_agent": "jose/5.2",
        "x_forwarded_for": "10.0.0.7",
        "downstream_remote_address": "172.18.0.1:40000",
    }
)
NGINX_JSON = json.dumps(
    {
        "msec": f"{NOON.timestamp():.3f}",
        "request_uri": "TARGET",
        "status": "200",
        "remote_addr": "10.0.0.7",
        "http_user_agent": "jose/5.2",
    }
)
KONG_FILE_LOG = json.dumps(
    {
        "started_at": int(NOON.timestamp() * 1000),
        "client_ip": "10.0.0.7",
        "request": {"method": "GET", "uri": "TARGET", "headers": {"user-agent": "jose/5.2"}},
        "response": {"status": 200, "size": 812},
    }
)
FORMATS = {
    "combined": COMBINED,
    "kong 3": COMBINED + ' kong_request_id: "8f14e45fceea167a"',
    "compose logs": "supabase-kong  | " + COMBINED,
    "compose logs -t": "supabase-kong  | 2026-11-25T12:00:00.123456789Z " + COMBINED,
    "envoy": ENVOY,
    "istio": ISTIO,
    "caddy": CADDY,
    "envoy json": ENVOY_JSON,
    "nginx json": NGINX_JSON,
    "kong file-log": KONG_FILE_LOG,
}


def at(target: str, text: str = COMBINED) -> str:
    return text.replace("TARGET", target)


def parsed(text: str) -> Line:
    line = parse(text)
    assert line is not None, text
    return line


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_who_fetched_what_and_when(name: str) -> None:
    line = parsed(at(f"{JWKS}?x=1", FORMATS[name]))
    assert (line.time, line.client, line.agent) == (NOON, "10.0.0.7", "jose/5.2")
    assert (line.path, line.status) == (JWKS, 200)


def test_dockers_own_file_wraps_each_line() -> None:
    inner = at(JWKS)
    wrapped = json.dumps({"log": inner + "\n", "stream": "stdout", "time": "2026-11-25T12:00:01Z"})
    assert parsed(wrapped) == parsed(inner)


def test_keyturns_own_gateway_line() -> None:
    seen = {"time": "2026-11-25T12:00:00.000Z", "path": "/rest/v1/notes", "status": 200}
    logged = {**seen, "client": "10.0.0.7", "request_id": "r", "alg": "ES256", "kid": "k"}
    line = parsed(json.dumps({**logged, "credential": "jwt", "key": "id", "role": "anon"}))
    assert line.credentials == ("user ES256",)
    key = {**seen, "client": "10.0.0.7", "request_id": "r", "credential": "key"}
    assert parsed(json.dumps({**key, "role": "service_role"})).credentials == ("secret",)
    assert parsed(json.dumps({**key, "role": "anon"})).credentials == ("publishable",)
    bare = {**seen, "client": "10.0.0.7", "request_id": "r", "credential": "none"}
    assert parsed(json.dumps(bare)).credentials == ("none",)
    refused = parsed(json.dumps({**bare, "path": None, "credential": None, "status": 403}))
    assert (refused.path, refused.credentials, refused.status) == ("/", None, 403)


def caddy(headers: dict[str, str], target: str = "/rest/v1/notes", status: int = 200) -> str:
    request = {
        "uri": target,
        "client_ip": "10.0.0.7",
        "headers": {k: [v] for k, v in headers.items()},
    }
    return json.dumps({"ts": NOON.timestamp(), "request": request, "status": status})


@pytest.mark.parametrize(
    ("headers", "kinds", "apikey_only"),
    [
        ({"Apikey": ANON}, ("anon legacy",), True),
        ({"Apikey": SERVICE}, ("service legacy",), True),
        ({"Apikey": ANON, "Authorization": "REDACTED"}, ("anon legacy",), False),
        ({"Apikey": ANON, "Authorization": f"Bearer {USER}"}, ("anon legacy", "user ES256"), False),
        ({"Authorization": f"bearer {USER_OLD}"}, ("user HS256",), False),
        ({"Apikey": PUBLISHABLE}, ("publishable",), False),
        ({"Apikey": "rubbish"}, ("other",), False),
        ({"Authorization": "REDACTED"}, None, False),
        ({}, ("none",), False),
    ],
)
def test_caddy_tells_the_kinds_of_credentials(
    headers: dict[str, str], kinds: tuple[str, ...] | None, apikey_only: bool
) -> None:
    line = parsed(caddy(headers))
    assert (line.credentials, line.apikey_only) == (kinds, apikey_only)


def test_a_key_in_the_address_of_a_socket_is_counted_and_not_kept() -> None:
    line = parsed(at(f"/realtime/v1/websocket?apikey={ANON}&vsn=1.0.0"))
    assert line.credentials == ("anon legacy",)
    assert "eyJ" not in repr(line)
    assert parsed(at("/rest/v1/notes")).credentials is None


def test_a_user_agent_cannot_plant_anything() -> None:
    line = parsed(at(JWKS).replace("jose/5.2", f"\x1b[31m{USER} " + "x" * 900))
    assert "eyJ" not in line.agent
    assert "\x1b" not in line.agent
    assert len(line.agent) <= 40


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/rest/v1/", "/rest/v1/"),
        ("/rest/v1/notes", "/rest/v1"),
        ("/rest/v1", "/rest/v1"),
        ("/rest/v10", None),
        ("/storage/v1/object/sign/a/b", "/storage/v1/object/sign"),
        ("/storage/v1/object/a", "/storage/v1"),
        ("/storage/v1/s3/x", "/storage/v1/s3"),
        ("/storage/v1/upload/resumable", "/storage/v1/upload/resumable"),
        ("/realtime/v1/websocket", "/realtime/v1"),
        ("/", None),
    ],
)
def test_families_of_paths(path: str, found: str | None) -> None:
    assert family(path) == found


def facts_of(lines: list[str], path: Path) -> LogFacts:
    path.write_text("\n".join(lines) + "\n")
    facts = read(str(path))
    assert isinstance(facts, LogFacts)
    return facts


def test_a_whole_log_is_added_up_and_broken_lines_are_counted(tmp_path: Path) -> None:
    lines = [
        at(JWKS),
        "2026/11/25 12:00:00 [error] 1#1: *1 connect() failed",
        "",
        caddy({"Apikey": ANON}, status=401),
        caddy({"Apikey": ANON}, "/rest/v1/", status=403),
        caddy({"Apikey": ANON, "Authorization": f"Bearer {USER}"}, "/storage/v1/s3/x", status=403),
        caddy({"Apikey": ANON}, "/realtime/v1/api/broadcast"),
        '{"request":',
        at(JWKS, ENVOY).replace('" 200', '" 401'),
    ]
    facts = facts_of(lines, tmp_path / "access.log")
    assert (facts.lines, facts.unreadable, facts.cut_short) == (8, 2, None)
    assert (facts.first, facts.last) == (NOON, NOON)
    assert [(one.client, one.count, one.failed) for one in facts.jwks] == [
        ("10.0.0.7 jose/5.2", 2, 1)
    ]
    assert facts.credentials == {"anon legacy": 4, "user ES256": 1}
    assert facts.refused == {"/auth/v1": 1, "/rest/v1": 1, "/rest/v1/": 1, "/storage/v1/s3": 1}
    assert facts.apikey_only == {"/rest/v1": 2, "/realtime/v1/api": 1}


def test_gzip_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (at(JWKS) + "\n") * 3
    packed = gzip.compress(text.encode())
    (tmp_path / "access.log.1.gz").write_bytes(packed)
    by_file = read(str(tmp_path / "access.log.1.gz"))
    for raw in (packed, text.encode()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert read("-") == by_file
    assert isinstance(by_file, LogFacts)
    assert by_file.lines == 3


def test_a_cut_gzip_file_tells_what_came_before(tmp_path: Path) -> None:
    text = "".join(at(JWKS).replace("10.0.0.7", f"10.0.{n % 250}.7") + "\n" for n in range(9000))
    packed = gzip.compress(text.encode())
    (tmp_path / "log.gz").write_bytes(packed[: len(packed) // 2])
    facts = read(str(tmp_path / "log.gz"))
    assert isinstance(facts, LogFacts)
    assert facts.cut_short is not None
    assert 0 < facts.lines < 9000


def test_a_file_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.log", tmp_path):
        facts = read(str(path))
        assert isinstance(facts, Unknown)
        assert "cannot be read" in facts.reason


def test_a_log_of_which_nothing_can_be_read_says_nothing(tmp_path: Path) -> None:
    """Not "nobody fetched the JWKS", which would be a finding of its own."""
    log = tmp_path / "app.log"
    for text, reason in (("", "is empty"), ("started\nlistening\n", "none of the 2 lines")):
        log.write_text(text)
        facts = read(str(log))
        assert isinstance(facts, Unknown)
        assert reason in facts.reason


def test_a_line_without_end_is_one_unreadable_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    line = at(JWKS)
    log.write_text(line + "\n" + "x" * (LONGEST_LINE * 3) + "\n" + line + "\n")
    facts = read(str(log))
    assert isinstance(facts, LogFacts)
    assert (facts.lines, facts.unreadable) == (3, 1)


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        for n in range(12_000):
            moment = NOON + timedelta(seconds=n)
            client = f"10.1.{n // 250 % 250}.{n % 250}" if n % 2 else "10.0.0.9"
            stamp = f"{moment:%d/Nov/%Y:%H:%M:%S} +0000"
            out.write(f'{client} - - [{stamp}] "GET {JWKS} HTTP/1.1" 200 1 "-" "a"\n')
    tracemalloc.start()
    facts = read(str(log))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(facts, LogFacts)
    assert peak < 4_000_000
    assert len(facts.jwks) == MOST_CLIENTS + 1
    assert sum(one.count for one in facts.jwks) == 12_000
    assert any(one.client == OTHERS for one in facts.jwks)
    busy = next(one for one in facts.jwks if one.client == "10.0.0.9 a")
    assert busy.count == 6_000
    assert len(busy.times) <= MOST_TIMES
    assert len(busy.times) * busy.every >= busy.count


@given(
    st.one_of(
        st.text(),
        st.sampled_from(sorted(FORMATS)).flatmap(
            lambda name: st.tuples(
                st.just(at(JWKS, FORMATS[name])), st.integers(0, 400), st.text()
            ).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 3 :])
        ),
    )
)
def test_no_line_crashes_it(text: str) -> None:
    line = parse(text)
    assert line is None or line.path.startswith("/")


@pytest.mark.parametrize(
    "text",
    [
        '{"log":' * 2000,
        "[" * 30_000,
        '[2026-11-25T12:00:00Z] "GET /x HTTP/1.1" 200 ' + '"" ' * 10_000,
        '{"ts":1e999,"request":{"uri":"/x"},"status":200}',
        '{"ts":NaN,"request":{"uri":"/x"},"status":200}',
        '{"time":"9999-12-31T23:59:59-23:59","path":"/x","status":200}',
        '1 - - [31/Feb/2026:00:00:00 +9999] "GET /x HTTP/1.1" 200 1',
    ],
)
def test_hostile_lines_are_read_or_refused_quickly(text: str) -> None:
    assert isinstance(parse(text), Line | None)

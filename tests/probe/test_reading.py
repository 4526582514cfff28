"""Reading what came back: never a crash, never a credential, never a guess."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.credential_kind import in_words, kind_of
from keyturn.doctor.probe_answers import Reply, read
from keyturn.doctor.probe_published import clock_skew, read_discovery, read_jwks
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = generate("ES256", kid="k")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(VERIFIERS),
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(("server", "content-type", "x-kong-response-latency")), st.text()
    ),
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    st.booleans(),
)
def test_no_answer_crashes_it(
    service: Kind, status: int, headers: dict[str, str], body: bytes, socket: bool
) -> None:
    reading = read(service, Reply(status, headers, body, socket, "x"), lambda text: text)
    assert reading.accepted in (True, False, None)
    assert reading.message is None or len(reading.message) <= 200
    if 300 <= status < 400:
        assert reading.accepted is None


@pytest.mark.parametrize(
    ("service", "status", "body", "accepted"),
    [
        # Auth of 2023 and of today.
        (Kind.AUTH, 404, {"code": 404, "msg": "User not found"}, True),
        (Kind.AUTH, 401, {"code": 401, "msg": "invalid JWT: signature is invalid"}, False),
        (Kind.AUTH, 403, {"code": "bad_jwt", "message": "invalid JWT"}, False),
        (Kind.AUTH, 500, {"code": 500, "msg": "Database error"}, None),
        (Kind.AUTH, 200, {"name": "somebody else's API"}, None),
        # PostgREST ≤ 12 and later, and a database that is away.
        (Kind.REST, 401, {"code": "PGRST301", "message": "JWSError JWSInvalidSignature"}, False),
        (Kind.REST, 500, {"code": "PGRST300", "message": "Server lacks JWT secret"}, False),
        (Kind.REST, 401, {"code": "42501", "message": "permission denied"}, True),
        (Kind.REST, 401, {"code": "22023", "message": 'role "x" does not exist'}, False),
        (Kind.REST, 503, {"code": "PGRST001", "message": "Could not query the database"}, None),
        (Kind.REST, 404, {"code": "42P01", "message": "relation does not exist"}, True),
        (Kind.REST, 404, {}, None),
        (Kind.STORAGE, 400, {"statusCode": "404", "error": "not_found"}, None),
        (Kind.STORAGE, 200, {"buckets": []}, None),
        (Kind.FUNCTIONS, 503, {"msg": "name resolution failed"}, None),
        (Kind.REALTIME, 404, {}, None),
        (Kind.REALTIME, 500, {}, None),
    ],
)
def test_what_a_status_alone_cannot_tell(
    service: Kind, status: int, body: dict[str, object], accepted: bool | None
) -> None:
    reply = Reply(status, {}, json.dumps(body).encode())
    assert read(service, reply, lambda text: text).accepted is accepted


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Wed, 25 Nov 2026 12:00:00 GMT", 0.0),
        ("Wed, 25 Nov 2026 12:01:30 GMT", 90.0),
        ("Wed, 25 Nov 2026 13:00:00 +0200", -3600.0),
        ("yesterday", None),
        ("Wed, 99 Nov 2026 12:00:00 GMT", None),
        ("Wed, 25 Nov 999999 12:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_the_servers_clock(date: str | None, skew: float | None) -> None:
    assert clock_skew(date, NOON, 1.0) == skew


def test_a_good_key_set() -> None:
    found = read_jwks(json.dumps({"keys": [KEY.verifying_key().public_jwk()]}).encode())
    assert (found.kids, found.algs, found.leaks, found.problem) == (("k",), ("ES256",), (), None)


def test_a_private_key_in_it_is_named_by_its_members_only() -> None:
    private = json.loads(reveal(private_jwk(KEY)))
    found = read_jwks(json.dumps({"keys": [private]}).encode())
    assert found.leaks == ("d",)
    assert private["d"] not in repr(found)


@given(st.binary() | JSON.map(lambda value: json.dumps({"keys": value}).encode()))
def test_no_document_crashes_it(body: bytes) -> None:
    found = read_jwks(body)
    assert found.kids == () or found.problem is None or found.algs
    assert set(read_discovery(body)) <= {"issuer"}


def test_a_discovery_document_is_cut_to_what_may_be_shown() -> None:
    document = {"issuer": "https://x/\x1b[31m" + "y" * 900, "jwks_uri": 7, "client_secret": "no"}
    found = read_discovery(json.dumps(document).encode())
    assert list(found) == ["issuer"]
    assert str(found["issuer"]).isprintable()
    assert len(str(found["issuer"])) <= 200


@pytest.mark.parametrize(
    ("claims", "kind", "words"),
    [
        ({"role": "anon"}, "anon ES256", "ES256 token of anon"),
        ({"role": "service_role"}, "service ES256", "ES256 token of service_role"),
        ({"role": "authenticated", "sub": "u"}, "user ES256", "ES256 token"),
        ({"role": "clerk"}, "other ES256", "ES256 token"),
        ({}, "other ES256", "ES256 token"),
    ],
)
def test_kinds_of_tokens(claims: dict[str, object], kind: str, words: str) -> None:
    token = encode(claims, KEY)
    assert kind_of(token) == kind
    assert in_words(kind, bearer=True) == words


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "eyJ.eyJ.x", "sb_", "Bearer "])
def test_what_is_no_credential_is_other(text: str) -> None:
    assert kind_of(text) == "other"

"""Attacks on the service around the core: other issuers' keys, addresses in tokens, many tokens."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from tests.verifier.issuer import AUDIENCE, HOST, ISSUER, OLD, STRANGE, Bench, serving, token

from keyturn import TokenRejected, Verifier
from keyturn.jose import base64url
from keyturn.jose.jwks import public_jwks
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate

OTHER_ISSUER = "https://other.example/auth/v1"


def verifier_of(issuer: str, *keys: SigningKey) -> Verifier:
    """A verifier with keys of its own."""
    document = public_jwks(key.verifying_key() for key in keys)
    return Verifier.static(document, issuer=issuer, audience=AUDIENCE, algorithms={"ES256"})


def code_of(verifier: Verifier, text: str) -> str:
    """The code with which ``text`` is rejected."""
    with pytest.raises(TokenRejected) as refused:
        verifier.verify_now(text)
    return refused.value.code


def test_9_one_kid_of_two_issuers() -> None:
    """Two issuers name a key alike; neither's tokens pass for the other's, remembered or not."""
    ours, theirs = generate("ES256", kid="1"), generate("ES256", kid="1")
    here, there = verifier_of(ISSUER, ours), verifier_of(OTHER_ISSUER, theirs)
    good, foreign = token(ours), token(theirs, iss=OTHER_ISSUER)
    for _ in range(2):
        assert here.verify_now(good)["iss"] == ISSUER
        assert there.verify_now(foreign)["iss"] == OTHER_ISSUER
        assert code_of(here, foreign) == code_of(there, good) == "bad_signature"
        assert code_of(here, token(theirs)) == "bad_signature"
        assert code_of(here, token(ours, iss=OTHER_ISSUER)) == "issuer_mismatch"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that anybody wanted to connect to; nothing gets through."""
    wanted: list[Any] = []

    def connect(_self: socket.socket, address: Any) -> None:
        wanted.append(address)
        raise OSError("no network here")

    def look_up(host: Any, *_args: Any, **_named: Any) -> Any:
        wanted.append(host)
        raise OSError("no names here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return wanted


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_7_no_header_causes_a_connection(name: str, no_network: list[Any]) -> None:
    header = {"alg": "ES256", "kid": "old", name: "http://169.254.169.254/jwks.json"}
    head = base64url.encode(json.dumps(header).encode()).decode()
    _, payload, signature = token(STRANGE).split(".")
    assert code_of(verifier_of(ISSUER, OLD), f"{head}.{payload}.{signature}") == "bad_signature"
    assert no_network == []


def test_43_no_token_chooses_an_address(no_network: list[Any]) -> None:
    """The only address that is ever asked is the configured one, whatever "iss" says."""
    remote = Verifier.supabase("https://project.example")
    for issuer in ("http://169.254.169.254", "file:///etc/passwd", OTHER_ISSUER):
        with pytest.raises(Exception, match=r"project\.example"):
            remote.verify_now(encode({"iss": issuer, "exp": 9_999_999_999}, STRANGE))
    remote.close()
    assert set(no_network) == {"project.example"}


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "dead"])
async def test_51_several_tokens_of_one_request(bench: Bench, alive: bool) -> None:
    """A bad token beside a good one changes neither verdict, also while the endpoint fails."""
    await bench.verifier.prewarm()
    bench.issuer.status = 200 if alive else 500
    bench.clock.forward(31)
    texts = [token(OLD, sub="a"), token(STRANGE), "x", token(OLD, sub="b"), token(OLD, aud="c")]
    found = await asyncio.gather(
        *(bench.verifier.verify(text) for text in texts), return_exceptions=True
    )
    shown = [one["sub"] if isinstance(one, Mapping) else getattr(one, "code", one) for one in found]
    assert shown == ["a", "unknown_kid", "malformed", "b", "audience_mismatch"]


def test_44_only_rejections_and_never_the_token_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    here = verifier_of(ISSUER, OLD)
    caplog.set_level(logging.DEBUG)
    hostile: list[Any] = [None, 1, b"x", [], {}, "\ud800", "a.b.c", "ü.ü.ü", "..", token(STRANGE)]
    for text in hostile:
        with pytest.raises(TokenRejected) as refused:
            here.verify_now(text)
        assert not isinstance(text, str) or len(text) < 6 or text not in str(refused.value)
    assert token(STRANGE).rpartition(".")[0] not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x1f\x8b\x08" + bytes(500), id="gzip that nobody asked for"),
        pytest.param(b'{"keys":' + b"[" * 50_000, id="deep"),
        pytest.param(b'{"keys":[' + b"{}," * 70 + b"{}]}", id="71 keys"),
        pytest.param(b'{"keys":[]}' + b" " * 300_000, id="larger than the limit"),
    ],
)
def test_48_a_hostile_document_displaces_nothing(bench: Bench, body: bytes) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.body = body
    bench.clock.forward(31)
    assert code_of(bench.verifier, token(STRANGE)) == "unknown_kid"
    assert bench.count("fetch_failures") == 1
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"


def test_48_a_redirect_to_the_cloud_s_address_is_not_followed() -> None:
    with serving() as issuer, serving() as inner:
        issuer.status, issuer.headers = 302, {"location": inner.url}
        remote = Verifier.remote(
            issuer.url,
            issuer=ISSUER,
            audience=AUDIENCE,
            algorithms={"ES256"},
            allow_http_hosts={HOST},
        )
        assert "redirects are not followed" in str(remote.prewarm_now().last_error)
        remote.close()
        assert inner.asked == 0

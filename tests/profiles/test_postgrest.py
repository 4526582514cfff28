"""PostgREST's token rules cell by cell: which key, which claims, which words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.jose.jwks import KeySet
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.profiles.postgrest import (
    Admitted,
    Settings,
    TokenRefused,
    admit,
    anonymous,
    bearer,
    verified_claims,
)
from keyturn.secret import Secret

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CURRENT = generate("ES256", kid="current")
STANDBY = generate("ES256", kid="standby")
RSA = generate("RS256", kid="rsa")
EDDSA = generate("EdDSA", kid="ed")
LEGACY = signing_key_from_secret(Secret("l" * 40), kid=None)
NAMED_SECRET = signing_key_from_secret(Secret("n" * 40), kid="named")
STRANGER = generate("ES256", kid="current")
KEYS = KeySet(key.verifying_key() for key in (CURRENT, STANDBY, RSA, EDDSA, LEGACY, NAMED_SECRET))
CLAIMS = {"role": "authenticated", "exp": SECONDS + 3600}


def raw(header: object, claims: object, signature: bytes = b"x" * 64) -> str:
    """A token put together by hand."""

    def segment(value: object) -> str:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return f"{segment(header)}.{segment(claims)}.{segment(signature)}"


def resigned(header: Mapping[str, object], key: SigningKey, claims: object = CLAIMS) -> str:
    """A token with any header, really signed by ``key``."""
    unsigned = raw(header, claims).rpartition(".")[0]
    signature = key.sign(unsigned.encode())
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def judged(token: str, settings: Settings | None = None, keys: KeySet = KEYS) -> Admitted:
    """Both halves of the judgement."""
    return admit(verified_claims(token, keys), settings or Settings(), now=NOW)


ACCEPTED: list[tuple[str, str]] = [
    ("ES256, kid known", encode(CLAIMS, CURRENT)),
    ("ES256, kid of another key in the set", encode(CLAIMS, STANDBY)),
    ("RS256", encode(CLAIMS, RSA)),
    ("EdDSA", encode(CLAIMS, EDDSA)),
    ("ES256, no kid: every compatible key is tried", resigned({"alg": "ES256"}, STANDBY)),
    ("HS256, no kid: the legacy secret", encode(CLAIMS, LEGACY)),
    ("HS256, no kid: any oct key in the set", resigned({"alg": "HS256"}, NAMED_SECRET)),
    ("HS256, kid of an oct key", encode(CLAIMS, NAMED_SECRET)),
    ("no typ", resigned({"alg": "ES256", "kid": "current"}, CURRENT)),
    ("no exp", encode({"role": "authenticated"}, CURRENT)),
    ("expired 30 s ago: within the skew", encode({**CLAIMS, "exp": SECONDS - 30}, CURRENT)),
    ("not valid for 30 s: within the skew", encode({**CLAIMS, "nbf": SECONDS + 30}, CURRENT)),
    ("issued in 30 s: within the skew", encode({**CLAIMS, "iat": SECONDS + 30}, CURRENT)),
    ("any audience", encode({**CLAIMS, "aud": "somewhere"}, CURRENT)),
    ("an empty list of audiences", encode({**CLAIMS, "aud": []}, CURRENT)),
    ("any issuer", encode({**CLAIMS, "iss": "https://elsewhere.example"}, CURRENT)),
    ("null times count as absent", resigned({"alg": "ES256"}, CURRENT, {**CLAIMS, "exp": None})),
]

NO_KEY = ("PGRST301", "No suitable key or wrong key type")
CRYPTO = ("PGRST301", "JWT cryptographic operation failed")
PUBLIC_PEM = json.dumps(CURRENT.verifying_key().public_jwk()).encode()
CONFUSED = signing_key_from_secret(Secret(PUBLIC_PEM), kid="current")

REFUSED: list[tuple[str, str, tuple[str, str]]] = [
    ("empty", "", ("PGRST301", "Empty JWT is sent in Authorization header")),
    ("opaque key", "sb_secret_abc", ("PGRST301", "Expected 3 parts in JWT; got 1")),
    ("two parts", "a.b", ("PGRST301", "Expected 3 parts in JWT; got 2")),
    ("five parts", "a.b.c.d.e", ("PGRST301", "Expected 3 parts in JWT; got 5")),
    ("not base64", "a*.b.c", CRYPTO),
    ("empty parts", "..", CRYPTO),
    ("header is no JSON", raw(b"{", CLAIMS), CRYPTO),
    ("unknown algorithm", raw({"alg": "XX256", "kid": "current"}, CLAIMS), CRYPTO),
    ("algorithm is no text", raw({"alg": 5}, CLAIMS), CRYPTO),
    ("algorithm is a list", raw({"alg": []}, CLAIMS), CRYPTO),
    ("alg none", raw({"alg": "none"}, CLAIMS, b""), (
        "PGRST301", "Wrong or unsupported encoding algorithm")),
    ("alg none with a kid", raw({"alg": "none", "kid": "current"}, CLAIMS, b"x"), (
        "PGRST301", "Wrong or unsupported encoding algorithm")),
    ("unknown kid", encode(CLAIMS, generate("ES256", kid="unknown")), NO_KEY),
    ("HS256, unknown kid: no fallback", encode(CLAIMS, signing_key_from_secret(
        Secret("l" * 40), kid="unknown")), NO_KEY),
    ("kid-bearing token never matches a kid-less key", resigned(
        {"alg": "HS256", "kid": "legacy"}, LEGACY), NO_KEY),
    ("forged signature", encode(CLAIMS, STRANGER), NO_KEY),
    ("HS256 with the public key as the secret", encode(CLAIMS, CONFUSED), NO_KEY),
    ("HS256 over the public key, no kid", resigned({"alg": "HS256"}, CONFUSED), NO_KEY),
    ("key of another algorithm", resigned({"alg": "RS256", "kid": "current"}, CURRENT), NO_KEY),
    ("HS512 has no key", raw({"alg": "HS512"}, CLAIMS), NO_KEY),
    ("wrong secret", encode(CLAIMS, signing_key_from_secret(Secret("w" * 40), kid=None)), NO_KEY),
    ("expired 31 s ago", encode({**CLAIMS, "exp": SECONDS - 31}, CURRENT), (
        "PGRST303", "JWT expired")),
    ("valid in 31 s", encode({**CLAIMS, "nbf": SECONDS + 31}, CURRENT), (
        "PGRST303", "JWT not yet valid")),
    ("issued in 31 s", encode({**CLAIMS, "iat": SECONDS + 31}, CURRENT), (
        "PGRST303", "JWT issued at future")),
    ("exp is no number", resigned({"alg": "ES256"}, CURRENT, {**CLAIMS, "exp": "soon"}), (
        "PGRST303", "The JWT 'exp' claim must be a number")),
    ("nbf is no number", resigned({"alg": "ES256"}, CURRENT, {**CLAIMS, "nbf": True}), (
        "PGRST303", "The JWT 'nbf' claim must be a number")),
    ("iat is no number", resigned({"alg": "ES256"}, CURRENT, {**CLAIMS, "iat": {}}), (
        "PGRST303", "The JWT 'iat' claim must be a number")),
    ("a fraction of a second counts as zero", resigned(
        {"alg": "ES256"}, CURRENT, {**CLAIMS, "exp": SECONDS + 9.5}), ("PGRST303", "JWT expired")),
    ("aud is no text", encode({**CLAIMS, "aud": [1]}, CURRENT), (
        "PGRST303", "The JWT 'aud' claim must be a string or an array of strings")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "token"), ACCEPTED, ids=[name for name, _ in ACCEPTED])
def test_accepted(name: str, token: str) -> None:
    assert judged(token).role == "authenticated"


@pytest.mark.parametrize(
    ("name", "token", "expected"), REFUSED, ids=[name for name, _, _ in REFUSED]
)
def test_refused(name: str, token: str, expected: tuple[str, str]) -> None:
    with pytest.raises(TokenRefused) as refusal:
        judged(token)
    answer = refusal.value.answer
    assert (answer.status, answer.code, answer.message) == (401, *expected)
    assert answer.hint is None
    (name_of_header, challenge) = answer.headers[0]
    assert name_of_header == "WWW-Authenticate"
    assert challenge == f'Bearer error="invalid_token", error_description="{expected[1]}"'


def test_details_tell_a_missing_key_from_a_bad_signature() -> None:
    for token, details in (
        (encode(CLAIMS, generate("ES256", kid="other")), "No suitable key was found"),
        (encode(CLAIMS, STRANGER), "None of the keys was able"),
    ):
        with pytest.raises(TokenRefused) as refusal:
            judged(token)
        assert refusal.value.answer.details == f"{details} to decode the JWT"


def test_a_removed_key_is_refused() -> None:
    token = encode(CLAIMS, CURRENT)
    rest = KeySet(key.verifying_key() for key in (STANDBY, LEGACY))
    with pytest.raises(TokenRefused):
        judged(token, keys=rest)
    with pytest.raises(TokenRefused) as legacy:
        judged(encode(CLAIMS, LEGACY), keys=KeySet([CURRENT.verifying_key()]))
    assert legacy.value.answer.details == "No suitable key was found to decode the JWT"


def test_without_any_key_the_server_is_at_fault() -> None:
    with pytest.raises(TokenRefused) as refusal:
        judged(encode(CLAIMS, CURRENT), keys=KeySet())
    assert (refusal.value.answer.status, refusal.value.answer.code) == (500, "PGRST300")


def test_audience_only_counts_when_configured() -> None:
    settings = Settings(audience="here")
    for aud, fits in (("here", True), ("there", False), (["a", "here"], True), ([], True)):
        token = encode({**CLAIMS, "aud": aud}, CURRENT)
        if fits:
            assert judged(token, settings).role == "authenticated"
        else:
            with pytest.raises(TokenRefused, match="JWT not in audience"):
                judged(token, settings)


def test_roles() -> None:
    cases: list[tuple[dict[str, object], str, bool]] = [
        ({"role": "service_role"}, "service_role", True),
        ({}, "anon", False),
        ({"role": "anon"}, "anon", False),
        ({"role": 7}, "7", True),
        ({"role": None}, "null", True),
    ]
    for claims, role, authenticated in cases:
        caller = judged(encode(claims, CURRENT))
        assert (caller.role, caller.authenticated) == (role, authenticated)
        assert caller.claims["role"] == role


def test_a_token_with_much_metadata_is_admitted() -> None:
    """Whoever Auth gave a long token must be able to use it."""
    claims = {**CLAIMS, "user_metadata": {"bio": "x" * 40_000}}
    assert judged(encode(claims, CURRENT)).role == "authenticated"


def test_anonymous() -> None:
    caller = anonymous(Settings())
    assert (caller.role, caller.claims, caller.authenticated) == ("anon", {"role": "anon"}, False)
    with pytest.raises(TokenRefused) as refusal:
        anonymous(Settings(anonymous_role=None))
    assert refusal.value.answer.code == "PGRST302"
    assert refusal.value.answer.headers == (("WWW-Authenticate", "Bearer"),)


def test_only_the_bearer_scheme_carries_a_token() -> None:
    cases: list[tuple[str | None, Any]] = [
        (None, None),
        ("", None),
        ("eyJraw.token.here", None),
        ("Basic dXNlcjpwYXNz", None),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c", "a.b.c"),
    ]
    for header, token in cases:
        assert bearer(header) == token


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_nothing_but_a_signed_token_is_admitted(text: str) -> None:
    with pytest.raises(TokenRefused):
        judged(text)


@given(st.integers(0, 2), st.integers(0, 400), st.integers(1, 255))
def test_one_changed_character_is_refused(part: int, position: int, flip: int) -> None:
    pieces = encode(CLAIMS, CURRENT).split(".")
    at = position % len(pieces[part])
    changed = chr((ord(pieces[part][at]) + flip) % 128)
    if changed == pieces[part][at]:
        return
    pieces[part] = pieces[part][:at] + changed + pieces[part][at + 1 :]
    with pytest.raises(TokenRefused):
        judged(".".join(pieces))

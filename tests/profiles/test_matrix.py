"""The verification matrix of services.md §2, cell by cell: five services, one row per question."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from tests.profiles.scene import (
    CLAIMS,
    EC,
    EC_STANDBY,
    EDDSA,
    JUDGES,
    JWT_SECRET,
    LEGACY,
    OTHER,
    OTHER_SECRET,
    RSA,
    SECONDS,
    STANDARD,
    STRANGER,
    Keys,
    at_rest_12,
    ec,
    hmac_token,
    keys,
    shared,
    token,
    unsecured,
    without,
)

from keyturn.jose.keys import generate, public_pem, signing_key_from_secret
from keyturn.profiles.verdict import Outcome
from keyturn.secret import Secret

Answer = tuple[int, str | None, str]
"""Status, code, and what the message contains."""
OK = None

BYTES = (
    "Key for the ES256 algorithm must be one of type CryptoKey, KeyObject, or JSON Web Key. "
    "Received an instance of Uint8Array"
)
CRYPTO_KEY = (400, "AccessDenied", BYTES)
NO_KID = (403, "bad_jwt", "unrecognized JWT kid <nil> for algorithm ES256")
NO_KEY = (401, "PGRST301", "No suitable key or wrong key type")
NO_SIGNER = (401, "JwtSignerError", "Failed to generate JWT signer, check your JWT secret")
UNKNOWN_SIGNER = (
    'Failed to generate JWT signer for key ID (kid) "unknown", '
    "check your JWT secret or JWKS configuration"
)
ASYMMETRIC = (401, "UNAUTHORIZED_ASYMMETRIC_JWT", "Invalid JWT")
LEGACY_JWT = (401, "UNAUTHORIZED_LEGACY_JWT", "Invalid JWT")
AUTH_HS_SIGNATURE = (403, "bad_jwt", "token signature is invalid: signature is invalid")
SOCKET_SIGNATURE = (401, "JwtSignatureError", "Failed to validate JWT signature")
STORAGE_SIGNATURE = (400, "AccessDenied", "signature verification failed")
STORAGE_ALG = (400, "AccessDenied", '"alg" (Algorithm) Header Parameter value not allowed')
UNSUPPORTED = (401, "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "Unsupported JWT algorithm")


@dataclass(frozen=True)
class Row:
    """One question; what is not listed accepts."""

    title: str
    keys: Keys
    token: str
    auth: Answer | None = OK
    rest: Answer | None = OK
    socket: Answer | None = OK
    storage: Answer | None = OK
    functions: Answer | None = OK


TWO_EC = keys(ec(), ec(EC_STANDBY, signs=False), shared())
KIDLESS_EC = keys(ec(kid=None), shared())
"""The article's way of leaving the kid out. For Auth the later kid-less key replaces it."""
KIDLESS_EC_ONLY = keys(ec(kid=None))
OCT_OF_ANOTHER = keys(ec(), shared(OTHER_SECRET))
NAMED_OCT = keys(ec(), shared(OTHER_SECRET, kid="legacy"))
NO_OCT = keys(ec())
ALL_TYPES = keys(ec(), ec(RSA, signs=False), ec(EDDSA, signs=False), shared())
UNKNOWN = generate("ES256", kid="unknown")
PUBLIC_TEXT = json.dumps(EC.verifying_key().public_jwk())
CONFUSED = signing_key_from_secret(Secret(PUBLIC_TEXT), kid=None)
CONFUSED_PEM = signing_key_from_secret(Secret(public_pem(EC.verifying_key())), kid=None)
WRONG_SECRET = signing_key_from_secret(Secret("w" * 40), kid=None)

ROWS = (
    # algs
    Row("RS256", ALL_TYPES, token(RSA)),
    Row("EdDSA: functions know three algorithms", ALL_TYPES, token(EDDSA), functions=UNSUPPORTED),
    Row(
        "HS512 with the secret: Realtime, and Storage once an oct key is in the set",
        STANDARD, hmac_token(JWT_SECRET, "HS512", "sha512"),
        auth=(403, "bad_jwt", "signing method HS512 is invalid"), rest=NO_KEY,
        functions=UNSUPPORTED,
    ),
    # ES256
    Row("ES256, kid known", STANDARD, token(EC)),
    Row("ES256, kid of the standby key", TWO_EC, token(EC_STANDBY)),
    Row("ES256, no kid, one EC key", STANDARD, token(EC, kid=None), auth=NO_KID,
        socket=NO_SIGNER, storage=CRYPTO_KEY),
    Row("ES256, no kid, two EC keys: functions cannot decide", TWO_EC, token(EC, kid=None),
        auth=NO_KID, socket=NO_SIGNER, storage=CRYPTO_KEY, functions=ASYMMETRIC),
    Row("ES256, no kid, key without kid: Storage matches", KIDLESS_EC_ONLY, token(EC, kid=None),
        auth=NO_KID, socket=NO_SIGNER),
    Row(
        "ES256, unknown kid", STANDARD, token(UNKNOWN),
        auth=(403, "bad_jwt", "unrecognized JWT kid unknown for algorithm ES256"), rest=NO_KEY,
        socket=(401, "JwtSignerError", UNKNOWN_SIGNER),
        storage=CRYPTO_KEY, functions=ASYMMETRIC,
    ),
    Row(
        "ES256, forged", STANDARD, token(STRANGER),
        auth=(403, "bad_jwt", "crypto/ecdsa: verification error"), rest=NO_KEY,
        socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE, functions=ASYMMETRIC,
    ),
    # HS256
    Row("HS256, no kid, signed by the secret: PostgREST has only the oct key", OCT_OF_ANOTHER,
        token(LEGACY), rest=NO_KEY),
    Row("HS256, no kid, signed by the oct key: only PostgREST looks at it", OCT_OF_ANOTHER,
        token(OTHER), auth=AUTH_HS_SIGNATURE, socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE,
        functions=LEGACY_JWT),
    Row("HS256, kid of the oct key, signed by it", NAMED_OCT, token(OTHER, kid="legacy"),
        functions=LEGACY_JWT),
    Row("HS256, kid of the oct key, signed by the secret", NAMED_OCT, token(LEGACY, kid="legacy"),
        auth=AUTH_HS_SIGNATURE, rest=NO_KEY, socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE),
    Row("HS256, kid unknown, signed by the secret: a fallback but in PostgREST", STANDARD,
        token(LEGACY, kid="elsewhere"), rest=NO_KEY),
    Row("HS256, kid unknown, oct gone: Auth no longer allows HS256", NO_OCT,
        token(LEGACY, kid="elsewhere"), auth=(403, "bad_jwt", "signing method HS256 is invalid"),
        rest=NO_KEY),
    Row("HS256, legacy key after phase 3: three of five still take it", NO_OCT, token(LEGACY),
        auth=(403, "bad_jwt", "signing method HS256 is invalid"), rest=NO_KEY),
    Row("HS256, wrong secret", STANDARD, token(WRONG_SECRET), auth=AUTH_HS_SIGNATURE, rest=NO_KEY,
        socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE, functions=LEGACY_JWT),
    # keys without kid, tokens with
    Row("EC key without kid, token with: nobody matches", KIDLESS_EC_ONLY, token(EC),
        auth=(403, "bad_jwt", "unrecognized JWT kid current for algorithm ES256"), rest=NO_KEY,
        socket=(401, "JwtSignerError", "for key ID (kid)"), storage=CRYPTO_KEY,
        functions=ASYMMETRIC),
    Row("oct key without kid, token with: Storage matches", OCT_OF_ANOTHER,
        token(OTHER, kid="any"), auth=AUTH_HS_SIGNATURE, rest=NO_KEY, socket=SOCKET_SIGNATURE,
        functions=LEGACY_JWT),
    # claims
    Row("no exp: Realtime requires it", STANDARD, token(EC, without("exp")),
        socket=(401, "InvalidJWTToken", "Fields `role` and `exp` are required in JWT")),
    Row("no role: Realtime requires it", STANDARD, token(EC, without("role")),
        socket=(401, "InvalidJWTToken", "Fields `role` and `exp` are required in JWT")),
    Row("expired 10 s ago: only PostgREST has a leeway", STANDARD,
        token(EC, {**CLAIMS, "exp": SECONDS - 10}),
        auth=(403, "bad_jwt", "token has invalid claims: token is expired"),
        socket=(401, "InvalidJWTToken", "Token has expired"),
        storage=(400, "AccessDenied", '"exp" claim timestamp check failed'),
        functions=ASYMMETRIC),
    Row("expired 31 s ago", STANDARD, token(EC, {**CLAIMS, "exp": SECONDS - 31}),
        auth=(403, "bad_jwt", "token is expired"), rest=(401, "PGRST303", "JWT expired"),
        socket=(401, "InvalidJWTToken", "Token has expired"),
        storage=(400, "AccessDenied", '"exp" claim timestamp check failed'),
        functions=ASYMMETRIC),
    Row("nbf in 10 s: within PostgREST's leeway, Realtime does not look", STANDARD,
        token(EC, {**CLAIMS, "nbf": SECONDS + 10}),
        auth=(403, "bad_jwt", "token is not valid yet"),
        storage=(400, "AccessDenied", '"nbf" claim timestamp check failed'),
        functions=ASYMMETRIC),
    Row("nbf in 60 s", STANDARD, token(EC, {**CLAIMS, "nbf": SECONDS + 60}),
        auth=(403, "bad_jwt", "token is not valid yet"),
        rest=(401, "PGRST303", "JWT not yet valid"),
        storage=(400, "AccessDenied", '"nbf" claim timestamp check failed'),
        functions=ASYMMETRIC),
    Row("iat in 60 s: only PostgREST looks", STANDARD, token(EC, {**CLAIMS, "iat": SECONDS + 60}),
        rest=(401, "PGRST303", "JWT issued at future")),
    Row("iat is no number", STANDARD, token(EC, {**CLAIMS, "iat": "now"}),
        rest=(401, "PGRST303", "The JWT 'iat' claim must be a number"),
        socket=(401, "MalformedJWT", "The token provided is not a valid JWT"),
        storage=(400, "AccessDenied", '"iat" claim must be a number'), functions=ASYMMETRIC),
    Row("any audience and issuer", STANDARD,
        token(EC, {**CLAIMS, "aud": "elsewhere", "iss": "https://elsewhere.example"})),
    # attacks
    Row("alg none", STANDARD, unsecured(),
        auth=(403, "bad_jwt", "signing method none is invalid"),
        rest=(401, "PGRST301", "Wrong or unsupported encoding algorithm"), socket=NO_SIGNER,
        storage=STORAGE_ALG, functions=UNSUPPORTED),
    Row("HS256 signed with the public JWK's text", STANDARD, token(CONFUSED),
        auth=AUTH_HS_SIGNATURE, rest=NO_KEY, socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE,
        functions=LEGACY_JWT),
    Row("HS256 signed with the public PEM, under the EC key's kid", STANDARD,
        token(CONFUSED_PEM, kid="current"),
        auth=(403, "bad_jwt", "key is of invalid type: HMAC verify expects []byte"), rest=NO_KEY,
        socket=SOCKET_SIGNATURE, storage=STORAGE_SIGNATURE, functions=LEGACY_JWT),
    # what is no token
    Row("an opaque key as bearer", STANDARD, "sb_secret_abc",
        auth=(403, "bad_jwt", "token contains an invalid number of segments"),
        rest=(401, "PGRST301", "Expected 3 parts in JWT; got 1"),
        socket=(401, "MalformedJWT", "The token provided is not a valid JWT"),
        storage=(400, "AccessDenied", "Invalid Compact JWS"),
        functions=(401, "UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format")),
)  # fmt: skip

CELLS = [
    pytest.param(row, service, id=f"{row.title} · {service}") for row in ROWS for service in JUDGES
]


@pytest.mark.parametrize(("row", "service"), CELLS)
def test_the_matrix(row: Row, service: str) -> None:
    verdict = JUDGES[service](row.keys, row.token)
    expected: Answer | None = getattr(row, service)
    if expected is OK:
        assert verdict.outcome is Outcome.ACCEPTED, verdict
        return
    status, code, message = expected
    assert (verdict.outcome, verdict.status, verdict.code) == (Outcome.REFUSED, status, code)
    assert message in (verdict.message or "")
    assert verdict.why
    assert verdict.steps[-1].ok is False


MISSING = [
    ("auth", (401, "no_authorization", "This endpoint requires a valid Bearer token")),
    ("socket", (401, None, "API key is missing")),
    ("storage", (400, "InvalidRequest", "headers must have required property 'authorization'")),
    ("functions", (401, "UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header")),
]


@pytest.mark.parametrize(("service", "expected"), MISSING)
def test_a_request_without_a_token(service: str, expected: Answer) -> None:
    verdict = JUDGES[service](STANDARD, None)
    assert (verdict.status, verdict.code, verdict.message) == expected


def test_a_request_without_a_token_is_anonymous_for_postgrest() -> None:
    verdict = JUDGES["rest"](STANDARD, None)
    assert (verdict.outcome, verdict.role) == (Outcome.ACCEPTED, "anon")


ONE_PART = "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)"
UP_TO_12 = [
    ("a kid that is in no key is ignored", STANDARD, token(EC, kid="elsewhere"), None),
    ("a key without kid matches a named token", KIDLESS_EC_ONLY, token(EC), None),
    ("unknown key", STANDARD, token(UNKNOWN), "JWSError JWSInvalidSignature"),
    ("wrong secret", STANDARD, token(WRONG_SECRET), "JWSError JWSInvalidSignature"),
    ("expired", STANDARD, token(EC, {**CLAIMS, "exp": SECONDS - 5}), "JWT expired"),
    ("opaque", STANDARD, "sb_secret_abc", ONE_PART),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "bearer", "message"),
    [row[1:] for row in UP_TO_12],
    ids=[row[0] for row in UP_TO_12],
)
def test_postgrest_up_to_12(given: Keys, bearer: str, message: str | None) -> None:
    verdict = at_rest_12(given, bearer)
    if message is None:
        assert verdict.outcome is Outcome.ACCEPTED
    else:
        assert (verdict.status, verdict.code, verdict.message) == (401, "PGRST301", message)

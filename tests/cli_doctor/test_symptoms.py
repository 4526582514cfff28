"""The error lookup: every known message, as people paste it, leads to its causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.doctor.symptom import Symptom
from keyturn.doctor.symptoms import SYMPTOMS, look_up

# What users paste -> the message that explains it. The texts are those of issues and logs.
PASTED = {
    "signing method HS256 is invalid": "signing method HS256 is invalid",
    '{"code":403,"error_code":"bad_jwt","msg":"invalid JWT: unable to parse or verify signature, '
    'token is unverifiable: signing method ES256 is invalid"}': "signing method ES256 is invalid",
    "AuthApiError: invalid JWT: unrecognized JWT kid 4f9b1c0e-77aa-4c3e-9d8e-0a1b2c3d4e5f for "
    "algorithm ES256": "unrecognized JWT kid",
    "bad_jwt": "unable to parse or verify signature",
    '{"code":"PGRST301","details":"No suitable key was found to decode the JWT","hint":null,'
    '"message":"No suitable key or wrong key type"}': "No suitable key or wrong key type",
    "no suitable KEY or wrong key type": "No suitable key or wrong key type",
    "JWSError JWSInvalidSignature": "JWSError JWSInvalidSignature",
    'JWSError (JSONDecodeError "x") JWSInvalidSignature': "JWSError JWSInvalidSignature",
    "Expected 3 parts in JWT; got 1": "Expected 3 parts in JWT; got 1",
    "Invalid Compact JWS": "Invalid Compact JWS",
    "\x1b[31mFATA\x1b[0m multiple signing keys detected, only 1 signing key is supported": (
        "multiple signing keys detected, only 1 signing key is supported"
    ),
    'level=fatal msg="Failed to load configuration: no signing key detected"': (
        "no signing key detected"
    ),
    "json: cannot unmarshal object into Go value of type []json.RawMessage": (
        "cannot unmarshal object into Go value of type []config.JWK"
    ),
    "key is of invalid type: HMAC sign expects []byte": (
        "key is of invalid type: HMAC sign expects []byte"
    ),
    "JWT issued at future": "JWT issued at future",
    'PGRST303 \\"JWT issued at future\\"': "JWT issued at future",
    "UNAUTHORIZED_ASYMMETRIC_JWT": "UNAUTHORIZED_ASYMMETRIC_JWT",
    "unauthorized_unsupported_token_algorithm": "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM",
    "Unsupported JWT algorithm: ES256": "Unsupported JWT algorithm: ES256",
    'JOSENotSupported: Unsupported "alg" value for a JSON Web Key Set': (
        'Unsupported "alg" value for a JSON Web Key Set'
    ),
    "TypeError: Key for the ES256 algorithm must be of type CryptoKey. Received an instance of "
    "Uint8Array": (
        "Key for the ES256 algorithm must be one of type CryptoKey, KeyObject, or JSON Web Key. "
        "Received an instance of Uint8Array"
    ),
    '"alg" (Algorithm) Header Parameter value not allowed': (
        '"alg" (Algorithm) Header Parameter value not allowed'
    ),
    "Unable to parse JWT_JWKS value to JSON": "Unable to parse JWT_JWKS value to JSON",
    "** (Jason.DecodeError) unexpected end of input at position 0": "Jason.DecodeError",
    'errors: [jwt_jwks: {"is invalid, type: :map"}]': "is invalid, type: :map",
    'Failed to generate JWT signer for key ID (kid) "a-b", check your JWT secret or JWKS '
    "configuration": "Failed to generate JWT signer for key ID (kid)",
    "MalformedJWT": "MalformedJWT",
    "{:error, :signature_error}": "Failed to validate JWT signature",
    "dependency failed to start: container realtime-dev.supabase-realtime is unhealthy": (
        "Startup probe failed: HTTP probe failed with statuscode: 403"
    ),
    "Invalid authentication credentials": "Invalid authentication credentials",
    "This endpoint requires a valid Bearer token": "This endpoint requires a valid Bearer token",
    "legacy API key mode (sb_ keys disabled)": "legacy API key mode (sb_ keys disabled)",
    "Conflicting API keys": "Conflicting API keys",
    "JWT_ISSUER must start with http": "JWT_ISSUER must start with http",
    'new row violates row-level security policy for table "objects"': (
        "new row violates row-level security policy"
    ),
    "auth.uid() null": "auth.uid() is null",
    "Server lacks JWT secret": "Server lacks JWT secret",
    "must be at least 32 characters": "The JWT secret must be at least 32 characters long",
    "Invalid JWT": "Invalid JWT",
    "InvalidJWT": "InvalidJWT",
    "Invalid API key": "Invalid API key",
    "SignatureDoesNotMatch": "SignatureDoesNotMatch",
    '{"keys":[]}': '{"keys":[]}',
    "The specified alg value is not allowed": "The specified alg value is not allowed",
    "InvalidAlgorithm": "The specified alg value is not allowed",
    "JWT Signature verification failed: Signature verification failed.": (
        "JWT Signature verification failed: Signature verification failed."
    ),
    "unable to find matching key": "unable to find matching key",
    "UNAUTHORIZED_NO_AUTH_HEADER": "UNAUTHORIZED_NO_AUTH_HEADER",
    "Can't list buckets": "Studio can't list buckets",
}


@pytest.mark.parametrize("pasted", PASTED)
def test_a_pasted_message_leads_to_its_causes(pasted: str) -> None:
    found = look_up(pasted).found
    assert found
    assert found[0].text == PASTED[pasted]
    assert all(cause.because and cause.fix for cause in found[0].causes)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=[one.slug for one in SYMPTOMS])
def test_every_message_finds_itself_in_every_form(symptom: Symptom) -> None:
    for text in (symptom.text, *symptom.also):
        for pasted in (text, text.upper(), f'"{text}"', f"2026-11-25T10:00:00Z ERROR: {text}!"):
            assert symptom in look_up(pasted).found, pasted


def test_pages_do_not_collide() -> None:
    assert len({one.slug for one in SYMPTOMS}) == len(SYMPTOMS)
    assert len({one.text for one in SYMPTOMS}) == len(SYMPTOMS)


def test_the_exact_message_hides_its_frame() -> None:
    whole = "invalid JWT: unable to parse or verify signature, signing method HS256 is invalid"
    assert [one.text for one in look_up(whole).found] == ["signing method HS256 is invalid"]


@pytest.mark.parametrize(
    ("unknown", "near"),
    [
        ("signing method RS512 is not valid", "signing method HS256 is invalid"),
        ("PGRST303", "JWT issued at future"),
        ("unrecognised kid in JWT", "unrecognized JWT kid"),
    ],
)
def test_an_unknown_message_gets_the_nearest(unknown: str, near: str) -> None:
    result = look_up(unknown)
    assert result.found == ()
    assert near in [one.text for one in result.near]


def test_a_bare_code_leads_to_every_message_that_comes_with_it() -> None:
    found = [one.text for one in look_up("PGRST301").near]
    assert "Expected 3 parts in JWT; got 1" in found
    assert len(found) == sum("PGRST301" in one.by for one in SYMPTOMS) > 5


@pytest.mark.parametrize("nothing", ["", "  ", "…", "the weather is fine today", "\x1b[31m"])
def test_what_resembles_nothing_gets_nothing(nothing: str) -> None:
    assert look_up(nothing) == look_up("")


@given(st.text(max_size=400))
def test_any_text_is_looked_up_without_an_error(text: str) -> None:
    result = look_up(text)
    assert not (result.found and result.near)

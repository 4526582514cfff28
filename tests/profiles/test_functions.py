"""The generations of the main script: told apart by what they contain, and what each answers."""

from __future__ import annotations

import json

import pytest
from tests.profiles.scene import (
    CLAIMS,
    EC,
    JWT_SECRET,
    LEGACY,
    MAIN_V2,
    NOW,
    STANDARD,
    STRANGER,
    hmac_token,
    private,
    public,
    token,
    unsecured,
)

from keyturn.deploy.inventory import Kind
from keyturn.profiles import functions, keyset
from keyturn.profiles.functions import Script, script_of
from keyturn.profiles.key import Key
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome, Verdict

MAIN_V0 = "const JWT_SECRET = 1; VERIFY_JWT; jose.jwtVerify(jwt, secretKey)"
MAIN_V1 = MAIN_V0 + "; jose.createRemoteJWKSet(new URL(SUPABASE_URL))"
MAIN_V3 = MAIN_V2 + "; req.headers.get('sb-api-key')"
TEXTS = {Script.V0: MAIN_V0, Script.V1: MAIN_V1, Script.V2: MAIN_V2, Script.V3: MAIN_V3}
ENV = {
    "VERIFY_JWT": "true", "JWT_SECRET": JWT_SECRET, "SUPABASE_JWKS": STANDARD.jwks,
    "SUPABASE_URL": "http://kong:8000",
}  # fmt: skip
PUBLISHED = keyset.functions(STANDARD.jwks).keys[:1]
INVALID = "Invalid JWT"


def judge(
    script: Script, authorization: str | None, *, sb_api_key: str | None = None, **env: str
) -> Verdict:
    """What one generation says to a request."""
    config = functions.read_config(ENV | env, TEXTS[script], published=PUBLISHED)
    asked = Request(Kind.FUNCTIONS, authorization, sb_api_key=sb_api_key)
    return functions.judge(config, asked, NOW)


@pytest.mark.parametrize("script", list(Script))
def test_scripts_are_told_apart(script: Script) -> None:
    assert script_of(TEXTS[script]) is script


@pytest.mark.parametrize("text", ["", "Deno.serve(() => new Response('hi'))", "jose.jwtVerify()"])
def test_a_script_of_the_users_own(text: str) -> None:
    config = functions.read_config(ENV, text)
    verdict = functions.judge(config, Request(Kind.FUNCTIONS), NOW)
    assert verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("value", ["false", "", "TRUE", "1"])
@pytest.mark.parametrize("script", list(Script))
def test_only_true_turns_the_check_on(script: Script, value: str) -> None:
    assert judge(script, None, VERIFY_JWT=value).outcome is Outcome.OPEN


ANSWERS: list[tuple[str, str | None, dict[Script, tuple[str | None, str] | None]]] = [
    ("HS256", f"Bearer {token(LEGACY)}", dict.fromkeys(Script)),
    ("ES256", f"Bearer {token(EC)}", {
        Script.V0: (None, INVALID), Script.V1: None, Script.V2: None, Script.V3: None}),
    ("forged", f"Bearer {token(STRANGER)}", {
        Script.V0: (None, INVALID), Script.V1: (None, INVALID),
        Script.V2: ("UNAUTHORIZED_ASYMMETRIC_JWT", INVALID),
        Script.V3: ("UNAUTHORIZED_ASYMMETRIC_JWT", INVALID)}),
    ("nothing", None, {
        Script.V0: (None, "Error: Missing authorization header"),
        Script.V1: (None, "Error: Missing authorization header"),
        Script.V2: ("UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header"),
        Script.V3: ("UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header")}),
    ("no Bearer", token(LEGACY), {
        Script.V0: (None, "Error: Auth header is not 'Bearer {token}'"),
        Script.V1: (None, "Error: Auth header is not 'Bearer {token}'"),
        Script.V2: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format"),
        Script.V3: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format")}),
    ("bearer in small letters", f"bearer {token(LEGACY)}", {
        Script.V0: (None, "Error: Auth header is not 'Bearer {token}'"),
        Script.V1: (None, "Error: Auth header is not 'Bearer {token}'"),
        Script.V2: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format"),
        Script.V3: None}),
    ("opaque bearer", "Bearer sb_secret_x", {
        Script.V0: (None, INVALID),
        Script.V1: (None, "TypeError: Invalid Token or Protected Header formatting"),
        Script.V2: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format"),
        Script.V3: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format")}),
    ("HS512: only the oldest takes it", f"Bearer {hmac_token(JWT_SECRET, 'HS512', 'sha512')}", {
        Script.V0: None, Script.V1: (None, INVALID),
        Script.V2: ("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "Unsupported JWT algorithm HS512"),
        Script.V3: ("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM",
                    "Unsupported JWT algorithm HS512")}),
    ("alg none", f"Bearer {unsecured()}", {
        Script.V0: (None, INVALID), Script.V1: (None, INVALID),
        Script.V2: ("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "Unsupported JWT algorithm none"),
        Script.V3: ("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM",
                    "Unsupported JWT algorithm none")}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("authorization", "script", "expected"),
    [
        pytest.param(header, script, answers[script], id=f"{title} · v{script.value}")
        for title, header, answers in ANSWERS
        for script in Script
    ],
)
def test_what_each_generation_answers(
    authorization: str | None, script: Script, expected: tuple[str | None, str] | None
) -> None:
    verdict = judge(script, authorization)
    if expected is None:
        assert verdict.outcome is Outcome.ACCEPTED
        return
    assert (verdict.outcome, verdict.status) == (Outcome.REFUSED, 401)
    assert (verdict.code, verdict.message) == expected


@pytest.mark.parametrize(
    ("authorization", "accepted"),
    [
        (None, True),
        ("Bearer sb_secret_x", True),
        (f"Bearer {token(STRANGER)}", False),
    ],
    ids=["no bearer", "opaque bearer", "a real bearer counts"],
)
def test_the_third_generation_takes_the_gateways_token(
    authorization: str | None, accepted: bool
) -> None:
    verdict = judge(Script.V3, authorization, sb_api_key=token(EC, {**CLAIMS, "role": "anon"}))
    assert (verdict.outcome is Outcome.ACCEPTED) is accepted
    assert verdict.role == ("anon" if accepted else None)
    assert judge(Script.V2, None, sb_api_key=token(EC)).outcome is Outcome.REFUSED


def test_without_the_secret_only_es256_passes() -> None:
    assert judge(Script.V2, f"Bearer {token(EC)}", JWT_SECRET="").outcome is Outcome.ACCEPTED
    legacy = judge(Script.V2, f"Bearer {token(LEGACY)}", JWT_SECRET="")
    assert legacy.code == "UNAUTHORIZED_LEGACY_JWT"
    assert "JWT_SECRET is not set" in legacy.why


@pytest.mark.parametrize("text", ["", "[]", STANDARD.array, '{"keys":{}}', STANDARD.jwks + "}"])
def test_a_malformed_set_silently_gives_no_asymmetric_support(text: str) -> None:
    verdict = judge(Script.V2, f"Bearer {token(EC)}", SUPABASE_JWKS=text)
    assert (verdict.code, verdict.message) == ("UNAUTHORIZED_ASYMMETRIC_JWT", INVALID)
    assert "SUPABASE_JWKS gives no key" in verdict.why


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        (private(EC), "carries its private half"),
        (public(EC, use="enc"), "SUPABASE_JWKS has no key for"),
        (public(EC, key_ops=["sign"]), "SUPABASE_JWKS has no key for"),
        (public(EC, alg="RS256"), "SUPABASE_JWKS has no key for"),
        (public(EC, x="A" * 43), "cannot be imported"),
    ],
    ids=["private", "use enc", "key_ops", "alg", "bad point"],
)
def test_a_key_that_jose_does_not_take(jwk: dict[str, object], why: str) -> None:
    config = functions.Config(Script.V2, verifies=True, keys=keyset.KeySet(
        keyset.Form.SET, (functions_key(jwk),)))  # fmt: skip
    asked = Request(Kind.FUNCTIONS, f"Bearer {token(EC)}")
    verdict = functions.judge(config, asked, NOW)
    assert verdict.code == "UNAUTHORIZED_ASYMMETRIC_JWT"
    assert why in verdict.why


def functions_key(jwk: dict[str, object]) -> Key:
    """The key as the main script reads it."""
    (key,) = keyset.functions(json.dumps({"keys": [jwk]})).keys
    return key


def test_the_first_generation_with_a_remote_set_needs_to_reach_it() -> None:
    closed = functions.read_config(ENV, MAIN_V1, published=None)
    verdict = functions.judge(closed, Request(Kind.FUNCTIONS, f"Bearer {token(EC)}"), NOW)
    assert verdict.message == INVALID
    assert "the gateway does not let the script fetch it" in verdict.why

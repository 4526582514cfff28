"""What the matrix has no column for: administration, signed URLs, S3, lists of methods."""

from __future__ import annotations

import json

import pytest
from tests.profiles.scene import (
    CLAIMS,
    EC,
    JUDGES,
    JWT_SECRET,
    LEGACY,
    NOW,
    OTHER,
    OTHER_SECRET,
    SECONDS,
    STANDARD,
    ec,
    public,
    request,
    token,
)

from keyturn.deploy.inventory import Kind
from keyturn.jose.keys import generate
from keyturn.profiles import auth, pooler, rest
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome

# ── Auth ────────────────────────────────────────────────────────────────────────────────────────

NEW_NAME, OLD_NAME = "GOTRUE_JWT_VALID_METHODS", "GOTRUE_JWT_VALIDMETHODS"
METHODS = [
    ("new name, new version", {NEW_NAME: "HS256,ES256"}, (2, 187, 0), True),
    ("new name, old version: not read", {NEW_NAME: "HS256,ES256"}, (2, 186, 0), False),
    ("old name, old version", {OLD_NAME: "HS256,ES256"}, (2, 186, 0), True),
    ("old name, new version: not read", {OLD_NAME: "HS256,ES256"}, (2, 196, 0), False),
    ("both", {OLD_NAME: "ES256", NEW_NAME: "HS256"}, (2, 196, 0), True),
    ("unknown version", {OLD_NAME: "HS256"}, None, True),
    ("empty counts as unset", {NEW_NAME: ""}, (2, 196, 0), False),
]


@pytest.mark.parametrize(
    ("settings", "version", "accepted"),
    [row[1:] for row in METHODS],
    ids=[row[0] for row in METHODS],
)
def test_the_list_of_methods_was_renamed(
    settings: dict[str, str], version: tuple[int, ...] | None, accepted: bool
) -> None:
    env = {"GOTRUE_JWT_SECRET": JWT_SECRET, "GOTRUE_JWT_KEYS": json.dumps([ec()[0]]), **settings}
    verdict = auth.judge(auth.read_config(env, version), request(Kind.AUTH, token(LEGACY)), NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is accepted
    if OLD_NAME in settings and not accepted:
        assert any(OLD_NAME in step.text for step in verdict.steps)


def test_a_key_without_alg_makes_every_method_invalid() -> None:
    env = {"GOTRUE_JWT_SECRET": JWT_SECRET, "GOTRUE_JWT_KEYS": json.dumps([ec(alg=None)[0]])}
    verdict = auth.judge(auth.read_config(env), request(Kind.AUTH, token(EC)), NOW)
    assert "signing method ES256 is invalid" in (verdict.message or "")


def test_the_name_of_the_secret_is_a_kid() -> None:
    env = {
        "GOTRUE_JWT_SECRET": JWT_SECRET, "GOTRUE_JWT_KEYS": STANDARD.array,
        "GOTRUE_JWT_KEY_ID": "legacy",
    }  # fmt: skip
    verdict = auth.judge(
        auth.read_config(env), request(Kind.AUTH, token(LEGACY, kid="legacy")), NOW
    )
    assert verdict.outcome is Outcome.ACCEPTED
    assert any("GOTRUE_JWT_KEY_ID" in step.text for step in verdict.steps)


def test_an_admin_role_and_a_key_without_user_are_told() -> None:
    env = {"GOTRUE_JWT_SECRET": JWT_SECRET}
    bearer = token(LEGACY, {"role": "service_role"})
    verdict = auth.judge(auth.read_config(env), request(Kind.AUTH, bearer), NOW)
    texts = " ".join(step.text for step in verdict.steps)
    assert "/admin/* is open" in texts
    assert "missing sub claim" in texts


@pytest.mark.parametrize("header", ["Token x", "Bearer", "Bearer a b", "Bearer ", "x"])
def test_what_is_no_bearer(header: str) -> None:
    config = auth.read_config({"GOTRUE_JWT_SECRET": JWT_SECRET})
    verdict = auth.judge(config, Request(Kind.AUTH, header), NOW)
    assert (verdict.status, verdict.code) == (401, "no_authorization")


# ── PostgREST ───────────────────────────────────────────────────────────────────────────────────


def rest_config(**settings: str) -> rest.Config:
    env = {"PGRST_JWT_SECRET": STANDARD.jwks, "PGRST_DB_ANON_ROLE": "anon", **settings}
    return rest.read_config(env, (14, 18))


@pytest.mark.parametrize(
    ("role", "outcome"),
    [("service_role", Outcome.DOWNGRADED), ("anon", Outcome.ACCEPTED)],
)
def test_a_raw_key_in_authorization_silently_runs_as_anon(role: str, outcome: Outcome) -> None:
    raw = token(LEGACY, {"role": role})
    verdict = rest.judge(rest_config(), Request(Kind.REST, raw), NOW)
    assert (verdict.outcome, verdict.role, verdict.status) == (outcome, "anon", 200)
    assert 'no "Bearer "' in verdict.steps[0].text


@pytest.mark.parametrize("apikey", ["sb_secret_x", token(LEGACY, {"role": "service_role"})])
def test_an_apikey_alone_says_nothing_to_postgrest(apikey: str) -> None:
    verdict = rest.judge(rest_config(), Request(Kind.REST, apikey=apikey), NOW)
    assert (verdict.outcome, verdict.role) == (Outcome.DOWNGRADED, "anon")


def test_without_an_anonymous_role() -> None:
    verdict = rest.judge(rest_config(PGRST_DB_ANON_ROLE=""), Request(Kind.REST), NOW)
    assert (verdict.status, verdict.code) == (401, "PGRST302")


def test_a_key_for_encryption_is_never_tried() -> None:
    jwks = json.dumps({"keys": [public(EC, use="enc")]})
    verdict = rest.judge(rest_config(PGRST_JWT_SECRET=jwks), request(Kind.REST, token(EC)), NOW)
    assert (verdict.status, verdict.code) == (401, "PGRST301")


def test_an_empty_bearer() -> None:
    verdict = rest.judge(rest_config(), Request(Kind.REST, "Bearer "), NOW)
    assert verdict.message == "Empty JWT is sent in Authorization header"


def test_a_configured_audience() -> None:
    bearer = token(EC, {**CLAIMS, "aud": "elsewhere"})
    verdict = rest.judge(rest_config(PGRST_JWT_AUD="here"), request(Kind.REST, bearer), NOW)
    assert (verdict.code, verdict.message) == ("PGRST303", "JWT not in audience")


@pytest.mark.parametrize(
    ("version", "told"), [((14, 16), True), ((16, 0, 0), True), ((14, 18), False), (None, False)]
)
def test_the_time_bug_is_told(version: tuple[int, ...] | None, told: bool) -> None:
    env = {"PGRST_JWT_SECRET": STANDARD.jwks, "PGRST_DB_ANON_ROLE": "anon"}
    verdict = rest.judge(rest.read_config(env, version), request(Kind.REST, token(EC)), NOW)
    assert verdict.outcome is Outcome.ACCEPTED
    assert any("#5196" in step.text for step in verdict.steps) is told


def test_a_role_from_elsewhere_is_not_guessed() -> None:
    config = rest_config(PGRST_JWT_ROLE_CLAIM_KEY=".app_metadata.role")
    verdict = rest.judge(config, request(Kind.REST, token(EC)), NOW)
    assert (verdict.outcome, verdict.role) == (Outcome.ACCEPTED, None)


def test_what_keyturn_cannot_check_is_unknown() -> None:
    jwk = {"kty": "EC", "crv": "P-384", "kid": "current", "x": "AAAA", "y": "AAAA"}
    config = rest.read_config({"PGRST_JWT_SECRET": json.dumps({"keys": [jwk]})}, (14, 18))
    verdict = rest.judge(config, request(Kind.REST, token(EC, alg="ES384")), NOW)
    assert verdict.outcome is Outcome.UNKNOWN


# ── Supavisor ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bearer", "accepted"),
    [
        (token(LEGACY), True),
        (token(LEGACY, typ=None), False),
        (token(EC), False),
        (token(OTHER), False),
        (token(LEGACY, {**CLAIMS, "exp": SECONDS}), False),
        ("x", False),
    ],
    ids=["HS256", "no typ", "ES256", "another secret", "expired", "no token"],
)
def test_supavisor_knows_hmac_only(bearer: str, accepted: bool) -> None:
    config = pooler.read_config({"API_JWT_SECRET": JWT_SECRET, "METRICS_JWT_SECRET": OTHER_SECRET})
    verdict = pooler.judge(config, request(Kind.POOLER, bearer), NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is accepted


def test_supavisors_metrics_have_a_secret_of_their_own() -> None:
    config = pooler.read_config({"API_JWT_SECRET": JWT_SECRET, "METRICS_JWT_SECRET": OTHER_SECRET})
    asked = request(Kind.POOLER, token(OTHER))
    assert pooler.judge(config, asked, NOW, metrics=True).outcome is Outcome.ACCEPTED
    assert pooler.judge(config, asked, NOW).status == 403


# ── Strangers' names ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", ["auth", "rest", "socket", "storage", "functions"])
def test_a_strangers_kid_is_shortened_and_printable(service: str) -> None:
    evil = generate("ES256", kid="k")
    bearer = token(evil, kid="\x1b[31m" + "e" * 200)
    verdict = JUDGES[service](STANDARD, bearer)
    shown = json.dumps(verdict.as_dict(), ensure_ascii=False)
    assert "\x1b" not in shown
    assert "\\u001b" not in shown
    assert "e" * 60 not in shown

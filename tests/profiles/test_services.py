"""What the matrix has no column for: joins, administration, signed URLs, S3, lists of methods."""

from __future__ import annotations

import json

import pytest
from tests.profiles.scene import (
    CLAIMS,
    EC,
    JWT_SECRET,
    LEGACY,
    NOW,
    OTHER,
    OTHER_SECRET,
    SECONDS,
    STANDARD,
    STRANGER,
    ec,
    keys,
    octets,
    public,
    realtime_config,
    request,
    shared,
    storage_config,
    token,
    without,
)

from keyturn.deploy.inventory import Kind
from keyturn.jose.keys import generate
from keyturn.profiles import auth, pooler, realtime, rest, storage
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome, Verdict

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


# ── Realtime ────────────────────────────────────────────────────────────────────────────────────

ANON = token(LEGACY, {**CLAIMS, "role": "anon"})


def joined(bearer: str | None, apikey: str | None = ANON) -> Verdict:
    """A socket opened with the API key, and a channel joined with the user's token."""
    authorization = None if bearer is None else f"Bearer {bearer}"
    asked = Request(Kind.REALTIME, authorization, x_api_key=apikey, websocket=True)
    return realtime.judge(realtime_config(STANDARD), asked, NOW)


def test_a_channel_is_joined_with_the_users_token() -> None:
    verdict = joined(token(EC))
    assert (verdict.outcome, verdict.role) == (Outcome.ACCEPTED, "authenticated")
    assert joined(None).role == "anon"


@pytest.mark.parametrize(
    ("bearer", "code", "message"),
    [
        (
            token(STRANGER),
            "JwtSignatureError",
            "JwtSignatureError: Failed to validate JWT signature",
        ),
        (token(EC, kid=None), "JwtSignerError", "JwtSignerError: Failed to generate JWT signer, "),
        ("sb_secret_x", "MalformedJWT", "MalformedJWT: The token provided is not a valid JWT"),
        (token(EC, without("exp")), "InvalidJWTToken", "InvalidJWTToken: Fields `role` and `exp`"),
    ],
    ids=["forged", "no kid", "opaque", "no exp"],
)
def test_a_join_is_refused(bearer: str, code: str, message: str) -> None:
    verdict = joined(bearer)
    assert (verdict.outcome, verdict.status, verdict.code) == (Outcome.REFUSED, None, code)
    assert (verdict.message or "").startswith(message)
    assert "Joining a channel" in verdict.why


def test_the_socket_takes_apikey_where_there_is_no_x_api_key() -> None:
    asked = Request(Kind.REALTIME, apikey=ANON, websocket=True)
    verdict = realtime.judge(realtime_config(STANDARD), asked, NOW)
    assert verdict.outcome is Outcome.ACCEPTED


def test_without_typ_realtime_has_no_signer() -> None:
    verdict = joined(None, token(EC, typ=None))
    assert verdict.code == "JwtSignerError"
    assert "typ" in verdict.why


@pytest.mark.parametrize(
    ("version", "status"), [((2, 102, 3), 500), ((2, 129, 8), 500), ((2, 134, 10), None)]
)
def test_a_raw_key_crashed_the_broadcast(version: tuple[int, ...], status: int | None) -> None:
    env = {"API_JWT_SECRET": JWT_SECRET, "SEED_SELF_HOST": "true"}
    config = realtime.read_config(env, version)
    verdict = realtime.judge(config, Request(Kind.REALTIME, ANON, apikey=ANON), NOW)
    assert (verdict.status == 500) is (status == 500)
    assert (verdict.outcome is Outcome.ACCEPTED) is (status is None)


def test_a_broadcast_that_is_refused() -> None:
    asked = request(Kind.REALTIME, token(STRANGER))
    verdict = realtime.judge(realtime_config(STANDARD), asked, NOW)
    assert (verdict.status, verdict.message) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("bearer", "accepted"),
    [
        (ANON, True),
        (token(LEGACY, {}), True),
        (token(EC), False),
        (token(OTHER), False),
        (token(LEGACY, {**CLAIMS, "exp": SECONDS - 1}), False),
        ("", False),
    ],
    ids=["HS256", "no claims at all", "ES256", "another secret", "expired", "empty"],
)
def test_the_tenants_api_and_healthcheck_know_hmac_only(bearer: str, accepted: bool) -> None:
    verdict = realtime.judge_admin(realtime_config(STANDARD), f"Bearer {bearer}", NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is accepted
    if not accepted:
        assert verdict.status == 403


@pytest.mark.parametrize(("issuer", "accepted"), [("right", True), ("wrong", False), (None, True)])
def test_claim_validators(issuer: str | None, accepted: bool) -> None:
    env = {
        "API_JWT_SECRET": JWT_SECRET, "SEED_SELF_HOST": "true",
        "JWT_CLAIM_VALIDATORS": '{"iss":"right"}',
    }  # fmt: skip
    claims = {**CLAIMS} if issuer is None else {**CLAIMS, "iss": issuer}
    asked = Request(Kind.REALTIME, x_api_key=token(LEGACY, claims), websocket=True)
    verdict = realtime.judge(realtime.read_config(env), asked, NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is accepted


def test_without_seeding_the_row_may_be_older() -> None:
    config = realtime.read_config({"API_JWT_SECRET": JWT_SECRET})
    verdict = realtime.judge(config, request(Kind.REALTIME, ANON), NOW)
    assert "SEED_SELF_HOST" in verdict.steps[0].text


# ── Storage ─────────────────────────────────────────────────────────────────────────────────────

URL_KEY = octets("u" * 40, kid="storage-url-1")


def test_reading_an_object_downgrades_an_invalid_token() -> None:
    config = storage_config(STANDARD)
    verdict = storage.judge_object_read(config, request(Kind.STORAGE, token(STRANGER)), NOW)
    assert (verdict.outcome, verdict.role, verdict.status) == (Outcome.DOWNGRADED, "anon", 404)
    genuine = storage.judge_object_read(config, request(Kind.STORAGE, token(EC)), NOW)
    assert (genuine.outcome, genuine.role) == (Outcome.ACCEPTED, "authenticated")
    nothing = storage.judge_object_read(config, Request(Kind.STORAGE), NOW)
    assert nothing.code == "InvalidRequest"


def test_the_status_in_the_body_is_another() -> None:
    verdict = storage.judge(storage_config(STANDARD), request(Kind.STORAGE, token(STRANGER)), NOW)
    assert verdict.status == 400
    assert any('statusCode "403"' in step.text for step in verdict.steps)


def test_a_raw_key_in_authorization_is_a_token_for_storage() -> None:
    verdict = storage.judge(storage_config(STANDARD), Request(Kind.STORAGE, token(LEGACY)), NOW)
    assert verdict.outcome is Outcome.ACCEPTED


def with_url_key(secret: str, *, named: bool) -> storage.Config:
    """Storage with a key for URLs, before or after its secret changed."""
    document: dict[str, object] = {"keys": [public(EC), URL_KEY]}
    if named:
        document["urlSigningKey"] = URL_KEY
    env = {"AUTH_JWT_SECRET": secret, "JWT_JWKS": json.dumps(document)}
    return storage.read_config(env)


def url_token(config: storage.Config) -> str:
    """The token that Storage puts into a signed URL."""
    from tests.profiles.scene import segment

    signer = storage.url_signer(config)
    header = {"alg": "HS256"} | ({"kid": signer.kid} if signer.kid else {})
    unsigned = f"{segment(header)}.{segment({'url': 'a/b', 'exp': SECONDS + 60})}"
    import hmac

    return f"{unsigned}.{segment(hmac.digest(signer.secret or b'', unsigned.encode(), 'sha256'))}"


def test_signed_urls_survive_a_new_secret_only_with_a_key_of_their_own() -> None:
    issued = url_token(with_url_key(JWT_SECRET, named=True))
    kept = storage.judge_signed_url(with_url_key(OTHER_SECRET, named=True), issued, NOW)
    assert kept.outcome is Outcome.ACCEPTED
    issued = url_token(with_url_key(JWT_SECRET, named=False))
    lost = storage.judge_signed_url(with_url_key(OTHER_SECRET, named=False), issued, NOW)
    assert (lost.status, lost.code, lost.message) == (
        400, "InvalidJWT", "signature verification failed",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("service_key", "message"),
    [
        ("", None),
        (token(LEGACY, {"role": "service_role"}), None),
        (token(EC, {"role": "service_role"}), None),
        (token(OTHER, {"role": "service_role"}), "signature verification failed"),
        ("sb_secret_x", "Invalid Compact JWS"),
    ],
    ids=["empty: self-signed", "legacy", "ES256", "of an older secret", "opaque"],
)
def test_s3_verifies_the_service_key_at_each_request(service_key: str, message: str | None) -> None:
    env = {
        "AUTH_JWT_SECRET": JWT_SECRET, "JWT_JWKS": STANDARD.jwks, "SERVICE_KEY": service_key,
    }  # fmt: skip
    verdict = storage.judge_s3(storage.read_config(env), NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is (message is None)
    assert verdict.message == message
    if message is not None:
        assert verdict.status == 403


def test_hs512_for_the_secret_locks_every_hs256_token_out() -> None:
    env = {
        "AUTH_JWT_SECRET": JWT_SECRET, "AUTH_JWT_ALGORITHM": "HS512",
        "JWT_JWKS": json.dumps({"keys": [public(EC)]}),
    }  # fmt: skip
    config = storage.read_config(env)
    legacy = storage.judge(config, request(Kind.STORAGE, token(LEGACY)), NOW)
    assert legacy.message == '"alg" (Algorithm) Header Parameter value not allowed'
    modern = storage.judge(config, request(Kind.STORAGE, token(EC)), NOW)
    assert modern.outcome is Outcome.ACCEPTED


def test_a_key_without_alg_cannot_be_imported() -> None:
    given = keys(ec(alg=None), shared())
    verdict = storage.judge(storage_config(given), request(Kind.STORAGE, token(EC)), NOW)
    assert verdict.message == '"alg" argument is required when "jwk.alg" is not present'


def test_with_several_tenants_the_files_do_not_tell() -> None:
    config = storage.read_config({"MULTI_TENANT": "true"})
    verdict = storage.judge(config, request(Kind.STORAGE, token(EC)), NOW)
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
    from tests.profiles.scene import JUDGES

    evil = generate("ES256", kid="k")
    bearer = token(evil, kid="\x1b[31m" + "e" * 200)
    verdict = JUDGES[service](STANDARD, bearer)
    shown = json.dumps(verdict.as_dict(), ensure_ascii=False)
    assert "\x1b" not in shown
    assert "\\u001b" not in shown
    assert "e" * 60 not in shown

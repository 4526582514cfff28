"""Realtime: sockets and joins, broadcasts, and its own administration."""

from __future__ import annotations

import pytest
from tests.profiles.scene import (
    CLAIMS,
    EC,
    JWT_SECRET,
    LEGACY,
    NOW,
    OTHER,
    SECONDS,
    STANDARD,
    STRANGER,
    realtime_config,
    request,
    token,
    without,
)

from keyturn.deploy.inventory import Kind
from keyturn.profiles import realtime
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome, Verdict

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

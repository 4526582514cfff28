"""Storage: reading objects, signed URLs, S3, and the settings that change how it checks."""

from __future__ import annotations

import hmac
import json

import pytest
from tests.profiles.scene import (
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
    request,
    segment,
    shared,
    storage_config,
    token,
)

from keyturn.deploy.inventory import Kind
from keyturn.profiles import storage
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome

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
    signer = storage.url_signer(config)
    header = {"alg": "HS256"} | ({"kid": signer.kid} if signer.kid else {})
    unsigned = f"{segment(header)}.{segment({'url': 'a/b', 'exp': SECONDS + 60})}"
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

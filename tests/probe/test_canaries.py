"""Canaries: what is made of a deployment's keys, for how long, and what is never made."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventories import inventory

from keyturn.apikeys import legacy, opaque
from keyturn.deploy.inventory import Kind
from keyturn.doctor.canaries import LIFE_SECONDS, NOT_ASKED, canaries
from keyturn.jose.keys import (
    SigningKey,
    generate,
    private_jwk,
    private_pem,
    signing_key_from_secret,
)
from keyturn.profiles.request import CredentialKind as C
from keyturn.secret import Secret
from keyturn.secret_access import reveal

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SHARED = Secret(os.urandom(30).hex())
LEGACY = signing_key_from_secret(SHARED, kid=None)
ANON = reveal(legacy.mint("anon", LEGACY, NOW).secret).decode()
SERVICE = reveal(legacy.mint("service_role", LEGACY, NOW).secret).decode()
PUBLISHABLE = reveal(opaque.mint("publishable", os.urandom(17)).secret).decode()
SECRET_KEY = reveal(opaque.mint("secret", os.urandom(17)).secret).decode()
USER = generate("ES256", kid="in-use")


def array(*keys: tuple[SigningKey, tuple[str, ...]]) -> str:
    members = [reveal(private_jwk(key, key_ops=ops)).decode() for key, ops in keys]
    return f"[{','.join(members)}]"


def env(**more: str) -> dict[str, str]:
    return {
        "ANON_KEY": ANON,
        "SERVICE_ROLE_KEY": SERVICE,
        "SUPABASE_PUBLISHABLE_KEY": PUBLISHABLE,
        "SUPABASE_SECRET_KEY": SECRET_KEY,
        "JWT_SECRET": reveal(SHARED).decode(),
        "JWT_KEYS": array((USER, ("sign", "verify"))),
        **more,
    }


def verified(token: str | None, key: SigningKey, now: datetime = NOW) -> dict[str, object]:
    """Read with PyJWT, which knows nothing of ours."""
    assert token is not None
    secret: object = reveal(SHARED)
    if key.alg != "HS256":
        secret = jwt.PyJWK(key.verifying_key().public_jwk())
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    claims: dict[str, object] = jwt.decode(token, secret, [key.alg], options=options)  # type: ignore[arg-type]
    return claims


def test_a_full_deployment_gives_every_kind_in_the_order_of_the_matrix() -> None:
    made = canaries(inventory(variables=env()), NOW, os.urandom, include_service_role=True)
    assert list(made) == list(C)
    assert not made.missing
    assert all(made[kind].kind is kind for kind in made)


def test_nothing_that_acts_as_service_role_unless_asked() -> None:
    made = canaries(inventory(variables=env()), NOW, os.urandom)
    assert set(C) - set(made) == {C.SERVICE_LEGACY, C.SECRET}
    assert made.missing == {C.SERVICE_LEGACY: NOT_ASKED, C.SECRET: NOT_ASKED}
    sent = {text for one in made.values() for text in (one.apikey, one.bearer)}
    assert sent.isdisjoint({SERVICE, SECRET_KEY})
    for one in made.values():
        if one.bearer:
            claims = jwt.decode(one.bearer, options={"verify_signature": False})
            assert claims["role"] in {"anon", "authenticated"}


def test_user_tokens_are_short_least_and_nobodys() -> None:
    made = canaries(inventory(variables=env()), NOW, os.urandom)
    for kind, key in ((C.USER_ES256, USER), (C.USER_HS256, LEGACY)):
        claims = verified(made[kind].bearer, key)
        assert claims["role"] == claims["aud"] == "authenticated"
        assert claims["iat"] == NOW.timestamp()
        assert claims["exp"] == NOW.timestamp() + LIFE_SECONDS <= NOW.timestamp() + 60
        assert made[kind].apikey == ANON
        assert "session_id" not in claims
    again = canaries(inventory(variables=env()), NOW, os.urandom)
    subs = {
        verified(m[kind].bearer, key)["sub"]
        for m in (made, again)
        for kind, key in ((C.USER_ES256, USER), (C.USER_HS256, LEGACY))
    }
    assert len(subs) == 4


def test_expired_forged_and_unknown_kid_are_what_they_say() -> None:
    made = canaries(inventory(variables=env()), NOW, os.urandom)
    expired = verified(made[C.EXPIRED].bearer, USER)
    assert expired["exp"] == (NOW - timedelta(hours=1)).timestamp()
    forged = made[C.FORGED].bearer
    assert forged is not None
    assert jwt.get_unverified_header(forged) == {"alg": "ES256", "kid": "in-use", "typ": "JWT"}
    with pytest.raises(jwt.InvalidSignatureError):
        verified(forged, USER)
    unknown = made[C.UNKNOWN_KID].bearer
    assert unknown is not None
    assert jwt.get_unverified_header(unknown)["kid"] != "in-use"
    with pytest.raises(jwt.InvalidSignatureError):
        verified(unknown, USER)


def test_a_deployment_that_only_has_a_secret() -> None:
    made = canaries(
        inventory(variables={"JWT_SECRET": reveal(SHARED).decode()}), NOW, os.urandom, True
    )
    assert set(made) == {C.USER_HS256, C.FORGED, C.EXPIRED, C.UNKNOWN_KID}
    assert set(made.missing) == set(C) - set(made)
    assert made[C.USER_HS256].apikey is None
    assert verified(made[C.EXPIRED].bearer, LEGACY)["role"] == "authenticated"
    forged = made[C.FORGED].bearer
    assert forged is not None
    assert jwt.get_unverified_header(forged) == {"alg": "HS256", "typ": "JWT"}
    with pytest.raises(jwt.InvalidSignatureError):
        verified(forged, LEGACY)


def test_an_empty_deployment_still_makes_the_two_that_need_no_key() -> None:
    made = canaries(inventory(), NOW, os.urandom, True)
    assert set(made) == {C.FORGED, C.UNKNOWN_KID}
    assert set(made.missing) == set(C) - set(made)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"keys":[]}', "not an array"),
        ("not json", "not JSON"),
        ("[]", "no private asymmetric key"),
        ('[{"kty":"oct","k":"c2VjcmV0"}]', "no private asymmetric key"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_jwt_keys_that_cannot_be_used_say_why(text: str, reason: str) -> None:
    made = canaries(inventory(variables=env(JWT_KEYS=text)), NOW, os.urandom)
    assert C.USER_ES256 not in made
    assert reason in made.missing[C.USER_ES256]


def test_the_key_that_signs_is_taken_not_the_standby_before_it() -> None:
    standby = generate("ES256", kid="standby")
    text = array((standby, ("verify",)), (USER, ("sign", "verify")))
    made = canaries(inventory(variables=env(JWT_KEYS=text)), NOW, os.urandom)
    assert verified(made[C.USER_ES256].bearer, USER)


def test_a_key_that_only_stands_by_is_better_than_none() -> None:
    text = array((USER, ("verify",)))
    made = canaries(inventory(variables=env(JWT_KEYS=text)), NOW, os.urandom)
    assert verified(made[C.USER_ES256].bearer, USER)


def test_the_form_with_pem_that_guides_show() -> None:
    pem = reveal(private_pem(USER)).decode()
    text = json.dumps([{"alg": "ES256", "key_id": "in-use", "private_key": pem}])
    made = canaries(inventory(variables=env(JWT_KEYS=text)), NOW, os.urandom)
    token = made[C.USER_ES256].bearer
    assert token is not None
    assert verified(token, USER)
    assert jwt.get_unverified_header(token)["kid"] == "in-use"


def test_what_a_service_gets_comes_before_a_variable_that_none_gets() -> None:
    other = reveal(legacy.mint("anon", LEGACY, NOW + timedelta(1)).secret).decode()
    auth = {"GOTRUE_JWT_ISSUER": "https://api.example.com/auth/v1", "GOTRUE_JWT_AUD": "people"}
    held = inventory({Kind.KONG: {"SUPABASE_ANON_KEY": other}, Kind.AUTH: auth}, env())
    made = canaries(held, NOW, os.urandom)
    assert made[C.ANON_LEGACY].apikey == made[C.ANON_LEGACY].bearer == other
    claims = verified(made[C.USER_ES256].bearer, USER)
    assert (claims["iss"], claims["aud"]) == ("https://api.example.com/auth/v1", "people")


def test_an_asymmetric_key_under_the_old_name_is_not_a_legacy_key() -> None:
    made_asymmetric = jwt.encode(
        {"role": "anon"}, reveal(private_pem(USER)).decode(), "ES256", headers={"kid": "in-use"}
    )
    held = inventory({Kind.STUDIO: {"SUPABASE_ANON_KEY": made_asymmetric}})
    made = canaries(held, NOW, os.urandom)
    assert C.ANON_LEGACY not in made


def test_sb_keys_travel_as_apikey_only_and_also_come_from_the_named_ones() -> None:
    named = json.dumps({"default": PUBLISHABLE})
    held = inventory({Kind.FUNCTIONS: {"SUPABASE_PUBLISHABLE_KEYS": named}})
    credential = canaries(held, NOW, os.urandom)[C.PUBLISHABLE]
    assert (credential.apikey, credential.bearer) == (PUBLISHABLE, None)


def test_no_repr_shows_a_secret() -> None:
    made = canaries(inventory(variables=env()), NOW, os.urandom, True)
    shown = repr(made) + repr(list(made.values())) + str(made.missing)
    for text in (ANON, SERVICE, PUBLISHABLE, SECRET_KEY, reveal(SHARED).decode(), "eyJ"):
        assert text not in shown


@given(text=st.one_of(st.text(), st.from_regex(r'\[\{"kty":"(EC|oct)",.*\}\]')))
def test_no_text_crashes_it(text: str) -> None:
    held = inventory(
        {
            Kind.FUNCTIONS: {"SUPABASE_SECRET_KEYS": text, "SUPABASE_ANON_KEY": text},
            Kind.AUTH: {"GOTRUE_JWT_ISSUER": text},
        },
        {"JWT_KEYS": text, "JWT_SECRET": text, "ANON_KEY": text},
    )
    made = canaries(held, NOW, os.urandom, True)
    assert set(made) | set(made.missing) == set(C)

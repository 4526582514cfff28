"""Whatever a stranger sends and whatever stands in the files, there is a verdict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.scene import (
    CLAIMS,
    EC,
    JUDGES,
    JWT_SECRET,
    LEGACY,
    STANDARD,
    Keys,
    at_realtime,
    at_rest_12,
    segment,
    token,
)

from keyturn.deploy.inventory import Kind
from keyturn.profiles import envoy, functions, kong
from keyturn.profiles.functions import script_of
from keyturn.profiles.request import Credential
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome

ALL = {**JUDGES, "rest 12": at_rest_12, "broadcast": at_realtime}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit"]),
    st.sampled_from(["ES256", "HS256", "none", "current", "JWT", "RS256", "EdDSA", "HS512"]) | JSON,
    max_size=4,
)
TIMES = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | JSON
CLAIM_SETS = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "role", "aud"]), TIMES, max_size=5
)
TOKENS = st.text(max_size=80) | st.builds(
    lambda header, claims, end: f"{segment(header)}.{segment(claims)}.{end}",
    HEADERS, CLAIM_SETS, st.sampled_from(["", "AAAA", "*", "A" * 86]),
)  # fmt: skip
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["EC", "oct", "RSA", "OKP", "AKP"]) | JSON,
        "kid": st.sampled_from(["current", ""]) | JSON,
        "alg": st.sampled_from(["ES256", "HS256", "RS256", "EdDSA", "ES384"]) | JSON,
        "crv": st.sampled_from(["P-256", "P-384", "Ed25519"]) | JSON,
        "use": st.sampled_from(["sig", "enc"]) | JSON,
        "key_ops": st.just(["sign", "verify"]) | JSON,
        "k": st.text(max_size=50), "x": st.text(max_size=50), "y": JSON, "n": JSON, "e": JSON,
    },
)  # fmt: skip
SETS = st.builds(
    lambda members, shape: json.dumps(shape(members)),
    st.lists(KEYS | JSON, max_size=4),
    st.sampled_from([lambda m: m, lambda m: {"keys": m}, lambda m: m[0] if m else None]),
)


@pytest.mark.parametrize("service", ALL)
@settings(max_examples=60)
@given(bearer=TOKENS)
def test_no_token_breaks_a_profile(service: str, bearer: str) -> None:
    verdict = ALL[service](STANDARD, bearer)
    assert verdict.outcome is not Outcome.ACCEPTED or verdict.role == "anon"
    assert verdict.why


@pytest.mark.parametrize("service", ALL)
@settings(max_examples=60)
@given(document=SETS)
def test_no_key_setting_breaks_a_profile(service: str, document: str) -> None:
    for bearer in (token(EC), token(LEGACY), token(LEGACY, kid="current")):
        verdict = ALL[service](Keys(document, document), bearer)
        assert verdict.why
        assert JWT_SECRET not in json.dumps(verdict.as_dict())


@settings(max_examples=60)
@given(text=st.text(), apikey=st.none() | st.text(max_size=8), bearer=st.none() | TOKENS)
def test_no_file_breaks_a_gateway(text: str, apikey: str | None, bearer: str | None) -> None:
    credential = Credential(None, apikey, bearer)
    for service in (Kind.REST, Kind.REALTIME, Kind.FUNCTIONS, Kind.STORAGE, Kind.POOLER):
        kong.forward(
            kong.read_config({}, text), credential, service, Trail("gateway"), websocket=True
        )
        envoy.forward(
            envoy.read_config({}, text), credential, service, Trail("gateway"), websocket=True
        )


@given(text=st.text())
def test_no_script_breaks_the_recognition(text: str) -> None:
    assert script_of(text) is None or "jwtVerify" in text
    assert functions.read_config({}, text).failure is None


def test_only_the_keys_of_the_deployment_pass() -> None:
    """The oracle of the property above: a genuine token is what passes."""
    for service, judge in ALL.items():
        assert judge(STANDARD, token(EC, CLAIMS)).outcome is Outcome.ACCEPTED, service

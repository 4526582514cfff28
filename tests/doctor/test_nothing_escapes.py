"""Whatever stands in a key-bearing setting: no crash, no secret, no refusal without a finding."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doctor.case import facts_of
from tests.support.deployments import NOW, Deployment, healthy, new_keys

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.doctor.canaries import canaries
from keyturn.doctor.catalogue import examine
from keyturn.doctor.credentials import read_jwt, read_keys
from keyturn.doctor.finding import Severity
from keyturn.doctor.readiness import readiness
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome
from keyturn.secret import Secret

HELD = (
    (Kind.AUTH, "GOTRUE_JWT_SECRET"),
    (Kind.AUTH, "GOTRUE_JWT_KEYS"),
    (Kind.REST, "PGRST_JWT_SECRET"),
    (Kind.REALTIME, "API_JWT_SECRET"),
    (Kind.REALTIME, "API_JWT_JWKS"),
    (Kind.STORAGE, "AUTH_JWT_SECRET"),
    (Kind.STORAGE, "JWT_JWKS"),
    (Kind.FUNCTIONS, "JWT_SECRET"),
    (Kind.FUNCTIONS, "SUPABASE_JWKS"),
    (Kind.ENVOY, "ANON_KEY_ASYMMETRIC"),
    (Kind.ENVOY, "SERVICE_ROLE_KEY_ASYMMETRIC"),
)
OTHER = new_keys()
VALUES = {
    "unset": None,
    "empty": "",
    "garbage": "garbage-of-sufficient-length-0123456789",
    "truncated": '{"keys":[',
    "null": "null",
    "no keys": '{"keys":[]}',
    "array": "[]",
    "another JWKS": OTHER.jwt_jwks,
    "another array": OTHER.jwt_keys,
    "another token": OTHER.anon_asymmetric,
    "an sb_ key": OTHER.publishable,
}
GOOD = (
    CredentialKind.ANON_LEGACY,
    CredentialKind.PUBLISHABLE,
    CredentialKind.USER_ES256,
    CredentialKind.USER_HS256,
)
FINE = (Outcome.ACCEPTED, Outcome.OPEN)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Return one healthy deployment for all."""
    return healthy(tmp_path_factory.mktemp("healthy"))


@pytest.fixture(scope="module")
def found(made: Deployment) -> Inventory:
    """Return what stands in it."""
    return made.inventory()


@pytest.fixture(scope="module")
def clients(found: Inventory) -> dict[CredentialKind, Credential]:
    """Return what clients of the healthy deployment hold."""
    minted = canaries(found, NOW, os.urandom, include_service_role=True)
    return {kind: minted[kind] for kind in GOOD}


def with_value(found: Inventory, kind: Kind, name: str, value: str | None) -> Inventory:
    """Return the inventory with another value in one setting."""
    service = found.of_kind(kind)
    assert service is not None
    held = service.settings[name]
    changed = replace(held, value=None if value is None else Secret(value))
    service = replace(service, settings={**service.settings, name: changed})
    return replace(found, services={**found.services, service.name: service})


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("kind", "name"), HELD)
def test_no_client_is_refused_without_a_finding(
    kind: Kind,
    name: str,
    value: str,
    found: Inventory,
    clients: dict[CredentialKind, Credential],
) -> None:
    changed = with_value(found, kind, name, VALUES[value])
    refused = [
        (service.value, credential.value)
        for service in VERIFIERS
        for credential, held in clients.items()
        if follow(changed, held, service, now=NOW).outcome not in FINE
    ]
    serious = [one for one in examine(facts_of(changed)) if one.severity is not Severity.NOTICE]
    assert serious or not refused, refused


MEMBER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEY = st.dictionaries(
    st.sampled_from(["kty", "kid", "k", "x", "y", "d", "alg", "use", "key_ops", "crv", "n", "e"]),
    MEMBER | st.sampled_from(["EC", "oct", "RSA", "OKP", "P-256", "ES256", "AAAA", "sign"]),
)
KEY_TEXT = st.one_of(
    st.text(max_size=60),
    st.lists(KEY | MEMBER, max_size=3).map(json.dumps),
    st.fixed_dictionaries({"keys": st.lists(KEY | MEMBER, max_size=3) | MEMBER}).map(json.dumps),
    st.lists(MEMBER.map(json.dumps), min_size=3, max_size=3).map(".".join),
    st.just("[" * 5000),
    st.just("9" * 5000),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(HELD), KEY_TEXT)
def test_nothing_raises_whatever_stands_there(
    made: Deployment, found: Inventory, held: tuple[Kind, str], value: str
) -> None:
    facts = facts_of(with_value(found, *held, value.replace("\x00", "")))
    shown = str([one.as_dict() for one in examine(facts)]) + str(readiness(facts).as_dict())
    assert made.keys.jwt_secret not in shown
    assert made.keys.ec.jwk(private=True)["d"] not in shown


@settings(max_examples=300, deadline=None)
@given(KEY_TEXT)
def test_the_lenient_readers_never_raise(value: str) -> None:
    document = read_keys(value)
    assert (document.signing is None) or document.signing in document.keys
    for key in document.keys:
        assert (key.public is None) or key.is_asymmetric
        assert isinstance(key.label, str)
        assert key.secret is None or key.is_symmetric
        assert isinstance(key.misspelt + key.wrong_lengths, tuple)
    token = read_jwt(value)
    assert token is None or token.signed_with(b"secret") in (True, False)

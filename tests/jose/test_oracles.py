"""Two independent implementations read what we write and write what we read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from keyturn.jose import jwt
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import (
    SigningKey,
    generate,
    private_jwk,
    signing_key_from_jwk,
    thumbprint,
    verifying_key_from_jwk,
)
from keyturn.secret_access import reveal

# Keyturn writes "EdDSA", which Supabase's services know; RFC 9864 prefers "Ed25519".
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")

KEYS = {name: generate(name, kid=f"kid-{name}") for name in ALGORITHMS}
ASYMMETRIC = sorted(name for name, row in ALGORITHMS.items() if not row.symmetric)
THEIR_KIND: Mapping[str, Callable[[dict[str, object]], Key]] = {
    "ES256": lambda jwk: ECKey.import_key(texts(jwk)),
    "RS256": lambda jwk: RSAKey.import_key(texts(jwk)),
    "EdDSA": lambda jwk: OKPKey.import_key(texts(jwk)),
    "HS256": lambda jwk: OctKey.import_key(texts(jwk)),
}
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
CLAIMS = st.dictionaries(
    WORDS.filter(lambda name: name not in {"exp", "nbf", "iat", "iss", "aud", "sub", "jti"}),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    ),
    max_size=5,
)
ALGS = st.sampled_from(sorted(ALGORITHMS))


class Accepting:
    """Every algorithm, tokens of the usual size."""

    algorithms = frozenset(ALGORITHMS)
    max_token_bytes = 16_384


def texts(jwk: dict[str, object]) -> dict[str, str | list[str]]:
    """The members whose values are text, as joserfc types them."""
    return {name: member for name, member in jwk.items() if isinstance(member, str)}


def private(key: SigningKey) -> dict[str, object]:
    """The private JWK of ``key``."""
    document: dict[str, object] = json.loads(reveal(private_jwk(key)))
    return document


THEIRS = {name: THEIR_KIND[name](private(key)) for name, key in KEYS.items()}
PYJWT = {name: pyjwt.PyJWK(private(key)) for name, key in KEYS.items()}


@given(CLAIMS, ALGS)
def test_joserfc_reads_what_we_write(claims: dict[str, object], alg: str) -> None:
    read = joserfc_jwt.decode(jwt.encode(claims, KEYS[alg]), THEIRS[alg], algorithms=[alg])
    assert read.claims == claims
    assert read.header == {"alg": alg, "kid": f"kid-{alg}", "typ": "JWT"}


@given(CLAIMS, ALGS)
def test_we_read_what_joserfc_writes(claims: dict[str, object], alg: str) -> None:
    header = {"alg": alg, "kid": f"kid-{alg}"}
    token = joserfc_jwt.encode(header, claims, THEIRS[alg], algorithms=[alg])
    keys = KeySet([KEYS[alg].verifying_key()])
    assert jwt.decode(token, keys, Accepting()).claims == claims


@given(CLAIMS, ALGS)
def test_pyjwt_reads_what_we_write(claims: dict[str, object], alg: str) -> None:
    token = jwt.encode(claims, KEYS[alg])
    assert pyjwt.decode(token, public_for_pyjwt(alg), algorithms=[alg]) == claims


@given(CLAIMS, ALGS)
def test_we_read_what_pyjwt_writes(claims: dict[str, object], alg: str) -> None:
    token = pyjwt.encode(claims, PYJWT[alg].key, alg, headers={"kid": f"kid-{alg}"})
    keys = KeySet([KEYS[alg].verifying_key()])
    assert jwt.decode(token, keys, Accepting()).claims == claims


def public_for_pyjwt(alg: str) -> pyjwt.PyJWK:
    """The verifying half, or the shared secret."""
    if ALGORITHMS[alg].symmetric:
        return PYJWT[alg]
    return pyjwt.PyJWK(KEYS[alg].verifying_key().public_jwk())


@given(
    ALGS,
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from("AQgw-_9z.=+/ \n\x00é")),
        min_size=1,
        max_size=3,
    ),
)
def test_a_damaged_token_that_we_accept_joserfc_accepts_with_the_same_claims(
    alg: str, damage: list[tuple[int, str]]
) -> None:
    """We are never the more lenient one; and a change that we accept is no change of meaning."""
    token = jwt.encode({"sub": "somebody", "role": "anon", "n": [1, 2, 3]}, KEYS[alg])
    letters = list(token)
    for place, letter in damage:
        letters[place % len(letters)] = letter
    changed = "".join(letters)
    try:
        ours = jwt.decode(changed, KeySet([KEYS[alg].verifying_key()]), Accepting())
    except TokenRejected:
        return
    theirs = joserfc_jwt.decode(changed, THEIRS[alg], algorithms=[alg])
    assert changed == token
    assert theirs.claims == ours.claims


def test_joserfc_makes_keys_that_we_read() -> None:
    made: dict[str, Key] = {
        "ES256": ECKey.generate_key("P-256"),
        "RS256": RSAKey.generate_key(2048),
        "EdDSA": OKPKey.generate_key("Ed25519"),
        "HS256": OctKey.generate_key(256),
    }
    for alg, key in made.items():
        jwk: dict[str, object] = dict(key.as_dict(private=True))
        ours = signing_key_from_jwk(jwk, kid="k")
        assert ours.alg == alg
        assert private(ours).items() >= {n: jwk[n] for n in jwk if n in "xydnepqk"}.items()


def test_thumbprints_are_joserfc_s() -> None:
    for alg in ASYMMETRIC:
        assert thumbprint(KEYS[alg].verifying_key()) == THEIRS[alg].thumbprint()


def test_public_jwks_are_read_by_both() -> None:
    for alg in ASYMMETRIC:
        public = KEYS[alg].verifying_key().public_jwk()
        assert pyjwt.PyJWK(public).key_id == f"kid-{alg}"
        assert not THEIR_KIND[alg](public).is_private
        assert verifying_key_from_jwk(public) == KEYS[alg].verifying_key()

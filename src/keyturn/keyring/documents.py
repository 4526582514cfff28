"""The ring as documents: one rendering per reader, each a nested value of plain JSON.

Secrets inside stay closed: a :class:`Secret` leaf stands for text, a :class:`JsonLeaf` for an
object whose JSON text is secret. Only the hand-over (``cli/handover.py``, wiring) opens them.
Shapes are those of supabase/supabase ``utils/add-new-auth-keys.sh`` (2026) and of the source
article where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    base64_pem,
    private_jwk,
    private_pem,
    public_pem,
    signing_key_from_secret,
)
from keyturn.jose.octets import SharedSecret
from keyturn.keyring.errors import BrokenRing
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret


@dataclass(frozen=True)
class JsonLeaf:
    """A JSON object whose text is secret."""

    text: Secret


def verifier_jwks(ring: KeyRing) -> dict[str, object]:
    """The set for a verifier of this stack: public keys, and shared secrets as ``oct``.

    The legacy secret has no ``kid``, because the tokens that it signed have none.
    """
    return {"keys": [_verify_only(key) for key in ring.verifying]}


def gotrue_keys(ring: KeyRing) -> list[object]:
    """``GOTRUE_JWT_KEYS``: an array in which exactly one key, the one in use, may ``sign``.

    A standby brings its private half but only verifies there, until its ``key_ops`` are changed.
    """
    in_use = JsonLeaf(private_jwk(ring.signing_key))
    standby = [JsonLeaf(private_jwk(_signer(key), key_ops=("verify",))) for key in ring.standby]
    former = ring.in_state(KeyState.PREVIOUSLY_USED)
    return [in_use, *standby, *(_verify_only(key.key) for key in former if key.key is not None)]


def article_keys(ring: KeyRing) -> list[object]:
    """The article's ``JWT_KEYS``: ``alg``, ``key_id`` and private PEM of the asymmetric keys.

    The key in use comes first. No official service reads this form; GoTrue needs the other one.
    """
    signers = [key for key in (ring.in_use, *ring.standby) if not key.symmetric]
    return [
        {"alg": key.alg, "key_id": key.kid, "private_key": private_pem(_signer(key))}
        for key in signers
    ]


def shared_secret_key(key: VerifyingKey) -> SigningKey:
    """Return the signing view of a shared secret; raises ``InvalidKey`` for other keys."""
    if not isinstance(key.material, SharedSecret):
        raise InvalidKey("only a shared secret can be exported from its verifying half")
    return signing_key_from_secret(key.material.secret, kid=key.kid, allow_short=True)


def _verify_only(key: VerifyingKey) -> object:
    if key.is_symmetric:
        return JsonLeaf(private_jwk(shared_secret_key(key), key_ops=("verify",)))
    return key.public_jwk()


def _signer(key: RingKey) -> SigningKey:
    if key.signer is None:
        raise BrokenRing(
            f"the private half of key {key.kid} is gone: the key is {key.state.value}",
            hint="Private halves are destroyed when a key stops signing.",
        )
    return key.signer


def _public(key: RingKey) -> VerifyingKey:
    if key.key is None:
        raise BrokenRing(f"nothing is left of key {key.kid}: its secret was destroyed")
    return key.key


@dataclass(frozen=True)
class RingForm:
    """A document of the whole ring."""

    render: Callable[[KeyRing], object]
    private: bool
    meaning: str


@dataclass(frozen=True)
class KeyForm:
    """A document of one key."""

    render: Callable[[RingKey], object]
    private: bool
    meaning: str


RING_FORMS: Final[Mapping[str, RingForm]] = {
    "public-jwks": RingForm(KeyRing.public_jwks, False, "public JWKS, as published"),
    "verifier-jwks": RingForm(
        verifier_jwks, True, "JWKS with shared secrets: PGRST_JWT_SECRET, JWT_JWKS, API_JWT_JWKS"
    ),
    "gotrue-jwt-keys": RingForm(gotrue_keys, True, "array of private JWKs: GOTRUE_JWT_KEYS"),
    "article-jwt-keys": RingForm(article_keys, True, "array of alg, key_id, private PEM: JWT_KEYS"),
}

KEY_FORMS: Final[Mapping[str, KeyForm]] = {
    "public-jwk": KeyForm(lambda key: _public(key).public_jwk(), False, "public JWK"),
    "public-pem": KeyForm(lambda key: public_pem(_public(key)), False, "SubjectPublicKeyInfo PEM"),
    "private-jwk": KeyForm(lambda key: JsonLeaf(private_jwk(_signer(key))), True, "private JWK"),
    "private-pem": KeyForm(lambda key: private_pem(_signer(key)), True, "PKCS#8 PEM"),
    "private-pem-base64": KeyForm(
        lambda key: base64_pem(private_pem(_signer(key))), True, "base64 of the PEM, for env files"
    ),
}

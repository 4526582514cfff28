"""Keys for other hands: the same key as every document that somebody's stack may want.

Unlike :mod:`keyturn.keyring.documents` these need no ring: a key from a file, or a fresh one, and
a ``JWT_SECRET`` to go on with. Secrets inside stay closed until the hand-over opens them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from keyturn.jose.errors import InvalidKey
from keyturn.jose.forms import HeldKey
from keyturn.jose.jwks import public_jwks
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    base64_pem,
    private_jwk,
    private_pem,
    public_pem,
)
from keyturn.keyring.documents import JsonLeaf, shared_secret_key
from keyturn.secret import Secret

Keys = Sequence[HeldKey]


@dataclass(frozen=True)
class Document:
    """One form: how it is made, whether it holds secrets, what it is for."""

    render: Callable[[Keys], object]
    private: bool
    meaning: str


def _one(keys: Keys) -> HeldKey:
    if len(keys) != 1:
        raise InvalidKey(
            f"this form holds one key, and there are {len(keys)}",
            hint="Give the one you mean: --kid KID.",
        )
    return keys[0]


def _signer(held: HeldKey) -> SigningKey:
    if not isinstance(held.key, SigningKey):
        raise InvalidKey(
            f"the key {held.key.kid or 'given'} is public: its private half is not here"
        )
    return held.key


def _public(held: HeldKey) -> VerifyingKey:
    if held.verifying.is_symmetric:
        raise InvalidKey(
            "an HS256 secret has no public half: whoever can verify with it can sign",
            hint="Choose a private form, with --private.",
        )
    return held.verifying


def _verify_only(key: VerifyingKey) -> object:
    if key.is_symmetric:
        return JsonLeaf(private_jwk(shared_secret_key(key), key_ops=("verify",)))
    return key.public_jwk()


def gotrue_array(keys: Keys) -> list[object]:
    """``GOTRUE_JWT_KEYS``: exactly one key may sign; raises ``InvalidKey`` otherwise.

    Auth exits with "no signing key detected" or "multiple signing keys detected" (2.196).
    """
    signers = [held for held in keys if held.signs and isinstance(held.key, SigningKey)]
    asymmetric = [held for held in signers if not held.verifying.is_symmetric]
    chosen = asymmetric or signers
    if len(chosen) != 1:
        raise InvalidKey(
            f"{len(chosen)} keys could sign, and Auth wants exactly one",
            hint='Leave "sign" in the key_ops of the one that signs.',
        )
    others = [held for held in keys if held is not chosen[0]]
    return [JsonLeaf(private_jwk(_signer(chosen[0]))), *(_other(held) for held in others)]


def _other(held: HeldKey) -> object:
    """A standby keeps its private half; a public or shared key only verifies."""
    if isinstance(held.key, SigningKey) and not held.verifying.is_symmetric:
        return JsonLeaf(private_jwk(held.key, key_ops=("verify",)))
    return _verify_only(held.verifying)


def article_array(keys: Keys) -> list[object]:
    """The article's ``JWT_KEYS``; no official service reads it."""
    signers = [held for held in keys if not held.verifying.is_symmetric]
    return [
        {"alg": held.key.alg, "key_id": held.key.kid, "private_key": private_pem(_signer(held))}
        for held in signers
    ]


def verifier_set(keys: Keys) -> dict[str, object]:
    """A JWKS with shared secrets: ``PGRST_JWT_SECRET``, ``JWT_JWKS``, ``API_JWT_JWKS``."""
    return {"keys": [_verify_only(held.verifying) for held in keys]}


def public_set(keys: Keys) -> dict[str, object]:
    """A JWKS without secrets: shared secrets are left out, private halves too."""
    found = public_jwks(held.verifying for held in keys)
    if not found["keys"]:
        _public(_one(keys))
    return found


def openssl_pem(held: HeldKey) -> Secret:
    """Private PEM as ``openssl ecparam -genkey -noout`` writes it (SEC1); PKCS#8 for the rest."""
    return private_pem(_signer(held), "sec1" if held.key.alg == "ES256" else "pkcs8")


def _base64_public(held: HeldKey) -> Secret:
    return base64_pem(Secret(public_pem(_public(held))))


def env_lines(keys: Keys) -> list[tuple[str, object]]:
    """``JWT_KEYS`` and ``JWT_JWKS`` as ``utils/add-new-auth-keys.sh`` names and shapes them."""
    return [("JWT_KEYS", gotrue_array(keys)), ("JWT_JWKS", verifier_set(keys))]


def article_lines(keys: Keys) -> list[tuple[str, object]]:
    """The same two in the article's shape."""
    return [("JWT_KEYS", article_array(keys)), ("JWT_JWKS", verifier_set(keys))]


DOCUMENTS: Final[Mapping[str, Document]] = {
    "public-jwk": Document(lambda k: _public(_one(k)).public_jwk(), False, "public JWK"),
    "public-jwks": Document(public_set, False, "public JWKS, as published"),
    "public-pem": Document(lambda k: public_pem(_public(_one(k))), False, "SPKI PEM"),
    "public-pem-base64": Document(lambda k: _base64_public(_one(k)), False, "base64 of that"),
    "private-jwk": Document(lambda k: JsonLeaf(private_jwk(_signer(_one(k)))), True, "private JWK"),
    "private-pem": Document(lambda k: private_pem(_signer(_one(k))), True, "PKCS#8 PEM"),
    "private-pem-openssl": Document(
        lambda k: openssl_pem(_one(k)), True, "PEM as `openssl ecparam -genkey` writes it (SEC1)"
    ),
    "private-pem-base64": Document(
        lambda k: base64_pem(openssl_pem(_one(k))), True, "base64 of that, for env files"
    ),
    "verifier-jwks": Document(
        verifier_set, True, "JWKS with shared secrets: JWT_JWKS, API_JWT_JWKS, PGRST_JWT_SECRET"
    ),
    "gotrue-jwt-keys": Document(gotrue_array, True, "array of private JWKs: GOTRUE_JWT_KEYS"),
    "article-jwt-keys": Document(
        article_array, True, "array of alg, key_id, private PEM: the article's JWT_KEYS"
    ),
}
"""What ``keyturn convert --to`` can make."""

BUNDLE: Final[Mapping[str, Document]] = {
    "private.pem": Document(lambda k: openssl_pem(k[0]), True, "what the OpenSSL steps give"),
    "public.pem": Document(lambda k: public_pem(_public(k[0])), False, "its public half"),
    "private.b64": Document(lambda k: base64_pem(openssl_pem(k[0])), True, "one line of base64"),
    "public.b64": Document(lambda k: _base64_public(k[0]), False, "one line of base64"),
    "private.jwk.json": Document(
        lambda k: JsonLeaf(private_jwk(_signer(k[0]))), True, "private JWK"
    ),
    "public.jwk.json": Document(lambda k: _public(k[0]).public_jwk(), False, "public JWK"),
    "jwks.json": Document(public_set, False, "public JWKS"),
}
"""The files of ``keyturn keys generate --out DIR`` that hold one document; the first key is new."""

ENV_FILES: Final[Mapping[str, Callable[[Keys], list[tuple[str, object]]]]] = {
    "official.env": env_lines,
    "article.env": article_lines,
}
"""The files that hold lines for a ``.env``."""

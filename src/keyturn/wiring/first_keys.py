"""Reads the keys of an existing deployment, so that the first start imports what it runs on.

Accepts GoTrue's array of JWKs (``key_ops`` says which one signs; gotrue.md §1.2) and the source
article's array of ``alg``, ``key_id`` and private PEM (its first one signs). Messages name the
position of an element, never its content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from keyturn.flows.keys_start import FirstKeys, named_by_thumbprint
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk_members import octets
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    signing_key_from_jwk,
    signing_key_from_pem,
    signing_key_from_secret,
    verifying_key_from_jwk,
)
from keyturn.jose.octets import SharedSecret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

VARIABLE: Final = "GOTRUE_JWT_KEYS"

Key = SigningKey | VerifyingKey


def first_keys(jwt_keys: Secret | None, jwt_secret: Secret | None) -> FirstKeys | None:
    """Return what ``GOTRUE_JWT_KEYS`` and ``GOTRUE_JWT_SECRET`` bring; None when both are empty.

    Raises ``InvalidKey`` where GoTrue would refuse to start: no key or two keys that sign.
    """
    read = [_element(jwk, position) for position, jwk in enumerate(_elements(jwt_keys))]
    if not read:
        return FirstKeys(legacy_secret=jwt_secret) if jwt_secret else None
    signing = [key for key, signs in read if signs]
    if len(signing) != 1:
        raise InvalidKey(
            f"{VARIABLE} has {len(signing)} keys that sign; exactly one must",
            hint='Put "sign" into the key_ops of that one and only ["verify"] into the others.',
        )
    legacy = [key for key, _ in read if _is_legacy(key)]
    # GoTrue verifies HS256 tokens without kid with JWT_SECRET, whatever the array says.
    secret = jwt_secret or (_secret_of(legacy[0]) if legacy else None)
    signer = signing[0]
    return FirstKeys(
        signer if isinstance(signer, SigningKey) and not _is_legacy(signer) else None,
        tuple(_half(key) for key, signs in read if not signs and not _is_legacy(key)),
        secret,
    )


def _elements(jwt_keys: Secret | None) -> list[dict[str, object]]:
    text = reveal(jwt_keys).strip() if jwt_keys is not None else b""
    if not text:
        return []
    try:
        parsed = json.loads(text)
    except ValueError:
        raise InvalidKey(f"{VARIABLE} is not JSON") from None
    if not isinstance(parsed, list) or not all(isinstance(element, dict) for element in parsed):
        raise InvalidKey(
            f"{VARIABLE} is not an array of keys",
            hint='GoTrue wants [{"kty": …}, …], not {"keys": […]}.',
        )
    return parsed


def _element(element: Mapping[str, object], position: int) -> tuple[Key, bool]:
    """Return the key and whether it signs."""
    try:
        if "private_key" in element:
            return _from_article(element), position == 0
        return _from_jwk(element), _may_sign(element)
    except InvalidKey as error:
        raise InvalidKey(f"key {position} of {VARIABLE}: {error.message}") from None


def _from_article(element: Mapping[str, object]) -> SigningKey:
    pem, alg, kid = (element.get(name) for name in ("private_key", "alg", "key_id"))
    if not isinstance(pem, str):
        raise InvalidKey('"private_key" is not text')
    key = signing_key_from_pem(
        pem.encode(),
        alg if isinstance(alg, str) else None,
        kid=kid if isinstance(kid, str) and kid else None,
    )
    return key if key.kid else named_by_thumbprint(key)


def _from_jwk(element: Mapping[str, object]) -> Key:
    kid = element.get("kid")
    if element.get("kty") == "oct":
        secret = Secret(octets(element, "k"))
        named = kid if isinstance(kid, str) and kid else None
        return signing_key_from_secret(secret, kid=named, allow_short=True)
    if "d" in element:
        return signing_key_from_jwk(element)
    return verifying_key_from_jwk(element)


def _may_sign(element: Mapping[str, object]) -> bool:
    operations = element.get("key_ops")
    return isinstance(operations, list) and "sign" in operations


def _is_legacy(key: Key) -> bool:
    return key.kid is None and isinstance(key.material, SharedSecret)


def _secret_of(key: Key) -> Secret | None:
    return key.material.secret if isinstance(key.material, SharedSecret) else None


def _half(key: Key) -> VerifyingKey:
    return key.verifying_key() if isinstance(key, SigningKey) else key

"""Keys as JWK (RFC 7517) and their thumbprints (RFC 7638)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from keyturn.jose import base64url, strict_json
from keyturn.jose.algs import ALGORITHMS, algorithm_of_jwk
from keyturn.jose.errors import InvalidKey, shown
from keyturn.jose.key import SigningKey, VerifyingKey
from keyturn.secret import Secret

PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_SIGN, _VERIFY = "sign", "verify"


def signing_key_from_jwk(jwk: Mapping[str, object], *, kid: str | None = None) -> SigningKey:
    """Read a private JWK; ``kid`` replaces the one inside. Raises :class:`InvalidKey`.

    ``key_ops`` may be ``["verify"]``: in GoTrue's array that marks a private key as not the
    current signer, and here the ring's state says so instead.
    """
    row = algorithm_of_jwk(jwk)
    _check_purpose(jwk, {_SIGN, _VERIFY})
    return SigningKey(row.name, kid or _kid_of(jwk), row.private_from_jwk(jwk))


def verifying_key_from_jwk(jwk: Mapping[str, object], *, kid: str | None = None) -> VerifyingKey:
    """Read a public JWK, or an ``oct`` one; ``kid`` replaces the one inside.

    Raises :class:`InvalidKey`, also when private members are present: whoever sent them has
    published a private key, and using its public half would hide that.
    """
    row = algorithm_of_jwk(jwk)
    leaked = sorted(PRIVATE_MEMBERS & jwk.keys())
    if leaked:
        raise InvalidKey(
            f"a public JWK has the private members {', '.join(leaked)}",
            hint="whoever could read this document can sign tokens; replace that key now",
        )
    _check_purpose(jwk, {_VERIFY})
    return VerifyingKey(row.name, kid or _kid_of(jwk), row.public_from_jwk(jwk))


def private_jwk(key: SigningKey, *, key_ops: tuple[str, ...] = (_SIGN, _VERIFY)) -> Secret:
    """Return the private JWK as JSON text, with the members that GoTrue writes and reads.

    GoTrue signs with the one key whose ``key_ops`` holds "sign"; give ``("verify",)`` for others.
    """
    head: dict[str, object] = {"kty": ALGORITHMS[key.alg].kty}
    if key.kid is not None:
        head["kid"] = key.kid
    head |= {"use": "sig", "key_ops": list(key_ops), "alg": key.alg, "ext": True}
    return Secret(strict_json.dumps({**head, **key.material.members()}))


def thumbprint(key: VerifyingKey) -> str:
    """Return the RFC 7638 SHA-256 thumbprint; raises :class:`InvalidKey` for HS256.

    A thumbprint of a shared secret would let anybody test guesses of it (RFC 7638 §7).
    """
    if key.is_symmetric:
        raise InvalidKey("an HS256 key has no thumbprint that may be shown")
    required = key.material.members()
    required["kty"] = ALGORITHMS[key.alg].kty
    canonical = strict_json.dumps(dict(sorted(required.items())))
    return base64url.encode(sha256(canonical).digest()).decode("ascii")


def _kid_of(jwk: Mapping[str, object]) -> str | None:
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise InvalidKey(f'the JWK has {shown(kid)} as "kid", expected text')
    return kid


def _check_purpose(jwk: Mapping[str, object], wanted: set[str]) -> None:
    """Refuse keys that say they are for something else (RFC 7517 §4.2, §4.3)."""
    use = jwk.get("use", "sig")
    if use != "sig":
        raise InvalidKey(f'the JWK has "use" {shown(use)}, expected "sig"')
    operations = jwk.get("key_ops")
    if operations is None and "key_ops" not in jwk:
        return
    if not isinstance(operations, list) or not all(isinstance(op, str) for op in operations):
        raise InvalidKey('the JWK member "key_ops" is not a list of texts')
    if len(set(operations)) != len(operations):
        raise InvalidKey('the JWK member "key_ops" names an operation twice')
    if not {_SIGN, _VERIFY}.issuperset(operations):
        raise InvalidKey('the JWK member "key_ops" allows more than "sign" and "verify"')
    if not wanted & set(operations):
        raise InvalidKey(f'the JWK member "key_ops" does not allow {" or ".join(sorted(wanted))}')

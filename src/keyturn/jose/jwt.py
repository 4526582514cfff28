"""JSON Web Tokens: claims signed by a key, and back (RFC 7519)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import msgspec

from keyturn.jose import base64url, jws, strict_json
from keyturn.jose.errors import JoseError
from keyturn.jose.jwks import KeySet
from keyturn.jose.key import SigningKey

MAX_TOKEN_BYTES = 16_384
NUMERIC_DATES = ("exp", "nbf", "iat")


class UnsignableClaims(JoseError):
    """The claims cannot be signed: they are not what a token may carry."""

    code = "unsignable_claims"


class Decoded(NamedTuple):
    """The header and claims of a token whose signature holds; the claims are not judged yet."""

    header: dict[str, object]
    claims: dict[str, object]


class Peeked(NamedTuple):
    """The header and claims of a token that nobody has verified: for display only."""

    header: dict[str, object]
    claims: dict[str, object]


def encode(claims: Mapping[str, object], key: SigningKey) -> str:
    """Return the compact JWT of ``claims``, members in their order, header alg, kid, typ.

    A key without a ``kid`` writes none. Raises :class:`UnsignableClaims` for values that JSON
    cannot carry and for times that are not finite numbers.
    """
    _check_times(claims)
    try:
        payload = strict_json.dumps(claims)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as broken:
        raise UnsignableClaims(f"the claims are not JSON: {type(broken).__name__}") from None
    signing_input = _header_segment(key.alg, key.kid) + base64url.encode(payload)
    signature = base64url.encode(key.sign(signing_input))
    return (signing_input + b"." + signature).decode("ascii")


def decode(token: str, keys: KeySet, acceptance: jws.Acceptance) -> Decoded:
    """Return header and claims once the signature holds; raises :class:`TokenRejected`.

    This says who signed, not whether to accept: :func:`keyturn.verify.token.verify` judges the
    claims as well and is what callers want.
    """
    verified = jws.verify(token, keys, acceptance)
    return Decoded(dict(verified.header), jws.read_json(verified.payload, "payload"))


def peek(token: str, *, max_bytes: int = MAX_TOKEN_BYTES) -> Peeked:
    """Return header and claims WITHOUT verifying anything; raises :class:`Malformed`."""
    compact = jws.split(token, max_bytes)
    return Peeked(
        jws.read_object(compact.header, "header"), jws.read_object(compact.payload, "payload")
    )


@lru_cache(maxsize=256)
def _header_segment(alg: str, kid: str | None) -> bytes:
    """Return the encoded header with its dot; GoTrue's order is alphabetical."""
    named = {} if kid is None else {"kid": kid}
    return base64url.encode(strict_json.dumps({"alg": alg, **named, "typ": "JWT"})) + b"."


def _check_times(claims: Mapping[str, object]) -> None:
    for name in NUMERIC_DATES:
        value = claims.get(name, 0)
        if type(value) is int or (type(value) is float and isfinite(value)):
            continue
        raise UnsignableClaims(f'the claim "{name}" is not a finite number of seconds')

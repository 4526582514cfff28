"""The checks of ``jose`` for JavaScript (panva/jose 4–6), which Storage and Edge Functions share.

Order and texts are those of ``jwtVerify``: shape, header, algorithm, key, signature, claims. The
service decides which key; what is refused here is refused in the library's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from keyturn.clock import unix
from keyturn.errors import KeyturnError
from keyturn.jose.errors import shown
from keyturn.profiles.key import CURVE_ALGORITHMS, EDWARDS_ALGORITHMS, HMAC_ALGORITHMS, Key
from keyturn.profiles.token import Token, plain, read

ALGORITHMS = frozenset(
    {*HMAC_ALGORITHMS, *CURVE_ALGORITHMS.values(), *EDWARDS_ALGORITHMS}
    | {f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512)}
)
NOT_ALLOWED = '"alg" (Algorithm) Header Parameter value not allowed'
BAD_SIGNATURE = "signature verification failed"
NO_MATCH = "no applicable key found in the JSON Web Key Set"
SEVERAL_MATCH = "multiple matching keys found in the JSON Web Key Set"
PRIVATE_MEMBER = "JSON Web Key Set members must be public keys"
BAD_HEADER = "Invalid Token or Protected Header formatting"


class Refused(KeyturnError):
    """The library throws."""

    code = "refused"

    def __init__(self, said: str, why: str) -> None:
        """``said`` is the library's message; ``why`` a sentence for people."""
        super().__init__(why)
        self.said = said


def bytes_for_asymmetric(alg: str, why: str) -> Refused:
    """The library is given the bytes of a secret for an asymmetric algorithm."""
    return Refused(
        f"Key for the {plain(alg)} algorithm must be one of type CryptoKey, KeyObject, or JSON Web "
        "Key. Received an instance of Uint8Array",
        f"{why}, which {shown(alg)} cannot use",
    )


def verify(
    text: str,
    choose: Callable[[Token], Key],
    *,
    now: datetime,
    algorithms: Iterable[str] | None = None,
) -> Mapping[str, object]:
    """Return the verified claims of ``text``; raises :class:`Refused`.

    ``choose`` returns the key or raises; ``algorithms`` None means every one the library knows.
    """
    token = readable(text)
    alg = _algorithm(token, algorithms)
    key = choose(token)
    if key.secret == b"":
        raise Refused("Zero-length key is not supported", "the secret is empty")
    if not key.verify(alg, token.signing_input, token.signature):
        raise Refused(BAD_SIGNATURE, f"the signature is not that of {key}")
    return _checked(token.claims, now)


def readable(text: str) -> Token:
    """Return the parts of ``text``; raises :class:`Refused` when the library cannot read it."""
    token = read(text)
    if token is None:
        count = text.count(".") + 1
        noun = "part" if count == 1 else "parts"
        raise Refused("Invalid Compact JWS", f"it has {count} {noun} instead of three")
    if token.header is None:
        raise Refused("JWS Protected Header is invalid", "its header is no JSON")
    return token


def local_set(keys: tuple[Key, ...], name: str) -> Callable[[Token], Key]:
    """Return the choice of ``createLocalJWKSet``: exactly one key of the set ``name`` must fit."""

    def choose(token: Token) -> Key:
        fitting = [key for key in keys if _fits(key, token)]
        if not fitting:
            raise Refused(NO_MATCH, f"{name} has no key for {token}")
        if len(fitting) > 1:
            raise Refused(
                SEVERAL_MATCH, f"{name} has {len(fitting)} keys for {token}, and one is allowed"
            )
        (key,) = fitting
        if key.private:
            raise Refused(PRIVATE_MEMBER, f"{key} of {name} carries its private half")
        if key.problem is not None:
            raise Refused("Invalid keyData", f"{key} of {name} cannot be imported: {key.problem}")
        return key

    return choose


def _fits(key: Key, token: Token) -> bool:
    alg = token.alg or ""
    kid_wanted = "kid" in (token.header or {})
    return (
        not key.symmetric
        and (key.alg is None or key.alg == alg)
        and _type_of(alg) == (key.kty, key.crv if key.kty in ("EC", "OKP") else None)
        and (not kid_wanted or (key.kid is not None and key.kid == token.kid))
        and key.use in (None, "sig")
        and (key.key_ops is None or "verify" in key.key_ops)
    )


def _type_of(alg: str) -> tuple[str, str | None]:
    for curve, name in CURVE_ALGORITHMS.items():
        if name == alg:
            return "EC", curve
    return ("OKP", "Ed25519") if alg in EDWARDS_ALGORITHMS else ("RSA", None)


def _algorithm(token: Token, allowed: Iterable[str] | None) -> str:
    alg = token.alg
    if not alg:
        raise Refused(
            'JWS "alg" (Algorithm) Header Parameter missing or invalid', 'its header has no "alg"'
        )
    if allowed is not None and alg not in allowed:
        raise Refused(NOT_ALLOWED, f"{shown(alg)} is not accepted, only {', '.join(allowed)}")
    if alg not in ALGORITHMS:
        raise Refused(
            f"alg {plain(alg)} is not supported either by JOSE or your javascript runtime",
            f"{shown(alg)} is no algorithm of the library",
        )
    return alg


def _checked(claims: Mapping[str, object] | None, now: datetime) -> Mapping[str, object]:
    if claims is None:
        raise Refused("JWT Claims Set must be a top-level JSON object", "its payload is no JSON")
    for name in ("iat", "nbf", "exp"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(f'"{name}" claim must be a number', f'its "{name}" is no number')
    moment = unix(now)
    not_before, expiry = claims.get("nbf"), claims.get("exp")
    if isinstance(not_before, int | float) and not_before > moment:
        raise Refused('"nbf" claim timestamp check failed', "it is not valid yet, without leeway")
    if isinstance(expiry, int | float) and expiry <= moment:
        raise Refused('"exp" claim timestamp check failed', expired(expiry, moment))
    return claims


def expired(expiry: float, moment: int) -> str:
    """Return the sentence for an expired token."""
    return f"it expired {int(moment - expiry)} s ago, and there is no leeway"

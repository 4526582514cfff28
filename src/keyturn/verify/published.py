"""A key set that somebody else publishes: what may be taken from it, and what is alarming.

One bad key does not spoil the others; the issuer's own choice of keys is taken whole, so a key
that is gone from the document is gone from the set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from keyturn.jose import strict_json
from keyturn.jose.errors import InvalidKey, shown
from keyturn.jose.jwk import PRIVATE_MEMBERS
from keyturn.jose.keys import VerifyingKey, verifying_key_from_jwk
from keyturn.verify.jwks_policy import CachePolicy
from keyturn.verify.reports import Alarm, AlarmKind

Jwk = Mapping[str, object]


class Published(NamedTuple):
    """The usable keys of a document, in its order, and what was found wrong with the rest."""

    keys: tuple[VerifyingKey, ...]
    alarms: tuple[Alarm, ...]


def read(document: bytes | str | Mapping[str, object], policy: CachePolicy) -> Published:
    """Read a JWKS (RFC 7517 §5); raises :class:`InvalidKey` when it is not one or too large."""
    jwks, alarms, keys = _distinct(_members(document, policy)), list[Alarm](), list[VerifyingKey]()
    names = Counter(_name(jwk) for jwk in jwks)
    for jwk in jwks:
        alarm = _alarm(jwk, names[_name(jwk)], policy)
        if alarm is not None:
            alarms.append(alarm)
            continue
        try:
            keys.append(verifying_key_from_jwk(jwk))
        except InvalidKey as refused:
            alarms.append(Alarm(AlarmKind.UNUSABLE_KEY, refused.message, _shown_kid(jwk)))
    if not keys:
        alarms.append(Alarm(AlarmKind.EMPTY_SET, "the key set holds no usable key"))
    return Published(tuple(keys), tuple(alarms))


def _members(document: bytes | str | Mapping[str, object], policy: CachePolicy) -> list[Jwk]:
    parsed = document if isinstance(document, Mapping) else _loaded(document, policy)
    jwks = parsed.get("keys")
    if not isinstance(jwks, list) or not all(isinstance(jwk, Mapping) for jwk in jwks):
        raise InvalidKey('the key set has no list of objects "keys"')
    if len(jwks) > policy.max_keys:
        raise InvalidKey(f"the key set has {len(jwks)} keys, expected at most {policy.max_keys}")
    return jwks


def _loaded(document: bytes | str, policy: CachePolicy) -> Mapping[str, object]:
    # Lone surrogates pass here and are refused where everything strange is.
    raw = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
    if len(raw) > policy.max_bytes:
        raise InvalidKey(f"the key set is longer than {policy.max_bytes} bytes")
    try:
        return strict_json.loads(raw)
    except ValueError as broken:
        raise InvalidKey(f"the key set is not readable: {broken}") from None


def _distinct(jwks: list[Jwk]) -> list[Jwk]:
    """Drop repetitions that are equal in every member; only different keys are a conflict."""
    return [jwk for position, jwk in enumerate(jwks) if jwk not in jwks[:position]]


def _name(jwk: Jwk) -> tuple[str, ...]:
    """Return what a token would have to say to reach this key."""
    kid = jwk.get("kid")
    return ("kid", kid) if isinstance(kid, str) else ("no kid", str(jwk.get("kty")))


def _alarm(jwk: Jwk, namesakes: int, policy: CachePolicy) -> Alarm | None:
    return next(
        (Alarm(kind, why, _shown_kid(jwk)) for kind, why in _faults(jwk, namesakes, policy)), None
    )


def _faults(jwk: Jwk, namesakes: int, policy: CachePolicy) -> Iterator[tuple[AlarmKind, str]]:
    leaked = sorted(PRIVATE_MEMBERS & jwk.keys())
    if leaked:
        yield (
            AlarmKind.PRIVATE_MEMBERS,
            f"the published key has the private members {', '.join(leaked)}; treat it as stolen",
        )
    if jwk.get("kty") == "oct" or "k" in jwk:
        yield AlarmKind.OCT_KEY, "a shared secret is published; treat it as stolen"
    if namesakes > 1:
        yield AlarmKind.DUPLICATE_KID, f"{namesakes} different keys have the same name"
    if _length(jwk) > policy.max_key_bytes:
        yield AlarmKind.UNUSABLE_KEY, f"the key is longer than {policy.max_key_bytes} bytes"


def _length(jwk: Jwk) -> float:
    try:
        return len(strict_json.dumps(jwk))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return float("inf")  # a pushed mapping may hold what JSON cannot


def _shown_kid(jwk: Jwk) -> str | None:
    return shown(jwk["kid"]) if "kid" in jwk else None

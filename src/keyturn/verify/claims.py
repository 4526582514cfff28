"""Checks of single claims: pure functions, one per claim (RFC 7519 §4.1)."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.jose.errors import (
    AudienceMismatch,
    ClaimInvalid,
    ClaimMissing,
    IssuedInFuture,
    IssuerMismatch,
    TokenExpired,
    TokenNotYetValid,
    shown,
)
from keyturn.verify.moments import moment
from keyturn.verify.policy import Policy

Claims = Mapping[str, object]

TEXT_CLAIMS = ("iss", "sub", "jti", "role", "session_id")
"""Claims that readers compare or store as text; any other type confuses one of them."""
_ABSENT = object()  # a claim may be null, which is not the same
MAX_ROLE_BYTES = 63  # PostgreSQL cuts longer names silently (NAMEDATALEN - 1)
_SHOWN_AUDIENCES = 4
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z; milliseconds since 1970 lie far beyond


def check(claims: Claims, policy: Policy, now: float) -> None:
    """Raise the first :class:`TokenRejected` that ``claims`` earn; ``now`` in Unix seconds."""
    for name in policy.require:
        if claims.get(name) is None:
            raise ClaimMissing(f'the token lacks the claim "{name}"')
    _check_texts(claims)
    _check_times(claims, policy, now)
    if policy.issuer is not None and claims.get("iss") != policy.issuer:
        raise IssuerMismatch(found=_shown(claims, "iss"), expected=f'"{policy.issuer}"')
    found, accepted = audiences(claims), policy.audiences
    if accepted is not None and accepted.isdisjoint(found):
        raise AudienceMismatch(
            found=", ".join(shown(one) for one in found[:_SHOWN_AUDIENCES]) or "none",
            expected=" or ".join(f'"{one}"' for one in sorted(accepted)),
        )


def numeric_date(claims: Claims, name: str) -> float | None:
    """Return the NumericDate ``name`` in Unix seconds, or None when the claim is absent."""
    value = claims.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    if type(value) is not int and type(value) is not float:  # a bool is an int to isinstance
        raise ClaimInvalid(f'the claim "{name}" is not a number of seconds', found=_kind(value))
    if not 0 <= value <= LAST_SECOND:  # no comparison holds for NaN
        raise ClaimInvalid(
            f'the claim "{name}" is not a time in seconds since 1970',
            hint="the issuer may be writing milliseconds",
        )
    return value


def audiences(claims: Claims) -> tuple[str, ...]:
    """Return the audiences of the token; raises :class:`ClaimInvalid` for any other shape."""
    value = claims.get("aud", ())
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ClaimInvalid('the claim "aud" is neither text nor a list of texts', found=_kind(value))


def _check_texts(claims: Claims) -> None:
    for name in TEXT_CLAIMS:
        if not isinstance(claims.get(name, ""), str):
            raise ClaimInvalid(f'the claim "{name}" is not text', found=_kind(claims[name]))
    role = claims.get("role", "")
    if isinstance(role, str) and 4 * len(role) > MAX_ROLE_BYTES < len(role.encode()):
        raise ClaimInvalid(f'the claim "role" is longer than {MAX_ROLE_BYTES} bytes')


def _check_times(claims: Claims, policy: Policy, now: float) -> None:
    leeway, expires = policy.leeway, numeric_date(claims, "exp")
    if expires is not None and expires <= now - leeway:
        raise TokenExpired(found=_when("exp", expires), expected=_limit("after", now - leeway))
    begins = numeric_date(claims, "nbf")
    if begins is not None and begins > now + leeway:
        raise TokenNotYetValid(
            found=_when("nbf", begins), expected=_limit("not after", now + leeway)
        )
    issued = numeric_date(claims, "iat")
    if policy.check_iat and issued is not None and issued > now + leeway:
        raise IssuedInFuture(found=_when("iat", issued), expected=_limit("not after", now + leeway))


def _when(name: str, seconds: float) -> str:
    return f'"{name}" {moment(seconds)}'


def _limit(relation: str, seconds: float) -> str:
    return f"a time {relation} {moment(seconds)}"


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _shown(claims: Claims, name: str) -> str:
    return shown(claims[name]) if name in claims else "none"

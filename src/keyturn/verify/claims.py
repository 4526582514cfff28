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
)
from keyturn.verify.policy import Policy

Claims = Mapping[str, object]

TEXT_CLAIMS = ("iss", "sub", "jti", "role", "session_id")
"""Claims that readers compare or store as text; any other type confuses one of them."""
_ABSENT = object()  # a claim may be null, which is not the same
MAX_ROLE_BYTES = 63  # PostgreSQL cuts longer names silently (NAMEDATALEN - 1)
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z; milliseconds since 1970 lie far beyond


def check(claims: Claims, policy: Policy, now: float) -> None:
    """Raise the first :class:`TokenRejected` that ``claims`` earn; ``now`` in Unix seconds."""
    for name in policy.require:
        if claims.get(name) is None:
            raise ClaimMissing(f'the token lacks the claim "{name}"')
    _check_texts(claims)
    _check_times(claims, policy, now)
    if policy.issuer is not None and claims.get("iss") != policy.issuer:
        raise IssuerMismatch
    found, accepted = audiences(claims), policy.audiences
    if accepted is not None and accepted.isdisjoint(found):
        raise AudienceMismatch


def numeric_date(claims: Claims, name: str) -> float | None:
    """Return the NumericDate ``name`` in Unix seconds, or None when the claim is absent."""
    value = claims.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    if type(value) is not int and type(value) is not float:  # a bool is an int to isinstance
        raise ClaimInvalid(f'the claim "{name}" is not a number of seconds')
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
    raise ClaimInvalid('the claim "aud" is neither text nor a list of texts')


def _check_texts(claims: Claims) -> None:
    for name in TEXT_CLAIMS:
        if not isinstance(claims.get(name, ""), str):
            raise ClaimInvalid(f'the claim "{name}" is not text')
    role = claims.get("role", "")
    if isinstance(role, str) and 4 * len(role) > MAX_ROLE_BYTES < len(role.encode()):
        raise ClaimInvalid(f'the claim "role" is longer than {MAX_ROLE_BYTES} bytes')


def _check_times(claims: Claims, policy: Policy, now: float) -> None:
    expires = numeric_date(claims, "exp")
    if expires is not None and expires <= now - policy.leeway:
        raise TokenExpired
    begins = numeric_date(claims, "nbf")
    if begins is not None and begins > now + policy.leeway:
        raise TokenNotYetValid
    issued = numeric_date(claims, "iat")
    if policy.check_iat and issued is not None and issued > now + policy.leeway:
        raise IssuedInFuture

"""What a policy holds against the claims of a token, each of them judged on its own.

The rules are the verifier's: :func:`keyturn.verify.claims.check` sees one claim at a time and only
the part of the policy that is about it, so it cannot stop at another claim first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from keyturn.jose.errors import TokenRejected, shown
from keyturn.verify import claims as rules
from keyturn.verify.claims import Claims
from keyturn.verify.finding import Finding
from keyturn.verify.moments import moment, relation, span
from keyturn.verify.policy import Policy

_FIRST = ("exp", "nbf", "iat", "iss", "aud", "sub", "role")
"""Always judged, in this order; the other claims follow in the token's own."""
_SHOWN_AUDIENCES = 5


@dataclass(frozen=True)
class _Case:
    """What an explanation may look at."""

    claims: Claims
    policy: Policy
    now: float


def findings(claims: Claims, policy: Policy, now: float) -> Iterator[Finding]:
    """Yield one finding for each claim that is wrong or missing; ``now`` in Unix seconds."""
    case = _Case(claims, policy, now)
    for name in dict.fromkeys((*_FIRST, *sorted(policy.require), *claims)):
        alone = {name: claims[name]} if name in claims else {}
        try:
            rules.check(alone, _about(policy, name), now)
        except TokenRejected as rejected:
            explain = _EXPLAIN.get(rejected.code)
            yield explain(rejected, case) if explain else Finding.of(rejected)


def _about(policy: Policy, name: str) -> Policy:
    return replace(
        policy,
        issuer=policy.issuer if name == "iss" else None,
        audience=policy.audience if name == "aud" else None,
        require=policy.require & {name},
    )


def _expired(rejected: TokenRejected, case: _Case) -> Finding:
    expires = rules.numeric_date(case.claims, "exp") or 0
    allowed = f" (and {span(case.policy.leeway)} more are allowed)" if case.policy.leeway else ""
    return Finding(
        rejected.code,
        f"The token expired {relation(expires, case.now)}{allowed}.",
        found=f"exp {moment(expires)}",
        expected=f"later than {moment(case.now - case.policy.leeway)}",
        hint="Refresh the session for a new token; if that one is expired too, compare clocks.",
    )


def _too_early(rejected: TokenRejected, case: _Case) -> Finding:
    name = "nbf" if rejected.code == "token_not_yet_valid" else "iat"
    begins = rules.numeric_date(case.claims, name) or 0
    verb = "is valid only from a time" if name == "nbf" else "says it was issued at a time"
    return Finding(
        rejected.code,
        f"The token {verb} that lies {span(begins - case.now)} ahead.",
        found=f"{name} {moment(begins)}",
        expected=f"at most {moment(case.now + case.policy.leeway)}",
        hint="Compare the clocks of issuer and verifier; a leeway of a few seconds helps.",
    )


def _issuer(rejected: TokenRejected, case: _Case) -> Finding:
    found, expected = case.claims.get("iss"), case.policy.issuer or ""
    return Finding.of(
        rejected,
        found=shown(found) if "iss" in case.claims else "no iss",
        expected=f'"{expected}"',
        hint=_why_issuer(found, expected),
    )


def _why_issuer(found: object, expected: str) -> str:
    if isinstance(found, str) and found.rstrip("/") == expected.rstrip("/"):
        return "They differ by a slash at the end only; they have to be the same text."
    if not isinstance(found, str):
        return "The issuer writes no iss until it is told to (GOTRUE_JWT_ISSUER)."
    return "Is the token from another deployment, or is the expected issuer set wrong?"


def _audience(rejected: TokenRejected, case: _Case) -> Finding:
    found = rules.audiences(case.claims)
    names = ", ".join(shown(name) for name in found[:_SHOWN_AUDIENCES])
    return Finding.of(
        rejected,
        found=names or "no aud",
        expected=" or ".join(f'"{name}"' for name in sorted(case.policy.audiences or ())),
        hint=None if found else "Legacy API keys have no aud: is this one instead of a user's?",
    )


_EXPLAIN: Mapping[str, Callable[[TokenRejected, _Case], Finding]] = {
    "token_expired": _expired,
    "token_not_yet_valid": _too_early,
    "issued_in_future": _too_early,
    "issuer_mismatch": _issuer,
    "audience_mismatch": _audience,
}

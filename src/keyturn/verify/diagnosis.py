"""Every reason for which a token would be refused, as rows; the verifier stops at the first.

The verdict is the verifier's: a diagnosis has no findings exactly when
:func:`keyturn.verify.token.verify` accepts the token. What it says beyond the first reason was
read from bytes that nobody has proven, so it explains and never decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from keyturn.jose.errors import CriticalHeader, Malformed, TokenRejected, shown
from keyturn.jose.jwks import KeySet
from keyturn.verify import diagnosis_claims, diagnosis_key
from keyturn.verify.anatomy import Anatomy, dissect
from keyturn.verify.diagnosis_key import History, NeededKey
from keyturn.verify.finding import Finding
from keyturn.verify.policy import Policy
from keyturn.verify.recognition import recognise
from keyturn.verify.token import verify

__all__ = ["Diagnosis", "Finding", "NeededKey", "diagnose", "examine"]

NOTHING_KNOWN: History = MappingProxyType({})


@dataclass(frozen=True)
class Diagnosis:
    """All findings on one token, and the key that its signature needs."""

    findings: tuple[Finding, ...]
    needed: NeededKey | None
    """None when the header cannot be read."""
    anatomy: Anatomy

    @property
    def accepted(self) -> bool:
        """Whether the verifier accepts the token."""
        return not self.findings


def diagnose(
    token: str, keys: KeySet, policy: Policy, *, now: datetime, history: History = NOTHING_KNOWN
) -> Diagnosis:
    """Return every reason for which ``policy`` refuses ``token`` at ``now`` (aware).

    ``history`` says, by ``kid``, what became of keys that are not in ``keys`` any more.
    """
    anatomy = dissect(token, max_bytes=policy.max_token_bytes)
    findings = tuple(examine(token, anatomy, keys, policy, now=now, history=history))
    try:
        verify(token, keys, policy, now=now)
    except TokenRejected as verdict:
        if verdict.code not in {finding.code for finding in findings}:
            findings += (Finding.of(verdict),)
    return Diagnosis(findings, diagnosis_key.needed(anatomy, keys, history), anatomy)


def examine(
    token: str,
    anatomy: Anatomy,
    keys: KeySet,
    policy: Policy,
    *,
    now: datetime,
    history: History = NOTHING_KNOWN,
) -> Iterator[Finding]:
    """Yield the findings in the order form, header, key and signature, claims."""
    yield from _form(token, anatomy)
    if anatomy.header is not None:
        yield from _header(anatomy.header, policy)
        yield from diagnosis_key.findings(anatomy, keys, policy, history)
    if anatomy.claims is not None:
        yield from diagnosis_claims.findings(anatomy.claims, policy, now.timestamp())


def _form(token: str, anatomy: Anatomy) -> Iterator[Finding]:
    hint = None if anatomy.is_jwt else recognise(token)
    for problem in anatomy.problems:
        yield Finding.of(problem, hint=f"{hint.message} {hint.hint}" if hint else None)


def _header(header: Mapping[str, object], policy: Policy) -> Iterator[Finding]:
    """Say which header members the verifier does not accept (RFC 7515 §4.1.9 to §4.1.11)."""
    extensions = sorted({"crit", "b64"} & header.keys())
    if extensions:
        yield Finding.of(CriticalHeader(), found=", ".join(extensions), expected="neither")
    if "cty" in header:
        yield Finding(
            Malformed.code,
            'The token is nested ("cty"); nested tokens are not accepted.',
            found=shown(header["cty"]),
            expected='no "cty"',
        )
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in policy.types:
        yield Finding(
            Malformed.code,
            'The token is of another kind ("typ").',
            found=shown(kind),
            expected=", ".join(sorted(policy.types)),
            hint="Is it an ID token or a logout token? Send the access token.",
        )

"""What verifiers said to users' tokens in the last hour: which keys are proven to work where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.console.timeline import Facts
from keyturn.gateway.traffic import Shown, Traffic, Verdict
from keyturn.keyring.ring import KeyRing, RingKey

_FOLLOWS: Final = "follows the ring: a change arrives within a second"
_ALWAYS: Final[Mapping[str, str]] = {"auth": _FOLLOWS, "rest": _FOLLOWS}
_ELSEWHERE: Final = "reads its own environment: Keyturn brings it nothing"
_MOST_CLIENTS: Final = 5


@dataclass(frozen=True)
class Proof:
    """Tokens of one key that a verifier accepted; ``key`` None: the ring does not know it."""

    key: RingKey | None
    accepted: int
    at: datetime | None


@dataclass(frozen=True)
class Verifier:
    """One service that checks tokens, and what it said in the last hour."""

    name: str
    learns: str
    proofs: Sequence[Proof]
    """The key that was accepted last first."""
    refused: int
    """Requests with a token that it refused (401), whatever was wrong with it."""
    strangers: int
    """Those of them whose token names a key that the ring does not trust."""


@dataclass(frozen=True)
class Reader:
    """A client that fetches the JWKS; ``knows_standby`` None: no key stands by."""

    address: str
    last: datetime
    knows_standby: bool | None


def verifiers(facts: Facts) -> list[Verifier]:
    """Return every verifier behind the gateway, seen or not; none where nothing is logged."""
    if facts.traffic is None:
        return []
    seen = {shown.service for shown in facts.traffic.verdicts}
    names = [*_ALWAYS, *sorted(seen - set(_ALWAYS))]
    return [_verifier(name, facts.traffic, facts.ring) for name in names]


def readers(facts: Facts) -> list[Reader]:
    """Return the clients that fetched the JWKS last, with whether they can know the standby."""
    if facts.traffic is None:
        return []
    latest = {fetch.client: fetch.at for fetch in facts.traffic.fetches}
    published = facts.ring.standby[0].published_at if facts.ring.standby else None
    newest = sorted(latest.items(), key=lambda pair: pair[1], reverse=True)[:_MOST_CLIENTS]
    return [
        Reader(client, at, None if published is None else at >= published) for client, at in newest
    ]


def _verifier(name: str, traffic: Traffic, ring: KeyRing) -> Verifier:
    verdicts = {shown: one for shown, one in traffic.verdicts.items() if shown.service == name}
    proofs = sorted(_proofs(verdicts, ring), key=lambda proof: str(proof.at), reverse=True)
    refused = sum(one.refused for one in verdicts.values())
    strangers = sum(one.refused for shown, one in verdicts.items() if _key(shown, ring) is None)
    return Verifier(name, _ALWAYS.get(name, _ELSEWHERE), proofs, refused, strangers)


def _proofs(verdicts: Mapping[Shown, Verdict], ring: KeyRing) -> Iterator[Proof]:
    for shown, verdict in verdicts.items():
        if verdict.accepted:
            yield Proof(_key(shown, ring), verdict.accepted, verdict.accepted_at)


def _key(shown: Shown, ring: KeyRing) -> RingKey | None:
    """Return the trusted key that a token means: by name, or the legacy secret without one."""
    if shown.kid is None:
        return ring.has_legacy if shown.alg == "HS256" else None
    named = (key for key in ring.keys if key.kid == shown.kid and key.verifies)
    return next(named, None)

"""What a change has proven in the end: only this may be said in its closing summary.

A proof counts for the finished state when nothing was told to a service after it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from keyturn.migrate.commands import Command, Probe, RecreateService, ReloadService
from keyturn.migrate.plan import Plan
from keyturn.migrate.proof import ACCEPT, REFUSE, SIGN, former_only, kinds_of, old_too
from keyturn.profiles.request import CredentialKind

_ALGORITHMS = {CredentialKind.USER_HS256: "HS256", CredentialKind.USER_ES256: "ES256"}
_REVOKED: Final = (
    "Every service refuses the access tokens of the revoked key: who holds one gets 401 until the "
    "client refreshes. Nobody has to sign in again for that: refresh tokens are not signed."
)
_NOT_SEEN: Final = (
    "Whether tokens of the revoked key are refused was not seen; by the files no service trusts it "
    "any more. Who holds one gets 401 until the client refreshes; refresh tokens are not signed."
)


@dataclass(frozen=True, slots=True)
class Proven:
    """What held."""

    held: int
    """How many proofs."""
    told: bool
    """Whether any service was told anything: otherwise nothing can have happened to anybody."""
    sessions: tuple[str, ...]
    """Algorithms whose tokens from before the change every service accepts in the end."""
    ended: tuple[str, ...]
    """Algorithms whose tokens every service refuses in the end."""
    forged: bool
    """Whether every service refuses forged tokens in the end."""
    signs: str | None
    """The algorithm of the tokens that a sign-in and a refresh gave."""
    revoked: bool | None = None
    """After a revocation: whether every service refused tokens of that key; None: no revocation."""

    @property
    def signed_out(self) -> int | None:
        """Return 0 when old sessions of every kind go on; None: nobody proved that."""
        return 0 if not self.told or (self.sessions and not self.ended) else None

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "proofs": self.held,
            "users_signed_out": self.signed_out,
            "sessions_accepted": list(self.sessions),
            "sessions_refused": list(self.ended),
            "forged_refused": self.forged,
            "signs": self.signs,
            "revoked_refused": self.revoked,
        }

    def sentences(self) -> tuple[str, ...]:
        """Return the lines of the summary."""
        forged = ("Forged tokens accepted: 0.",) if self.forged else ()
        signs = (f"A sign-in and a refresh gave {self.signs} tokens.",) if self.signs else ()
        return (self._sessions(), *signs, *forged)

    def _sessions(self) -> str:
        if not self.told:
            return "Users signed out: 0, because no service was told anything."
        if self.revoked is not None and not self.sessions:
            return _REVOKED if self.revoked else _NOT_SEEN
        kept, ended = " and ".join(self.sessions), " and ".join(self.ended)
        if self.sessions and self.ended:
            return (
                f"Users with {kept} tokens signed out: 0; every service refuses {ended} tokens now."
            )
        if self.sessions:
            return f"Users signed out: 0; every service accepts {kept} tokens from before."
        if self.held:
            return (
                "Users signed out: not proven; tokens from before the change were not asked about."
            )
        return "Users signed out: not proven; no running service was asked."


def proven(plan: Plan, done: Collection[str]) -> Proven:
    """Return what the proofs among the commands ``done`` say about the end of the change."""
    carried_out = tuple(one for one in plan.commands if one.id in done)
    probes = tuple(one for one in carried_out if isinstance(one, Probe))
    last = _after_the_last_service(carried_out)
    accepted = {
        kind
        for one in last
        if one.name == ACCEPT and old_too(one.arguments) and _everywhere(one)
        for kind in kinds_of(one.arguments)
    }
    refused = {
        kind
        for one in last
        if one.name == REFUSE and _everywhere(one) and not former_only(one.arguments)
        for kind in kinds_of(one.arguments)
    }
    return Proven(
        held=len(probes),
        told=any(isinstance(one, RecreateService | ReloadService) for one in carried_out),
        sessions=tuple(alg for kind, alg in _ALGORITHMS.items() if kind in accepted),
        ended=tuple(alg for kind, alg in _ALGORITHMS.items() if kind in refused),
        forged=CredentialKind.FORGED in refused,
        revoked=_revoked(plan, last),
        signs=next((one.arguments["alg"] for one in reversed(probes) if one.name == SIGN), None),
    )


def _revoked(plan: Plan, last: tuple[Probe, ...]) -> bool | None:
    """Only the private half of the key that was in use is there to make such a token with."""
    if not plan.verb.startswith("revoke"):
        return None
    return any(one.name == REFUSE and former_only(one.arguments) for one in last)


def _after_the_last_service(commands: tuple[Command, ...]) -> tuple[Probe, ...]:
    found: list[Probe] = []
    for one in reversed(commands):
        if isinstance(one, RecreateService | ReloadService):
            break
        if isinstance(one, Probe):
            found.append(one)
    return tuple(found)


def _everywhere(probe: Probe) -> bool:
    return not probe.arguments.get("services")

"""What somebody should see to, told from the facts of the overview; each with a way on.

``keyturn doctor DIR`` reads a deployment's files; a stack of ``keyturn up`` has none of those, so
what can be wrong here is seen in the ring, the API keys and the gateway's log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from keyturn.console.evidence import verifiers
from keyturn.console.fetches import fetches_of
from keyturn.console.readiness import QUIET
from keyturn.console.timeline import YEAR, Facts
from keyturn.console.words import ago, count
from keyturn.keyring.states import KeyState


@dataclass(frozen=True)
class Concern:
    """One thing; ``kind`` is ``bad`` (fails now) or ``wait`` (will, or is unwise)."""

    kind: str
    text: str
    remedy: str
    link: str
    """The page where it is seen to."""


def concerns(facts: Facts) -> list[Concern]:
    """Return all of them, the worst first."""
    found = [one for rule in _RULES for one in rule(facts)]
    return sorted(found, key=lambda one: one.kind != "bad")


def _old(facts: Facts) -> Iterator[Concern]:
    for key in facts.ring.in_state(KeyState.IN_USE):
        age = facts.now - (key.promoted_at or key.created_at)
        if age > YEAR:
            yield Concern(
                "wait",
                f"The key in use has signed for {ago(age)}.",
                "Rotate: nobody is signed out.",
                "/signing-keys/rotate",
            )


def _legacy_signs(facts: Facts) -> Iterator[Concern]:
    if any(key.legacy for key in facts.ring.in_state(KeyState.IN_USE)):
        yield Concern(
            "wait",
            "The legacy secret signs: whoever can verify a token can also forge one.",
            "Rotate to an asymmetric key; tokens from before stay valid.",
            "/signing-keys/rotate",
        )


def _over(facts: Facts) -> Iterator[Concern]:
    """Yield former keys that nothing needs, and that are trusted all the same."""
    held = any(one.active and one.kind == "legacy" for one in facts.api_keys)
    for key in facts.ring.in_state(KeyState.PREVIOUSLY_USED):
        past = key.tokens_until is not None and key.tokens_until <= facts.now
        if past and not (key.legacy and held):
            name = "The legacy secret" if key.legacy else f"Key {key.kid[:8]}"
            yield Concern(
                "wait",
                f"{name} is still trusted, and no token of it lives.",
                "Revoke it, so that nothing old can be used again.",
                f"/signing-keys/{key.kid}/revoke",
            )


def _legacy_keys(facts: Facts) -> Iterator[Concern]:
    active = [one for one in facts.api_keys if one.active and one.kind == "legacy"]
    used = [one.last_used_at for one in active if one.last_used_at]
    if active and all(facts.now - at >= QUIET for at in used):
        yield Concern(
            "wait",
            "The legacy API keys work, and nobody has used them for a day.",
            "Turn them off: Supabase has announced their end for the end of 2026.",
            "/api-keys/legacy/off",
        )


def _strangers(facts: Facts) -> Iterator[Concern]:
    for verifier in verifiers(facts):
        if verifier.strangers:
            # A few are anybody's attempts; more than what passes is something set up wrongly.
            passed = sum(proof.accepted for proof in verifier.proofs)
            yield Concern(
                "bad" if verifier.strangers > passed else "wait",
                f"{verifier.name} refused {count(verifier.strangers, 'request')} whose token "
                "names no key of this ring.",
                "Another Auth server signed them, or a key was revoked before its tokens ended "
                "(these users have to sign in again), or somebody tries.",
                "/signing-keys",
            )


def _greedy(facts: Facts) -> Iterator[Concern]:
    found = None if facts.traffic is None else fetches_of(facts.traffic, facts.now)
    for client in found.clients if found else ():
        if client.wasteful:
            yield Concern(
                "wait",
                f"{client.address} fetches the JWKS with every request.",
                "Let that verifier cache it: it is slow, and fails when this address is away.",
                "/jwks",
            )


def _unused(facts: Facts) -> Iterator[Concern]:
    """Yield secret keys that nobody uses any more: each opens everything."""
    for one in facts.api_keys:
        age = facts.now - (one.last_used_at or one.created_at)
        if one.active and one.kind == "secret" and age > _LONG:
            yield Concern(
                "wait",
                f"The secret key {one.name} was not used for {ago(age)}.",
                "Revoke it if nothing needs it: it reads and writes past row level security.",
                f"/api-keys/{one.id}/revoke",
            )


_LONG: Final = timedelta(days=90)
_RULES: Final[tuple[Callable[[Facts], Iterator[Concern]], ...]] = (
    _strangers,
    _legacy_signs,
    _legacy_keys,
    _over,
    _old,
    _greedy,
    _unused,
)

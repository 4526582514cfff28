"""What people and jobs do to the key ring: load, decide (pure), compare and swap.

Every verb makes its keys before the store is asked for anything, so no transaction waits for key
generation. A change that lost the race raises ``AlreadyChanged``; nothing is retried, because what
was decided may no longer be wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keyturn.flows.keys_start import (
    Entropy,
    FirstKeys,
    ensure,
    entering,
    maker,
    new_kid,
)
from keyturn.flows.ports.apikeys import ApiKeyStore
from keyturn.flows.ports.ring import RingStore
from keyturn.jose.keys import SigningKey, VerifyingKey, thumbprint
from keyturn.jose.keys import generate as generate_key
from keyturn.keyring import verbs
from keyturn.keyring.change import Intent, RingChange
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState, Verb

__all__ = [
    "Done",
    "FirstKeys",
    "delete",
    "ensure",
    "generate",
    "import_key",
    "import_verifying",
    "promote",
    "revoke",
    "rotate",
]


@dataclass(frozen=True)
class Done:
    """A change and the ring before and after it; ``applied`` is False for a dry run."""

    before: KeyRing
    after: KeyRing
    change: RingChange
    applied: bool


@dataclass(frozen=True)
class Bench:
    """What every verb works with."""

    store: RingStore
    policy: RingPolicy
    entropy: Entropy
    api_keys: ApiKeyStore | None = None
    """Where to look for legacy API keys that depend on the legacy secret."""
    dry_run: bool = False


async def generate(bench: Bench, intent: Intent, *, alg: str = verbs.DEFAULT_ALGORITHM) -> Done:
    """Add a fresh standby; on an empty ring, the first key and its standby."""
    ring = await bench.store.load()
    kid = new_kid(bench.entropy)
    signer = generate_key(alg, kid=kid)
    if not ring.keys:
        return await _start(bench, ring, intent, verbs.new_key(kid, signer, _USED, intent.now))
    key = verbs.new_key(kid, signer, KeyState.STANDBY, intent.now)
    return await _carry_out(bench, ring, verbs.add_standby(ring, intent, key, verb=Verb.GENERATE))


async def import_key(bench: Bench, intent: Intent, key: SigningKey) -> Done:
    """Add a private key from elsewhere as a standby; into an empty ring, as the key in use.

    A shared secret without ``kid`` is an existing ``JWT_SECRET``: the legacy key.
    """
    ring = await bench.store.load()
    if not ring.keys:
        return await _start(bench, ring, intent, entering(key, _USED, intent.now, bench.entropy))
    entered = entering(key, KeyState.STANDBY, intent.now, bench.entropy)
    return await _carry_out(bench, ring, verbs.add_standby(ring, intent, entered, verb=Verb.IMPORT))


async def import_verifying(bench: Bench, intent: Intent, key: VerifyingKey) -> Done:
    """Add a key that only verifies, so that tokens made elsewhere stay valid."""
    ring = await bench.store.load()
    kid = key.kid
    if kid is None:
        kid = new_kid(bench.entropy) if key.is_symmetric else thumbprint(key)
    named = key if key.is_symmetric else VerifyingKey(key.alg, kid, key.material)
    change = verbs.add_verifying(ring, bench.policy, intent, kid, named)
    return await _carry_out(bench, ring, change)


async def promote(bench: Bench, intent: Intent, kid: str) -> Done:
    """Let the standby ``kid`` sign; raises ``WaitNotOver`` while caches may not have it."""
    ring = await bench.store.load()
    change = verbs.promote(ring, bench.policy, intent, kid, maker(bench.entropy))
    return await _carry_out(bench, ring, change)


async def rotate(
    bench: Bench,
    intent: Intent,
    *,
    expected_in_use: str | None = None,
    revoke_old: bool = False,
) -> Done:
    """Promote the oldest standby and keep one in reserve; see :func:`keyturn.keyring.verbs.rotate`.

    Of two rotations at the same moment one raises ``AlreadyChanged`` or ``AlreadyRotated``.
    """
    ring = await bench.store.load()
    change = verbs.rotate(
        ring,
        bench.policy,
        intent,
        maker(bench.entropy),
        expected_in_use=expected_in_use,
        revoke_old=revoke_old,
        dependents=await _dependents(bench, ring.in_use) if revoke_old else (),
    )
    return await _carry_out(bench, ring, change)


async def revoke(bench: Bench, intent: Intent, kid: str) -> Done:
    """Stop trusting ``kid``; raises ``WaitNotOver``, ``KeyInUse`` or ``KeyHasDependents``."""
    ring = await bench.store.load()
    dependents = await _dependents(bench, ring.find(kid))
    change = verbs.revoke(ring, intent, kid, maker(bench.entropy), dependents=dependents)
    return await _carry_out(bench, ring, change)


async def delete(bench: Bench, intent: Intent, kid: str) -> Done:
    """Forget the revoked key ``kid``."""
    ring = await bench.store.load()
    return await _carry_out(bench, ring, verbs.delete(ring, intent, kid))


_USED = KeyState.IN_USE


async def _start(bench: Bench, ring: KeyRing, intent: Intent, first: RingKey) -> Done:
    kid, signer = maker(bench.entropy)(verbs.DEFAULT_ALGORITHM if first.symmetric else first.alg)
    standby = verbs.new_key(kid, signer, KeyState.STANDBY, intent.now)
    return await _carry_out(bench, ring, verbs.start(intent, first, (standby,)))


async def _carry_out(bench: Bench, ring: KeyRing, change: RingChange) -> Done:
    verbs.require_reason(change.intent)
    after = change.result(ring)
    if not bench.dry_run:
        after = await bench.store.apply(ring.version, change)
    return Done(ring, after, change, applied=not bench.dry_run)


async def _dependents(bench: Bench, key: RingKey) -> Sequence[str]:
    """Name the active credentials that ``key`` signed and that live longer than sessions."""
    if not key.legacy or bench.api_keys is None:
        return ()
    records = await bench.api_keys.list()
    return tuple(
        f"legacy API key {record.name} ({record.role})"
        for record in records
        if record.active and record.kind == "legacy"
    )

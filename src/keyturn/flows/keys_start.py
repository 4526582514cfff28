"""The first start of a ring: one key signs, at least one more is published from the beginning.

Several processes may start at once on one empty database; one fills the ring, the others find it
filled. Later starts only see to it that a standby exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from keyturn.flows.ports.ring import RingStore
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    generate,
    signing_key_from_secret,
    thumbprint,
)
from keyturn.keyring import verbs
from keyturn.keyring.change import Intent, RingChange
from keyturn.keyring.errors import AlreadyChanged
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState, Verb
from keyturn.secret import Secret

Entropy = Callable[[int], bytes]
SYSTEM_ACTOR: Final = "keyturn"


@dataclass(frozen=True)
class FirstKeys:
    """What an existing deployment brings to an empty ring (GoTrue's JWT_KEYS and JWT_SECRET)."""

    signer: SigningKey | None = None
    """The key that signs there; without one, ``legacy_secret`` signs."""
    verifying: tuple[VerifyingKey, ...] = ()
    """Keys whose tokens must stay valid."""
    legacy_secret: Secret | None = None
    """``JWT_SECRET``, any length: its tokens carry no ``kid``."""


def new_kid(entropy: Entropy) -> str:
    """Return a random UUID (version 4), the form of ``kid`` that Supabase uses."""
    return str(UUID(bytes=entropy(16), version=4))


def maker(entropy: Entropy) -> verbs.NewStandby:
    """Return a function that makes a fresh key with a fresh name for an algorithm."""

    def make(alg: str) -> tuple[str, SigningKey]:
        kid = new_kid(entropy)
        return kid, generate(alg, kid=kid)

    return make


async def ensure(
    store: RingStore,
    *,
    now: datetime,
    entropy: Entropy,
    policy: RingPolicy | None = None,
    alg: str = verbs.DEFAULT_ALGORITHM,
    legacy_secret: Secret | None = None,
    first: FirstKeys | None = None,
    actor: str = SYSTEM_ACTOR,
) -> KeyRing:
    """Return the ring, filled when it was empty, with a standby in any case.

    ``first`` (or ``legacy_secret`` alone) is imported only into an empty ring: a secret that was
    revoked since must not come back with the next restart. ``policy.max_token_life`` is announced,
    so that keys are kept for as long as the tokens of this server live.
    """
    waits = policy or RingPolicy()
    brought = first or FirstKeys(legacy_secret=legacy_secret)
    ring = await store.load()
    if not ring.keys:
        ring = await _apply(store, ring, _first_change(brought, waits, now, entropy, alg, actor))
    if not ring.standby:
        intent = Intent(now, actor, "a standby must always exist")
        kid, signer = maker(entropy)(alg)
        key = verbs.new_key(kid, signer, KeyState.STANDBY, now)
        change = verbs.add_standby(ring, intent, key, verb=Verb.GENERATE)
        ring = await _apply(store, ring, change)
    await store.announce_token_life(waits.max_token_life)
    return ring


async def _apply(store: RingStore, ring: KeyRing, change: RingChange) -> KeyRing:
    try:
        return await store.apply(ring.version, change)
    except AlreadyChanged:
        return await store.load()


def _first_change(
    brought: FirstKeys,
    policy: RingPolicy,
    now: datetime,
    entropy: Entropy,
    alg: str,
    actor: str,
) -> RingChange:
    make = maker(entropy)
    kid, signer = make(alg)
    standby = verbs.new_key(kid, signer, KeyState.STANDBY, now)
    legacy = _legacy_signer(brought)
    if brought.signer is not None:
        in_use = entering(brought.signer, KeyState.IN_USE, now, entropy)
    elif legacy is not None:
        in_use = entering(legacy, KeyState.IN_USE, now, entropy)
    else:
        fresh_kid, fresh = make(alg)
        in_use = verbs.new_key(fresh_kid, fresh, KeyState.IN_USE, now)
    others = [_verifying(key, policy, now, entropy) for key in brought.verifying]
    if brought.signer is not None and legacy is not None:
        others.append(_verifying(legacy.verifying_key(), policy, now, entropy))
    return verbs.start(Intent(now, actor, "first start"), in_use, (standby, *others))


def _legacy_signer(brought: FirstKeys) -> SigningKey | None:
    if brought.legacy_secret is None:
        return None
    return signing_key_from_secret(brought.legacy_secret, kid=None, allow_short=True)


def entering(key: SigningKey, state: KeyState, now: datetime, entropy: Entropy) -> RingKey:
    """Return the ring's view of an imported private key.

    A shared secret without ``kid`` is the legacy secret; its name in the ring is random, because
    a thumbprint would let anybody test guesses. An asymmetric key without one gets its thumbprint.
    """
    legacy = key.kid is None and key.verifying_key().is_symmetric
    named = key if legacy or key.kid is not None else named_by_thumbprint(key)
    return verbs.new_key(named.kid or new_kid(entropy), named, state, now, legacy=legacy)


def named_by_thumbprint(key: SigningKey) -> SigningKey:
    """Return ``key`` under its RFC 7638 thumbprint."""
    return SigningKey(key.alg, thumbprint(key.verifying_key()), key.material)


def _verifying(key: VerifyingKey, policy: RingPolicy, now: datetime, entropy: Entropy) -> RingKey:
    return verbs.verifying_only(policy, key.kid or new_kid(entropy), key, now)

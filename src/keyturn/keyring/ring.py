"""The key ring as an immutable value: keys, their states, and what follows from them.

It decides which key signs, which verify and what is published. It does not know where it is
stored; :mod:`keyturn.keyring.verbs` makes changes out of it, a store applies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from keyturn.jose.jwks import KeySet, public_jwks
from keyturn.jose.keys import SigningKey, VerifyingKey
from keyturn.keyring.errors import BrokenRing, RingNotInitialised, UnknownKey
from keyturn.keyring.states import KeyState
from keyturn.keyring.summary import KeySummary


@dataclass(frozen=True, kw_only=True)
class RingKey(KeySummary):
    """One signing key with its material, as far as it was opened."""

    key: VerifyingKey | None
    """None for a symmetric key whose secret was not opened, or was destroyed at revocation."""
    signer: SigningKey | None
    """Only in standby and in use, and only when the store could unseal it."""


@dataclass(frozen=True)
class KeyRing:
    """All keys, oldest first, at one version; version 0 is the ring before its first key."""

    version: int
    keys: tuple[RingKey, ...]
    token_life: int = 0
    """The access-token life, in seconds, that the servers announced last."""

    def find(self, kid: str) -> RingKey:
        """Return the key named ``kid``; raises ``UnknownKey``."""
        for key in self.keys:
            if key.kid == kid:
                return key
        raise UnknownKey(f"the ring has no key {kid!r}")

    def in_state(self, state: KeyState) -> tuple[RingKey, ...]:
        """Return the keys in ``state``, oldest first."""
        return tuple(key for key in self.keys if key.state is state)

    @cached_property
    def in_use(self) -> RingKey:
        """The one key that signs; raises ``RingNotInitialised`` or ``BrokenRing``."""
        found = self.in_state(KeyState.IN_USE)
        if not found:
            raise RingNotInitialised
        if len(found) > 1:
            raise BrokenRing(f"{len(found)} keys are in use at ring version {self.version}")
        return found[0]

    @cached_property
    def signing_key(self) -> SigningKey:
        """The private half of the key in use; raises ``BrokenRing`` when it was not unsealed."""
        signer = self.in_use.signer
        if signer is None:
            raise BrokenRing(f"the private half of the key in use, {self.in_use.kid}, is sealed")
        return signer

    @property
    def standby(self) -> tuple[RingKey, ...]:
        """The published keys that may sign next, the longest published first."""
        found = self.in_state(KeyState.STANDBY)
        return tuple(sorted(found, key=lambda key: (key.published_at, key.kid)))

    @property
    def has_legacy(self) -> RingKey | None:
        """The imported ``JWT_SECRET`` while it still verifies, else None."""
        return next((key for key in self.keys if key.legacy and key.verifies), None)

    @cached_property
    def verifying(self) -> tuple[VerifyingKey, ...]:
        """Every verifying half that is trusted now: the one in use first, then oldest first."""
        trusted = [key for key in self.keys if key.verifies]
        trusted.sort(key=lambda key: (key.state is not KeyState.IN_USE, key.created_at, key.kid))
        return tuple(key.key for key in trusted if key.key is not None)

    def key_set(self) -> KeySet:
        """Return the set that verifies this ring's tokens (computed once per snapshot)."""
        return self._key_set

    @cached_property
    def _key_set(self) -> KeySet:
        return KeySet(self.verifying)

    def public_jwks(self) -> dict[str, object]:
        """Return the public JWKS: asymmetric keys only, in an order that only a change alters."""
        return public_jwks(key for key in self.verifying if not key.is_symmetric)


def check(ring: KeyRing) -> None:
    """Raise ``BrokenRing`` unless the invariants of a ring with keys in it hold.

    Exactly one key in use, at least one standby, one name per key, at most one live legacy key.
    """
    kids = [key.kid for key in ring.keys]
    if len(set(kids)) != len(kids):
        raise BrokenRing("two keys of the ring share a kid")
    used = len(ring.in_state(KeyState.IN_USE))
    if used != 1:
        raise BrokenRing(f"{used} keys would be in use; exactly one must be")
    if not ring.in_state(KeyState.STANDBY):
        raise BrokenRing("no standby key would be left")
    if sum(1 for key in ring.keys if key.legacy and key.verifies) > 1:
        raise BrokenRing("two legacy secrets would verify tokens without a kid")

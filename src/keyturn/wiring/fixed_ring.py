"""The key ring of a server that is handed its keys in the environment and cannot change them.

That is GoTrue's way: ``GOTRUE_JWT_KEYS`` says what signs and what verifies, and
``GOTRUE_JWT_SECRET`` verifies HS256 tokens without ``kid`` while HS256 is among the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from keyturn.adapters import system
from keyturn.flows.keys_start import FirstKeys, entering
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import VerifyingKey, signing_key_from_secret
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState
from keyturn.profiles import auth
from keyturn.secret import Secret
from keyturn.wiring.first_keys import first_keys


class FixedRing:
    """A :class:`~keyturn.flows.ports.ring.RingSource` that stays as it is."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def current(self) -> KeyRing:
        """Return the ring."""
        return self._ring

    def subscribe(self, callback: Callable[[KeyRing], None]) -> None:
        """There is never anything to tell."""


def fixed_ring(env: Mapping[str, str], config: auth.Config, now: datetime) -> FixedRing:
    """Return the ring of ``GOTRUE_JWT_KEYS`` and ``GOTRUE_JWT_SECRET`` as GoTrue uses them.

    ``config`` is the profile's reading of the same ``env``; it knows which methods are allowed.
    Raises :class:`InvalidKey` where GoTrue would not start.
    """
    array = env.get("GOTRUE_JWT_KEYS") or None
    secret = env.get("GOTRUE_JWT_SECRET") or None
    found = first_keys(Secret(array) if array else None, Secret(secret) if secret else None)
    if found is None:
        raise InvalidKey("GOTRUE_JWT_SECRET is empty")
    hs256 = "HS256" in config.valid_methods
    return FixedRing(KeyRing(1, tuple(_keys(found, now, hs256=hs256))))


def _keys(found: FirstKeys, now: datetime, *, hs256: bool) -> Iterator[RingKey]:
    if found.signer is not None:
        yield entering(found.signer, KeyState.IN_USE, now, system.entropy)
    for key in found.verifying:
        yield _verifying(key.kid or "unnamed", key, now, legacy=False)
    if found.legacy_secret is None:
        return
    legacy = signing_key_from_secret(found.legacy_secret, kid=None, allow_short=True)
    if found.signer is None:
        yield entering(legacy, KeyState.IN_USE, now, system.entropy)
    elif hs256:
        yield _verifying("shared secret", legacy.verifying_key(), now, legacy=True)


def _verifying(name: str, key: VerifyingKey, now: datetime, *, legacy: bool) -> RingKey:
    return RingKey(
        kid=name,
        alg=key.alg,
        state=KeyState.PREVIOUSLY_USED,
        key=key,
        signer=None,
        legacy=legacy,
        created_at=now,
        published_at=now,
        retired_at=now,
    )

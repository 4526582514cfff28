"""What can go wrong with the ring, as errors that name the key and the next step."""

from __future__ import annotations

from keyturn.errors import Conflict, KeyturnError, RefusedUnsafe, UsageError


class IllegalTransition(Conflict):
    """The key is not in a state from which this step is possible; nothing was changed."""

    code = "illegal_transition"


class UnknownKey(UsageError):
    """The ring has no key with this kid."""

    code = "unknown_key"
    default_hint = "`keyturn keys list` shows every key of the ring."


class DuplicateKey(Conflict):
    """The ring already has such a key; nothing was changed."""

    code = "duplicate_key"


class AlreadyChanged(Conflict):
    """Somebody else changed the ring first; nothing was changed."""

    code = "already_changed"
    default_hint = "Look at `keyturn keys list`; repeat the command if it is still wanted."


class AlreadyRotated(Conflict):
    """The ring was already rotated; nothing was changed."""

    code = "already_rotated"
    default_hint = "This is a normal ending when two people or jobs rotate at once."


class RingNotInitialised(Conflict):
    """The key ring is empty: no key is in use yet."""

    code = "ring_not_initialised"
    default_hint = (
        "`keyturn up`, `keyturn serve` or `keyturn keys generate` creates the first keys."
    )


class BrokenRing(KeyturnError):
    """The key ring breaks one of its own invariants."""

    code = "broken_ring"


class KeyInUse(RefusedUnsafe):
    """The key in use cannot be revoked: nothing would sign."""

    code = "key_in_use"


class KeyHasDependents(RefusedUnsafe):
    """Something still depends on this key."""

    code = "key_has_dependents"


class UnsafePolicy(RefusedUnsafe):
    """The configured waits contradict each other."""

    code = "unsafe_policy"

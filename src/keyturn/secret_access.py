"""The one way to read a :class:`~keyturn.secret.Secret`; an import contract guards this module."""

from __future__ import annotations

from keyturn.secret import Secret


def reveal(secret: Secret) -> bytes:
    """Return the bytes inside ``secret``; the caller must not let them reach text or logs."""
    return secret._value

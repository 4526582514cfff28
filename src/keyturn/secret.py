"""Bytes that must not be printed, logged, pickled or compared carelessly.

Only :func:`keyturn.secret_access.reveal` opens one, and an import contract lists who may import it.
"""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """An opaque holder of secret bytes; ``repr``, ``str`` and formatting show nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes | str) -> None:
        """Text is held as its UTF-8 bytes."""
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a Secret is not hashable: its hash would leak into dict dumps")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

"""Values that may lie encrypted in columns of the ``auth`` schema."""

from __future__ import annotations

from typing import Protocol


class ColumnCipher(Protocol):
    """Encrypts and decrypts as GoTrue's ``DB_ENCRYPTION`` does; each value is bound to its row."""

    @property
    def seals(self) -> bool:
        """Whether values are encrypted when they are written."""
        ...

    def seal(self, row_id: str, plain: str) -> str:
        """Return ``plain`` as the column of row ``row_id`` holds it: encrypted when configured."""
        ...

    def open(self, row_id: str, stored: str) -> str | None:
        """Return the plain text of ``stored``; None when its key is missing or it was moved.

        A value that was never encrypted is returned as it is.
        """
        ...

    def outdated(self, stored: str) -> bool:
        """Tell whether ``stored`` should be sealed anew: another key, or in the clear."""
        ...

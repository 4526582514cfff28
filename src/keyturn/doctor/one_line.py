"""Foreign text for a report: one printable line, without credentials, not too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from keyturn.doctor.masking import redactor

LONGEST: Final = 200
_mask: Final = redactor(None).clean


def one_line(text: str, longest: int = LONGEST, *, clean: Callable[[str], str] = _mask) -> str:
    """Return ``text`` as it may be shown; ``clean`` may know more credentials than their forms."""
    line = "".join(letter if letter.isprintable() else " " for letter in clean(text))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"

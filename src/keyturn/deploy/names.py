"""Which names may be shown: a ``$`` in a password makes Compose take a part of it for a name."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

_OURS: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CAPITALS: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_MIXED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,39}")
_LONG: Final = 20
_DIGITS: Final = 2


def speakable(name: str, *, braced: bool = True) -> bool:
    """Whether ``name`` is surely a variable's and not a piece of a secret.

    ``braced``: it is written ``${NAME}``, or defined by ``NAME=``; ``$NAME`` alone can be an
    accident, so only names in capitals with an underscore pass. Where a secret was cut in two by
    a stray line break, its tail can look like a definition: long words without an underscore,
    many digits and a wild mix of capitals and small letters are no names.
    """
    if not braced:
        return bool(_OURS.fullmatch(name)) and len(name) <= 64
    if _CAPITALS.fullmatch(name):
        return "_" in name or len(name) < _LONG
    return bool(_MIXED.fullmatch(name)) and not _wild(name)


def _wild(name: str) -> bool:
    digits = sum(character.isdigit() for character in name)
    letters = [character.isupper() for character in name if character.isalpha()]
    changes = sum(one is not other for one, other in pairwise(letters))
    return digits > _DIGITS or changes * 3 > len(name)

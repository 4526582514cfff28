"""Which names may be shown: a ``$`` in a password makes Compose take a part of it for a name."""

from __future__ import annotations

import re
from typing import Final

_OURS: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_CODE: Final = re.compile(r"(?=[^_.-]*[A-Z])(?=[^_.-]*[a-z])(?=[^_.-]*[0-9])[^_.-]{20,}")
"""Long, without a separator, capitals, small letters and digits mixed: no one names a thing so."""


def speakable(name: str, *, braced: bool = True) -> bool:
    """Whether ``name`` is surely a variable's and not a piece of a secret.

    ``braced``: it is written ``${NAME}``, or defined by ``NAME=``; ``$NAME`` alone can be an
    accident, so only names in capitals with an underscore pass.
    """
    if not braced:
        return bool(_OURS.fullmatch(name))
    return bool(_PLAIN.fullmatch(name)) and not _CODE.fullmatch(name)

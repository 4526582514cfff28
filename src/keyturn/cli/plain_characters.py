"""Plain spellings of characters that a terminal's or a log's encoding does not know."""

from __future__ import annotations

import codecs
from typing import Final

ERRORS: Final = "keyturn.plain"
"""The name of the error handler, for ``errors=`` of a text stream."""
_PLAIN: Final = {"…": "...", "“": '"', "”": '"', "—": "-", "–": "-", "→": "->", "×": "x", "≠": "!="}


def _plain(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    unknown = problem.object[problem.start : problem.end]
    return "".join(_PLAIN.get(letter, "?") for letter in unknown), problem.end


codecs.register_error(ERRORS, _plain)

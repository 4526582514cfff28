"""Refusals that begin in a hook: rows of :mod:`keyturn.accounts.errors`.

Most errors of hooks carry the hook's own words and are :class:`~keyturn.accounts.hooks.HookFailed`.
"""

from __future__ import annotations

from typing import Final

Line = tuple[str, int, str, str]

HOOK_ROWS: Final[tuple[Line, ...]] = (
    (
        "mfa_verification_rejected",
        403,
        "mfa_verification_rejected",
        "Further MFA verification attempts will be rejected.",
    ),
    # The function raised: the older body shape shows what it said, as for a trigger.
    ("hook_function", 500, "unexpected_failure", "Error running hook function"),
)

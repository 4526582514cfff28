"""What a password must be to be set, and how a stored hash is recognised (gotrue.md §6.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyturn.accounts.errors import WeakPassword, refuse
from keyturn.accounts.identifiers import require_storable
from keyturn.accounts.settings import AuthSettings

LIMIT_BYTES = 72
"""bcrypt reads no more; Go's implementation, and so GoTrue, refuses what is longer."""
_FLOOR = 6
_LEAKED = "Password is known to be weak and easy to guess, please choose a different one."
_ARGON2_MEMORY_KIB = 1 << 20
_ARGON2_ROUNDS = 64
_SCRYPT_EXPONENT = 20
_B64 = r"[A-Za-z0-9+/]+={0,2}"

_FORMATS: Mapping[str, re.Pattern[str]] = {
    "bcrypt": re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}"),
    "argon2": re.compile(
        r"\$argon2id?\$v=19\$m=(?P<m>[0-9]{1,10}),t=(?P<t>[0-9]{1,10}),p=(?P<p>[0-9]{1,3})"
        r"(?:,keyid=[^,$]*)?(?:,data=[^,$]*)?\$" + _B64 + r"\$" + _B64
    ),
    "fbscrypt": re.compile(
        r"\$fbscrypt\$v=1,n=(?P<n>[0-9]{1,2}),r=(?P<r>[0-9]{1,3}),p=(?P<p>[0-9]{1,3})"
        r"(?:,ss=(?P<ss>(?:" + _B64 + r")?))?(?:,sk=(?P<sk>" + _B64 + r"))?"
        r"\$(?P<salt>" + _B64 + r")\$(?P<hash>" + _B64 + r")"
    ),
}


def require_length(password: str) -> None:
    """Raise ``password_too_long`` above 72 bytes, ``text_not_storable`` for broken text."""
    require_storable(password)
    if len(password.encode()) > LIMIT_BYTES:
        raise refuse("password_too_long")


def weakness(password: str, settings: AuthSettings) -> WeakPassword | None:
    """Return what the policy finds wrong with ``password``, or None."""
    minimum = max(_FLOOR, settings.password_min_length)
    sets = settings.password_required_characters
    messages: dict[str, str] = {}
    if len(password.encode(errors="replace")) < minimum:
        messages["length"] = f"Password should be at least {minimum} characters."
    if any(chars and not any(char in chars for char in password) for chars in sets):
        wanted = ", ".join(sets)
        messages["characters"] = (
            f"Password should contain at least one character of each: {wanted}."
        )
    if not messages:
        return None
    return WeakPassword(" ".join(messages.values()), tuple(messages))


def with_leak(weak: WeakPassword | None) -> WeakPassword:
    """Return ``weak`` with one reason more: the password has leaked."""
    message, reasons = (weak.message, weak.reasons) if weak else ("", ())
    return WeakPassword(f"{message} {_LEAKED}".strip(), (*reasons, "pwned"))


def hash_format(stored: str) -> tuple[str, Mapping[str, str | None]] | None:
    """Return the name and the parameters of a stored hash, or None when it cannot be checked.

    Names: ``bcrypt``, ``argon2`` (2i and 2id, v=19), ``fbscrypt`` (Firebase). Parameters beyond
    1 GiB of memory, 64 rounds or N = 2^20 are not recognised: a hash must not stop the server.
    """
    for name, pattern in _FORMATS.items():
        if match := pattern.fullmatch(stored):
            found = match.groupdict()
            return (name, found) if _affordable(name, found) else None
    return None


def _affordable(name: str, found: Mapping[str, str | None]) -> bool:
    numbers = {key: int(text) for key, text in found.items() if text and text.isdigit()}
    if name == "argon2":
        return (
            numbers["m"] <= _ARGON2_MEMORY_KIB
            and 1 <= numbers["t"] <= _ARGON2_ROUNDS
            and numbers["p"] >= 1
        )
    if name == "fbscrypt":
        return 1 <= numbers["n"] <= _SCRYPT_EXPONENT and 1 <= numbers["r"] * numbers["p"] <= 64
    return True


def require_hash(stored: str) -> None:
    """Raise ``validation_failed`` unless ``stored`` is a hash that sign-in can check."""
    if hash_format(stored) is None:
        raise refuse("validation_failed", "password_hash is not a bcrypt, argon2 or fbscrypt hash")

"""Text of an environment variable → value, with the rules of GoTrue's configuration loader.

Each reader raises :class:`BadValue` with the reason alone; the loader adds the variable's name and
never the value, which may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from keyturn.secret import Secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Go's strconv.ParseBool.
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})

# Go's time.ParseDuration, in microseconds.
_UNITS: Final = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


class BadValue(ValueError):
    """The text of a variable cannot be read; ``str()`` says what was expected."""


def text(value: str) -> str:
    """Return ``value`` as it is."""
    return value


def secret(value: str) -> Secret:
    """Return ``value`` wrapped, so that it cannot be printed."""
    return Secret(value)


def boolean(value: str) -> bool:
    """Read Go's spellings of true and false."""
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadValue("expected true or false")


def integer(value: str) -> int:
    """Read a decimal integer that fits 64 bits."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        raise BadValue("expected a whole number")
    return int(value)


def positive(value: str) -> int:
    """Read an integer of at least 1."""
    number = integer(value)
    if number < 1:
        raise BadValue("expected a whole number of at least 1")
    return number


def percentage(value: str) -> int:
    """Read an integer from 0 to 100."""
    number = integer(value)
    if not 0 <= number <= 100:
        raise BadValue("expected a whole number from 0 to 100")
    return number


def port(value: str) -> int:
    """Read a TCP port."""
    number = integer(value)
    if not 0 <= number <= 65535:
        raise BadValue("expected a port number from 0 to 65535")
    return number


def duration(value: str) -> timedelta:
    """Read Go's durations: ``1h30m``, ``1.5s``, ``300ms``, ``0``; a sign may stand in front."""
    sign, rest = (-1, value[1:]) if value.startswith("-") else (1, value.removeprefix("+"))
    if rest == "0":
        return timedelta(0)
    total, position = Decimal(0), 0
    for part in _DURATION_PART.finditer(rest):
        if part.start() != position:
            break
        total += Decimal(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position != len(rest) or not rest:
        raise BadValue('expected a duration such as "10s", "5m" or "1h30m"')
    if total > 10**17:
        raise BadValue("expected a duration shorter than a few thousand years")
    return sign * timedelta(microseconds=int(total))


def words(value: str) -> tuple[str, ...]:
    """Split at commas; spaces around a word and empty words are dropped."""
    return tuple(word for word in (part.strip() for part in value.split(",")) if word)


def address(value: str) -> str:
    """Read an absolute http(s) URL and drop a trailing slash."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\x00-\x20\x7f]", value):
        raise BadValue("expected an http:// or https:// URL")
    return value.rstrip("/")


def networks(value: str) -> tuple[Network, ...]:
    """Read a comma list of addresses and CIDR blocks."""
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in words(value))
    except ValueError:
        raise BadValue("expected a comma list of addresses or CIDR blocks") from None


def one_of(*allowed: str) -> _OneOf:
    """Return a reader that accepts exactly the words of ``allowed``."""
    return _OneOf(allowed)


class _OneOf:
    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def __call__(self, value: str) -> str:
        if value not in self.allowed:
            raise BadValue("expected one of: " + ", ".join(self.allowed))
        return value


def character_sets(value: str) -> tuple[str, ...]:
    r"""Read ``GOTRUE_PASSWORD_REQUIRED_CHARACTERS``: sets parted by ``:``; ``\:`` is a colon."""
    found = (part.replace("\\:", ":") for part in re.split(r"(?<!\\):", value))
    return tuple(part for part in found if part)


def inverted(value: str) -> bool:
    """Read a boolean whose name says the opposite of the field."""
    return not boolean(value)


def name_set(value: str) -> frozenset[str]:
    """Read a comma list whose order means nothing."""
    return frozenset(words(value))


def switchable_duration(value: str) -> timedelta | None:
    """Read a duration for which zero and below mean *off*."""
    found = duration(value)
    return found if found > timedelta(0) else None


def waiting_time(value: str) -> timedelta:
    """Read a duration of at least zero."""
    found = duration(value)
    if found < timedelta(0):
        raise BadValue("expected a duration of at least 0")
    return found


def timeout(value: str) -> timedelta:
    """Read a duration above zero."""
    found = duration(value)
    if found <= timedelta(0):
        raise BadValue("expected a duration above 0")
    return found


def mfa_code_length(value: str) -> int:
    """Read the number of digits of a code; what is not 6 to 10 means 6, as in GoTrue."""
    length = integer(value)
    return length if 6 <= length <= 10 else 6


def lifetime(value: str) -> timedelta:
    """Read a duration above zero; a bare number is seconds, as GoTrue has it here."""
    return timeout(f"{value}s" if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value) else value)


def token_life(value: str) -> int:
    """Read the life of an access token in seconds; 0 is GoTrue's spelling of 3600."""
    seconds = integer(value)
    if not 0 <= seconds <= 31_536_000:
        raise BadValue("expected seconds, from 1 to 31536000 (a year)")
    return seconds or 3600


def password_length(value: str) -> int:
    """Read the least length of a password; GoTrue raises what is below 6, bcrypt ends at 72."""
    length = integer(value)
    if length > 72:
        raise BadValue("expected at most 72, where bcrypt stops reading")
    return max(length, 6)


def pool_size(value: str) -> int:
    """Read the number of connections; 0 (GoTrue: unlimited) means the default of 10."""
    number = integer(value)
    if not 0 <= number <= 1000:
        raise BadValue("expected a number of connections from 1 to 1000")
    return number or 10


def bcrypt_cost(value: str) -> int:
    """Read bcrypt's cost."""
    number = integer(value)
    if not 4 <= number <= 20:
        raise BadValue("expected a cost from 4 to 20")
    return number


def seconds(value: str) -> int:
    """Read a whole number of seconds of at least 0."""
    number = integer(value)
    if number < 0:
        raise BadValue("expected seconds, at least 0")
    return number


def token_version(value: str) -> int:
    """Read the version of the refresh-token format."""
    number = integer(value)
    if number not in {0, 1, 2}:
        raise BadValue("expected 0, 1 or 2")
    return number

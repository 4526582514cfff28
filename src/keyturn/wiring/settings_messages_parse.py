"""Text of a variable about mail or SMS → value; errors as in ``settings_parse``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from keyturn.accounts.message_settings import SendLimit
from keyturn.wiring.settings_parse import BadValue, duration, integer, timeout, waiting_time

_SHORTEST_CODE: Final = 6
_LONGEST_CODE: Final = 10
_DAY: Final = 86_400
_FLOOR: Final = timedelta(minutes=5)


def send_limit(value: str) -> SendLimit:
    """Read ``30`` (an hour) or ``30/10m``."""
    count, slash, period = value.partition("/")
    number = integer(count)
    length = duration(period) if slash else timedelta(hours=1)
    if not 0 <= number <= 1_000_000 or length <= timedelta(0):
        raise BadValue('expected a number of messages an hour, or one with a time such as "30/10m"')
    return SendLimit(number, length)


def code_length(value: str) -> int:
    """Read the number of digits of a code; as in GoTrue, what is not 6–10 means 6."""
    number = integer(value)
    return number if _SHORTEST_CODE <= number <= _LONGEST_CODE else _SHORTEST_CODE


def code_life(value: str) -> int:
    """Read the life of a code in seconds; 0 means a day, GoTrue's default."""
    number = integer(value)
    if not 0 <= number <= 30 * _DAY:
        raise BadValue("expected seconds, at most 2592000 (30 days)")
    return number or _DAY


def sms_code_life(value: str) -> int:
    """Read the life of an SMS code in seconds; 0 means 60, GoTrue's default."""
    number = integer(value)
    if not 0 <= number <= _DAY:
        raise BadValue("expected seconds, at most 86400 (a day)")
    return number or 60


def flow_life(value: str) -> timedelta:
    """Read how long a PKCE code is good for; GoTrue's floor is five minutes."""
    return max(timeout(value), _FLOOR)


def pause(value: str) -> timedelta:
    """Read the time between two messages to one account."""
    return waiting_time(value)


def test_codes(value: str) -> Mapping[str, str]:
    """Read ``number:code,number:code``; a ``=`` may stand for the colon."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in value.split(","))):
        match = re.fullmatch(r"\+?([1-9][0-9]{1,14})[:=]([0-9]{4,10})", pair)
        if match is None:
            raise BadValue("expected a comma list of number:code")
        found[match[1]] = match[2]
    return found


def moment(value: str) -> datetime:
    """Read an RFC 3339 time."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise BadValue("expected a time such as 2027-01-31T00:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def mail_headers(value: str) -> Mapping[str, str]:
    """Read a JSON object of header name to value, or to a list of values as GoTrue has it."""
    try:
        given = json.loads(value)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise BadValue("expected a JSON object of header names and values")
    found: dict[str, str] = {}
    for name, text in given.items():
        first = text[0] if isinstance(text, list) and text else text
        fits = isinstance(first, str) and re.fullmatch(r"[!-9;-~]+", name)
        if not fits or re.search(r"[\r\n\0]", str(first)):
            raise BadValue("expected a JSON object of header names and values")
        found[name] = str(first)
    return found

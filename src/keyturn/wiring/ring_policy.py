"""The ring's waits from the environment, by the rows of the one table of settings.

Commands on keys need these five values and nothing else, so they do not stumble over a setting
that only a server uses, and start faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from keyturn.errors import UsageError
from keyturn.keyring.policy import RingPolicy
from keyturn.wiring.settings_parse import BadValue
from keyturn.wiring.settings_table import TABLE

_GROUP = "ring."


def ring_policy(environment: Mapping[str, str]) -> RingPolicy:
    """Return the waits that ``environment`` sets; raises ``UsageError`` or ``UnsafePolicy``."""
    waits: dict[str, int] = {}
    for row in TABLE:
        fields = [place.removeprefix(_GROUP) for place in row.lands if place.startswith(_GROUP)]
        names = [name for name in (row.name, *row.aliases) if environment.get(name)]
        text = environment[names[0]] if names else row.default
        if not fields or text is None:
            continue
        try:
            value = row.reads(text)
        except BadValue as problem:
            raise UsageError(f"{names[0] if names else row.name}: {problem}") from None
        waits |= dict.fromkeys(fields, _seconds(value))
    return RingPolicy(**waits)


def _seconds(value: object) -> int:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, int):
        return value
    raise TypeError(f"a row of the ring yields {type(value).__name__}, not a number of seconds")

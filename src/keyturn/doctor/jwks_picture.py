"""A small picture of who fetched the JWKS and when, for a terminal of 80 columns.

::

    JWKS fetches, 2026-11-25 12:00 to 14:00 UTC, one column is 3 min
      10.0.0.7 jose/5.2      ▁  ▁  ▁ ▁  ▁  ▁  ▁ ▁  ▁  ▁
                             periodic, every 10 min
      10.0.0.9 python-httpx  ▆▇█▇▆▇▇█▆▇▇▇▆█▇▆▇▇▆▇▇█▇▆▇▇▇▆
                             per request: 2411 fetches, 2.9 s apart
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from keyturn.doctor.facts import Fetches, LogFacts
from keyturn.doctor.jwks_rhythm import Rhythm, pace, span

WIDTH: Final = 80
MOST_ROWS: Final = 12
_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = ".:-=+*#@"
_NAME: Final = 28
_SHORTEST_TIMELINE: Final = 12
_INDENT: Final = 2


def picture(logs: LogFacts, *, ascii_only: bool = False, width: int = WIDTH) -> list[str]:
    """Return the lines of the picture, none longer than ``width``; empty without any fetch.

    ``ascii_only`` is for terminals without UTF-8. The busiest clients come first.
    """
    if not logs.jwks or logs.first is None or logs.last is None:
        return []
    shown = logs.jwks[:MOST_ROWS]
    name_width = min(_NAME, max(len(one.client) for one in shown))
    columns = max(_SHORTEST_TIMELINE, width - _INDENT - name_width - 2)
    step = (logs.last - logs.first) / columns or timedelta(seconds=1)
    draw = _drawer(logs.first, step, columns, _ASCII_BARS if ascii_only else _BARS)
    fit = _ascii if ascii_only else str
    lines = [_heading(logs.first, logs.last, step)]
    for one in shown:
        name = fit(_cut(one.client, name_width)).ljust(name_width)
        lines.append(f"{' ' * _INDENT}{name}  {draw(one)}".rstrip())
        lines.append(f"{' ' * (_INDENT + name_width)}  {_remark(one)}")
    if left := len(logs.jwks) - len(shown):
        lines.append(f"{' ' * _INDENT}and {left} more with fewer fetches")
    return [fit(line[:width]) for line in lines]


def verdict(logs: LogFacts) -> str:
    """Return one sentence about all clients: does everybody cache?"""
    if not logs.jwks:
        return "Nobody fetched the JWKS."
    rhythms = Counter(pace(one).rhythm for one in logs.jwks)
    if careless := rhythms[Rhythm.PER_REQUEST]:
        who = "1 client fetches" if careless == 1 else f"{careless} clients fetch"
        return f"{who} the JWKS for each request: cache it for 5 to 10 minutes."
    if restless := rhythms[Rhythm.IRREGULAR]:
        who = "1 client fetches" if restless == 1 else f"{restless} clients fetch"
        return f"{who} the JWKS more often than every 4 minutes, but not for each request."
    good = rhythms[Rhythm.PERIODIC] + rhythms[Rhythm.CACHED]
    if not good:
        return "Too few fetches of the JWKS to tell whether anybody caches it."
    return (
        f"{'1 client caches' if good == 1 else f'{good} clients cache'} the JWKS, as it should be."
    )


def _heading(first: datetime, last: datetime, step: timedelta) -> str:
    end = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"JWKS fetches, {first:%Y-%m-%d %H:%M} to {end} UTC, one column is {span(step)}"


def _drawer(first: datetime, step: timedelta, columns: int, bars: str) -> Callable[[Fetches], str]:
    def draw(fetches: Fetches) -> str:
        counts = [0] * columns
        for moment in fetches.times:
            counts[min(columns - 1, max(0, int((moment - first) / step)))] += 1
        return "".join(_bar(count, counts, bars) for count in counts)

    return draw


def _bar(count: int, counts: Sequence[int], bars: str) -> str:
    """Return the bar of a column; the lowest is one fetch, the highest the most of this client."""
    if not count:
        return " "
    most = max(counts)
    return bars[round((count - 1) / (most - 1) * (len(bars) - 1))] if most > 1 else bars[0]


def _remark(fetches: Fetches) -> str:
    failed = f"; {fetches.failed} failed" if fetches.failed else ""
    return f"{pace(fetches).in_words}{failed}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _ascii(text: str) -> str:
    return text.replace("…", "~").encode("ascii", "replace").decode("ascii")

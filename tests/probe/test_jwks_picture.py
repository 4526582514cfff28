"""Who fetches the JWKS: what the gaps say, and how it looks in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.doctor.facts import Fetches, LogFacts
from keyturn.doctor.jwks_picture import WIDTH, picture, verdict
from keyturn.doctor.jwks_rhythm import Rhythm, pace, span

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def at(seconds: Sequence[float], client: str = "10.0.0.7 jose/5.2") -> Fetches:
    times = tuple(NOON + timedelta(seconds=one) for one in seconds)
    return Fetches(client, times, len(times))


def log(*fetches: Fetches, hours: float = 2) -> LogFacts:
    return LogFacts(NOON, NOON + timedelta(hours=hours), 1000, 0, fetches)


TEN_MINUTES = [n * 600 for n in range(12)]


@pytest.mark.parametrize(
    ("seconds", "rhythm"),
    [
        (TEN_MINUTES, Rhythm.PERIODIC),
        ([n * 300 + (n % 3) * 20 for n in range(24)], Rhythm.PERIODIC),
        # Four workers of one service, started together, one cache each.
        ([n * 600 + w * 0.4 for n in range(12) for w in range(4)], Rhythm.PERIODIC),
        ([0, 700, 4000, 4300, 7000], Rhythm.CACHED),
        ([n * 0.4 for n in range(500)], Rhythm.PER_REQUEST),
        ([n * 12 for n in range(60)], Rhythm.PER_REQUEST),
        # Traffic in the first minutes of each hour only, and every request fetches.
        ([h * 3600 + n * 9 for h in range(3) for n in range(30)], Rhythm.PER_REQUEST),
        ([0.0] * 9, Rhythm.PER_REQUEST),
        ([n * 120 for n in range(20)], Rhythm.IRREGULAR),
        ([], Rhythm.TOO_FEW),
        ([0], Rhythm.TOO_FEW),
        ([0, 600, 1200], Rhythm.TOO_FEW),
        # Restarted twice: two bursts do not make a rhythm.
        ([0, 1, 2, 900, 901], Rhythm.TOO_FEW),
    ],
)
def test_what_the_gaps_say(seconds: list[float], rhythm: Rhythm) -> None:
    assert pace(at(seconds)).rhythm is rhythm


def test_a_client_whose_times_were_thinned_out_is_judged_by_all_of_them() -> None:
    kept = at([n * 40 for n in range(100)])
    thinned = Fetches(kept.client, kept.times, 12_800, every=128)
    assert pace(thinned).rhythm is Rhythm.PER_REQUEST
    assert pace(thinned).count == 12_800


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (TEN_MINUTES, "periodic, every 10 min"),
        ([n * 0.4 for n in range(500)], "per request: 500 fetches, 0.4 s apart"),
        # A log with whole seconds.
        ([n // 4 for n in range(400)], "per request: 400 fetches, 0.2 s apart"),
        ([0], "1 fetch, too few to tell"),
        ([0, 600], "2 fetches, too few to tell"),
        ([n * 120 for n in range(20)], "irregular, 2 min apart"),
    ],
)
def test_it_says_so_in_words(seconds: list[float], words: str) -> None:
    assert pace(at(seconds)).in_words == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.44, "0.4 s"), (59, "59 s"), (600, "10 min"), (7200, "2 h"), (86400, "24 h")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_the_picture_of_one_that_caches_and_one_that_does_not() -> None:
    good, bad = at(TEN_MINUTES), at([n * 3 for n in range(2400)], "10.0.0.9 python-httpx/0.28")
    lines = picture(log(bad, good))
    assert lines[0] == "JWKS fetches, 2026-11-25 12:00 to 14:00 UTC, one column is 2 min"
    assert lines[1].startswith("  10.0.0.9 python-httpx/0.28  ")
    assert " " not in lines[1].split("0.28  ")[1]
    assert lines[2].strip() == "per request: 2400 fetches, 3 s apart"
    assert lines[3].count("▁") == 12
    assert lines[4].strip() == "periodic, every 10 min"


def test_failures_are_told() -> None:
    fetches = Fetches("10.0.0.7", at(TEN_MINUTES).times, 12, failed=12)
    assert picture(log(fetches))[2].strip() == "periodic, every 10 min; 12 failed"


def test_more_clients_than_fit_are_counted() -> None:
    lines = picture(log(*(at(TEN_MINUTES, f"10.0.0.{n}") for n in range(20))))
    assert lines[-1] == "  and 8 more with fewer fetches"


def test_nothing_to_draw() -> None:
    assert picture(log()) == []
    assert picture(LogFacts(None, None, 0, 0)) == []
    assert verdict(log()) == "Nobody fetched the JWKS."


def test_a_log_of_one_moment_is_drawn() -> None:
    assert "▁" in picture(log(at([0]), hours=0))[1]


@pytest.mark.parametrize(
    ("fetches", "start"),
    [
        ([at(TEN_MINUTES)], "1 client caches the JWKS"),
        ([at(TEN_MINUTES), at(TEN_MINUTES, "b"), at([0], "c")], "2 clients cache the JWKS"),
        ([at(TEN_MINUTES), at([n * 2 for n in range(90)], "b")], "1 client fetches the JWKS for"),
        ([at([n * 120 for n in range(20)])], "1 client fetches the JWKS more often"),
        ([at([0])], "Too few fetches"),
    ],
)
def test_one_sentence_about_all(fetches: list[Fetches], start: str) -> None:
    assert verdict(log(*fetches)).startswith(start)


@given(
    st.lists(
        st.tuples(
            st.text(max_size=90),
            st.lists(st.floats(0, 1e7, allow_nan=False), max_size=50),
            st.integers(1, 64),
        ),
        max_size=15,
    ),
    st.floats(0, 4000),
    st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(
    clients: list[tuple[str, list[float], int]], hours: float, ascii_only: bool
) -> None:
    fetches = [
        Fetches(name, at(sorted(seconds)).times, len(seconds) * every, every)
        for name, seconds, every in clients
    ]
    lines = picture(log(*fetches, hours=hours), ascii_only=ascii_only)
    assert all(len(line) <= WIDTH for line in lines)
    if ascii_only:
        assert all(line.isascii() for line in lines)

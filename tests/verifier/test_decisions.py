"""The rules of the cache, with a clock: a table of moments, and a walk against an oracle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verifier.issuer import NEW, OLD

from keyturn import CachePolicy
from keyturn.errors import UsageError
from keyturn.jose.jwks import KeySet
from keyturn.verify import jwks_cache as cache
from keyturn.verify.jwks_cache import CacheState, Need, Receipt
from keyturn.verify.jwks_health import health_of

POLICY = CachePolicy()
SETS = [KeySet([key.verifying_key() for key in keys]) for keys in ([OLD], [OLD, NEW], [NEW])]


@pytest.mark.parametrize(
    ("cache_control", "age", "ttl"),
    [
        (None, None, 600),
        ("public", None, 600),
        ("max-age=900", None, 900),
        ("max-age=900", "100", 800),
        ("public, Max-Age=900", None, 900),
        ('max-age="900"', None, 900),
        ("max-age = 900", None, 900),
        ("max-age=900, max-age=700", None, 700),
        ("s-maxage=5, max-age=900", None, 900),
        ("x-max-age=5", None, 600),
        ("max-age=0", None, 60),
        ("max-age=900", "5000", 60),
        ("max-age=86400", None, 3600),
        ("max-age=" + "9" * 400, None, 3600),
        ("max-age=900", "9" * 400, 60),
        ("max-age=-5", None, 600),
        ("max-age=1e3", None, 600),
        ("max-age=９００", None, 600),
        ("max-age=900", "soon", 900),
        ("no-store", None, 60),
        ("no-cache, max-age=900", None, 60),
    ],
)
def test_how_long_an_answer_is_fresh(
    cache_control: str | None, age: str | None, ttl: float
) -> None:
    assert POLICY.soft_ttl(cache_control, age) == ttl


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_header_makes_a_set_live_outside_its_bounds(cache_control: str, age: str) -> None:
    assert 60 <= POLICY.soft_ttl(cache_control, age) <= 3600


@given(st.floats(-1, 1), st.floats(60, 3600))
def test_refreshes_are_spread_around_four_fifths(luck: float, ttl: float) -> None:
    assert 0.7 * ttl <= POLICY.refresh_after(ttl, luck) + 1e-9
    assert POLICY.refresh_after(ttl, luck) <= 0.9 * ttl + 1e-9


def test_repetitions_double_up_to_a_limit() -> None:
    assert [POLICY.retry_after(n) for n in (0, 1, 2, 3, 4, 5, 6, 7, 10**6)] == [
        *(0, 1, 2, 4, 8, 16, 30),
        *(30, 30),
    ]


@pytest.mark.parametrize(
    ("at", "status", "refresh_due"),
    [
        (0, "fresh", False),
        (479.9, "fresh", False),
        (480, "fresh", True),
        (599.9, "fresh", True),
        (600, "stale", True),
        (86_999.9, "stale", True),
        (87_000, "unavailable", True),
    ],
)
def test_the_life_of_a_set(at: float, status: str, refresh_due: bool) -> None:
    state = cache.received(CacheState(), Receipt(SETS[0], 600), POLICY, now=0, luck=0)
    assert health_of(state, at, source="", counters={}).status == status
    assert (cache.next_attempt_at(state, POLICY) <= at) is refresh_due


@pytest.mark.parametrize(
    ("failures", "need", "since", "allowed"),
    [
        (0, Need.KID, 29.9, False),
        (0, Need.KID, 30, True),
        (5, Need.KID, 29.9, False),
        (5, Need.KID, 30, True),
        (0, Need.KEYS, 0, True),
        (1, Need.KEYS, 0.9, False),
        (1, Need.KEYS, 1, True),
        (9, Need.KEYS, 29.9, False),
        (9, Need.KEYS, 30, True),
    ],
)
def test_who_may_cause_a_fetch(failures: int, need: Need, since: float, allowed: bool) -> None:
    state = cache.attempted(CacheState(), 100)
    for _ in range(failures):
        state = cache.failed(state, "down")
    assert cache.may_attempt(state, need, POLICY, 100 + since) is allowed


def test_the_first_need_of_all_may_always_cause_a_fetch() -> None:
    assert all(cache.may_attempt(CacheState(), need, POLICY, 0) for need in Need)


def test_equal_keys_keep_their_generation_and_their_object() -> None:
    state = cache.received(CacheState(), Receipt(SETS[0], 600), POLICY, now=0, luck=0)
    again = Receipt(KeySet([OLD.verifying_key()]), 600)
    later = cache.received(state, again, POLICY, now=50, luck=0)
    assert later.generation == state.generation
    assert later.snapshot is not None
    assert state.snapshot is not None
    assert later.snapshot.keys is state.snapshot.keys


def test_a_set_from_a_file_is_as_old_as_it_is_and_due_at_once() -> None:
    state = cache.restored(CacheState(), Receipt(SETS[0], 600), POLICY, now=5000, age=700)
    assert health_of(state, 5000, source="", counters={}).status == "stale"
    assert cache.next_attempt_at(state, POLICY) <= 5000
    assert cache.usable(state, 5000 + 86_299) is not None
    assert cache.usable(state, 5000 + 86_300) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_stale": -1},
        {"min_ttl": 700},
        {"max_ttl": 500},
        {"refresh_at": 0.95},
        {"refresh_at": 0.1},
        {"min_ttl": 0},
        {"fetch_deadline": 0},
        {"retry_first": 0},
        {"retry_longest": 0.5},
    ],
)
def test_rules_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        CachePolicy(**wrong)


# --- a walk ---------------------------------------------------------------------------------------


@dataclass
class Oracle:
    """The same rules, told as a diary: every answer is looked up in what has happened."""

    now: float = 0
    attempts: list[float] = field(default_factory=list)
    failures: int = 0
    good: tuple[float, float, int] | None = None  # when, time to live, which set

    def usable(self) -> int | None:
        """Which set may be used."""
        if self.good is None:
            return None
        when, ttl, which = self.good
        return which if self.now - when < ttl + 86_400 else None

    def may(self, need: Need) -> bool:
        """Whether a fetch may start."""
        if not self.attempts:
            return True
        pause = 30 if need is Need.KID else [0, 1, 2, 4, 8, 16, 30][min(self.failures, 6)]
        return self.now - self.attempts[-1] >= pause


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 7, 29, 30, 480, 600, 86_400])),
    st.tuples(st.just("fetch"), st.integers(0, 2)),
    st.tuples(st.just("unchanged"), st.just(0)),
    st.tuples(st.just("fail"), st.just(0)),
    st.tuples(st.just("push"), st.integers(0, 2)),
    st.tuples(st.just("invalidate"), st.just(0)),
)


@given(st.lists(STEPS, max_size=40))
def test_a_walk_through_any_history_agrees_with_the_diary(steps: list[tuple[str, int]]) -> None:
    state, oracle, generations = CacheState(), Oracle(), [0]
    for what, value in steps:
        state = _step(state, oracle, what, value)
        found = cache.usable(state, oracle.now)
        expected = oracle.usable()
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert tuple(found.keys) == tuple(SETS[expected])
        for need in Need:
            assert cache.may_attempt(state, need, POLICY, oracle.now) == oracle.may(need)
        generations.append(state.generation)
    assert generations == sorted(generations)


def _step(state: CacheState, oracle: Oracle, what: str, value: int) -> CacheState:
    now = oracle.now
    match what:
        case "wait":
            oracle.now += value
        case "fetch" | "unchanged" | "fail":
            oracle.attempts.append(now)
            return _fetched(cache.attempted(state, now), oracle, what, value)
        case "push":
            oracle.attempts, oracle.failures, oracle.good = [], 0, (now, 600, value)
            return cache.pushed(state, SETS[value], POLICY, now=now, luck=0)
        case "invalidate":
            oracle.attempts, oracle.failures, oracle.good = [], 0, None
            return cache.invalidated(state)
    return state


def _fetched(state: CacheState, oracle: Oracle, what: str, value: int) -> CacheState:
    if what == "fail" or (what == "unchanged" and oracle.good is None):
        oracle.failures += 1
    else:
        which = value if what == "fetch" or oracle.good is None else oracle.good[2]
        oracle.failures, oracle.good = 0, (oracle.now, 600, which)
    if what == "fail":
        return cache.failed(state, "down")
    keys = SETS[value] if what == "fetch" else None
    return cache.received(state, Receipt(keys, 600), POLICY, now=oracle.now, luck=0)

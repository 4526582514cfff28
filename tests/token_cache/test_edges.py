"""The token cache at its very limits, and its counters to the last one."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from tests.token_cache.desk import LIMITS, NOON, POLICY, Desk, at, make, new_cache, new_desk

from keyturn.jose.errors import TokenRejected
from keyturn.verify.policy import Policy
from keyturn.verify.token_cache import ENTRY_BYTES, TokenCachePolicy


@pytest.fixture
def desk() -> Desk:
    """A desk with a fresh key."""
    return new_desk()


def test_counters_count_every_time(desk: Desk) -> None:
    cache, other = new_cache(), new_desk()
    first, second = make(desk.key, sub="a"), make(desk.key, sub="b")
    for token in (first, second, first, second, first):
        cache.verify(token, desk.keys, POLICY, now=at(0))
    for _ in range(2):
        cache.verify(make(other.key), other.keys, POLICY, now=at(0))
        cache.verify(first, desk.keys, POLICY, now=at(0))
    for _ in range(3):
        cache.verify(make(desk.key, a="a" * 5000), desk.keys, POLICY, now=at(0))
    found = cache.stats()
    assert (found.hits, found.misses, found.resets, found.skipped) == (3, 6, 4, 3)


def test_a_token_of_the_longest_length_is_kept_and_one_more_is_not(desk: Desk) -> None:
    token = make(desk.key)
    for longest, kept in ((len(token), 1), (len(token) - 1, 0)):
        cache = new_cache(replace(LIMITS, max_token_bytes=longest))
        cache.verify(token, desk.keys, POLICY, now=at(0))
        assert (cache.stats().entries, cache.stats().skipped) == (kept, 1 - kept)


@pytest.mark.parametrize("token", ["", "a", "ab"])
def test_off_skips_even_the_shortest_text(desk: Desk, token: str) -> None:
    cache = new_cache(None)
    with pytest.raises(TokenRejected):
        cache.verify(token, desk.keys, POLICY, now=at(0))
    assert (cache.stats().skipped, cache.stats().misses) == (1, 0)


def test_leeway_lengthens_the_life_of_an_entry(desk: Desk) -> None:
    policy = Policy(
        algorithms=POLICY.algorithms, issuer=None, audience=None, leeway=30, require=frozenset()
    )
    cache, token = new_cache(), make(desk.key, exp=NOON + 60)
    cache.verify(token, desk.keys, policy, now=at(0))
    cache.verify(token, desk.keys, policy, now=at(89))
    assert (desk.material.computed, cache.stats().hits) == (1, 1)
    with pytest.raises(TokenRejected):
        cache.verify(token, desk.keys, policy, now=at(90))


@pytest.mark.parametrize("expiry", [60, 60.0, 60.25])
def test_the_last_moment_is_the_same_for_whole_and_broken_seconds(
    desk: Desk, expiry: float
) -> None:
    cache, token = new_cache(), make(desk.key, exp=NOON + expiry)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    assert cache.verify(token, desk.keys, POLICY, now=at(expiry - 0.001))
    assert cache.stats().hits == 1
    with pytest.raises(TokenRejected):
        cache.verify(token, desk.keys, POLICY, now=at(expiry))


def test_the_bytes_of_the_limit_are_allowed(desk: Desk) -> None:
    cache = new_cache()
    cache.verify(make(desk.key), desk.keys, POLICY, now=at(0))
    size = cache.stats().bytes
    assert size > ENTRY_BYTES
    for limit, kept in ((size, 1), (size - 1, 0)):
        tight = new_cache(replace(LIMITS, max_bytes=limit))
        tight.verify(make(desk.key), desk.keys, POLICY, now=at(0))
        assert (tight.stats().entries, tight.stats().evictions) == (kept, 1 - kept)


def test_a_used_entry_outlives_younger_ones_until_it_is_not_used_any_more(desk: Desk) -> None:
    cache = new_cache(TokenCachePolicy(max_entries=2))
    tokens = {name: make(desk.key, sub=name) for name in "abcdef"}

    def computes(name: str) -> bool:
        before = desk.material.computed
        cache.verify(tokens[name], desk.keys, POLICY, now=at(0))
        return desk.material.computed > before

    assert [computes(name) for name in "aba"] == [True, True, False]
    assert computes("c")  # b goes: a was used and waits one more round
    assert not computes("c")
    assert computes("d")  # a goes: it was not used again; c waits
    assert computes("a")
    assert cache.stats().evictions == 3


def test_all_used_entries_still_make_room(desk: Desk) -> None:
    cache = new_cache(TokenCachePolicy(max_entries=3))
    for round_ in range(4):
        for name in ("a", "b", "c"):
            token = make(desk.key, sub=f"{name}{round_}")
            cache.verify(token, desk.keys, POLICY, now=at(0))
            cache.verify(token, desk.keys, POLICY, now=at(0))
    # In each round the first newcomer finds all others used, and has to come twice.
    assert (cache.stats().entries, cache.stats().evictions) == (3, 12)


def test_answers_are_read_only_whichever_way_they_come(desk: Desk) -> None:
    for cache in (new_cache(), new_cache(None), new_cache(revoked=lambda _claims: False)):
        for _ in range(2):
            claims = cache.verify(make(desk.key), desk.keys, POLICY, now=at(0))
            assert isinstance(claims, MappingProxyType)


def test_every_entry_that_has_to_leave_is_counted(desk: Desk) -> None:
    large = make(desk.key, a="a" * 1500)
    sized = new_cache()
    sized.verify(large, desk.keys, POLICY, now=at(0))
    cache = new_cache(replace(LIMITS, max_bytes=sized.stats().bytes))
    for name in "abc":
        cache.verify(make(desk.key, sub=name), desk.keys, POLICY, now=at(0))
    held = cache.stats().entries
    assert held >= 2
    cache.verify(large, desk.keys, POLICY, now=at(0))
    assert cache.stats().entries == 1
    assert cache.stats().evictions == held

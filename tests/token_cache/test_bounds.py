"""The cache never grows beyond what it was given, and can be off."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from tests.token_cache.desk import POLICY, Desk, at, make, new_cache

from keyturn.errors import UsageError
from keyturn.jose.errors import TokenExpired
from keyturn.verify.token_cache import ENTRY_BYTES, TokenCachePolicy


def test_entries_are_bounded_and_the_used_ones_stay(desk: Desk) -> None:
    cache, loved = new_cache(TokenCachePolicy(max_entries=8)), make(desk.key)
    cache.verify(loved, desk.keys, POLICY, now=at(0))
    for number in range(50):
        cache.verify(make(desk.key, sub=str(number)), desk.keys, POLICY, now=at(0))
        cache.verify(loved, desk.keys, POLICY, now=at(0))
        assert cache.stats().entries <= 8
    assert desk.material.computed == 51
    assert cache.stats().evictions == 51 - 8


def test_bytes_are_bounded(desk: Desk) -> None:
    cache = new_cache(TokenCachePolicy(max_bytes=20_000))
    for number in range(200):
        token = make(desk.key, sub=str(number), pad="x" * (number % 10) * 100)
        cache.verify(token, desk.keys, POLICY, now=at(0))
        assert cache.stats().bytes <= 20_000
    assert 10 < cache.stats().entries < 60


def test_an_entry_larger_than_everything_is_not_kept(desk: Desk) -> None:
    cache = new_cache(TokenCachePolicy(max_bytes=ENTRY_BYTES))
    assert cache.verify(make(desk.key), desk.keys, POLICY, now=at(0))
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)


def test_long_tokens_are_verified_and_not_kept(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key, pad="x" * 5000)
    for _ in range(3):
        assert cache.verify(token, desk.keys, POLICY, now=at(0))
    assert desk.material.computed == 3
    assert (cache.stats().skipped, cache.stats().entries) == (3, 0)


def test_verifying_a_held_token_again_takes_no_more_room(desk: Desk) -> None:
    cache, token = new_cache(TokenCachePolicy(max_age=1)), make(desk.key)
    sizes = set[tuple[int, int]]()
    for seconds in range(50):
        cache.verify(token, desk.keys, POLICY, now=at(seconds))
        sizes.add((cache.stats().entries, cache.stats().bytes))
    assert len(sizes) == 1
    assert cache.stats().expired == 49


def test_off_is_off(desk: Desk) -> None:
    cache, token = new_cache(None), make(desk.key)
    claims = [cache.verify(token, desk.keys, POLICY, now=at(0)) for _ in range(3)]
    with pytest.raises(TypeError):
        cast("dict[str, object]", claims[0])["role"] = "service_role"
    assert desk.material.computed == 3
    with pytest.raises(TokenExpired):
        cache.verify(token, desk.keys, POLICY, now=at(3600))


def test_clear_forgets(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    cache.clear()
    assert cache.stats().entries == 0
    cache.verify(token, desk.keys, POLICY, now=at(0))
    assert desk.material.computed == 2


@pytest.mark.parametrize("name", ["max_entries", "max_bytes", "max_token_bytes", "max_age"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_impossible_bounds_are_refused(name: str, value: float) -> None:
    impossible: dict[str, Any] = {name: value}
    with pytest.raises(UsageError, match=name):
        TokenCachePolicy(**impossible)


def test_a_cached_token_takes_less_than_a_kilobyte(desk: Desk) -> None:
    metadata = {"email": "user@example.com", "email_verified": True, "name": "x" * 300}
    batch = [make(desk.key, sub=f"user-{n:08}", user_metadata=metadata) for n in range(2000)]
    assert len(batch[0]) > 800
    cache = new_cache()
    cache.verify(batch.pop(), desk.keys, POLICY, now=at(0))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token in batch:
            cache.verify(token, desk.keys, POLICY, now=at(0))
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / len(batch)
    finally:
        tracemalloc.stop()
    assert each < 1024
    assert 0.7 * each < cache.stats().bytes / cache.stats().entries < 1.5 * each


def test_threads_share_it(desk: Desk) -> None:
    cache = new_cache(TokenCachePolicy(max_entries=20))
    batch = [(make(desk.key, sub=str(number)), str(number)) for number in range(60)]
    start = threading.Barrier(8)
    other = desk.again()

    def hammer(turn: int) -> int:
        start.wait()
        for round_ in range(400):
            token, subject = batch[(turn * 7 + round_ * (turn + 1)) % len(batch)]
            keys = other if turn == 0 and round_ % 50 == 0 else desk.keys
            assert cache.verify(token, keys, POLICY, now=at(0))["sub"] == subject
            assert cache.stats().entries <= 20
        return 400

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hammer, range(8))) == 3200
    stats = cache.stats()
    assert stats.entries <= 20
    assert stats.bytes <= 20 * (ENTRY_BYTES + 400)

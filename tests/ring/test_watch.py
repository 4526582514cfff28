"""Every process sees a change in under a second; a lost notification only delays it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from tests.support.rings import NOW, Rings, forced

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.ring_watch import RingWatcher
from keyturn.adapters.sealing import Sealer
from keyturn.flows import keys
from keyturn.keyring.errors import RingNotInitialised
from keyturn.keyring.ring import KeyRing


async def watcher_of(rings: Rings, pool: Pool, poll_seconds: float | None) -> RingWatcher:
    """Start a watcher on ``pool``, as a process of its own would have one."""
    store = PostgresRingStore(pool, Sealer([rings.master]))
    watcher = RingWatcher(pool, store, poll_seconds=poll_seconds)
    await watcher.start()
    return watcher


async def seconds_until(condition: Callable[[], bool], *, at_most: float) -> float:
    """Return how long ``condition`` took to become true; fails after ``at_most`` seconds."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while not condition():
        assert clock() - begun < at_most, f"not within {at_most} s"
        await asyncio.sleep(0.005)
    return clock() - begun


def ends_with(seen: list[int], version: int) -> bool:
    """Tell whether ``version`` was the last one seen."""
    return seen[-1:] == [version]


async def deaf(_channel: str, _callback: object) -> None:
    """Stand for a LISTEN whose notifications never arrive."""


async def test_a_rotation_reaches_another_process_by_notification_alone(rings: Rings) -> None:
    bench = await rings.bench()
    watcher = await watcher_of(rings, await rings.pool(), None)
    seen: list[KeyRing] = []
    watcher.subscribe(seen.append)
    standby = watcher.current().standby[0].kid
    await keys.rotate(bench, forced())
    await seconds_until(lambda: watcher.current().in_use.kid == standby, at_most=1.0)
    assert [ring.in_use.kid for ring in seen] == [standby]
    assert watcher.current().signing_key.kid == standby
    await watcher.stop()


async def test_a_lost_notification_is_made_good_by_the_poll(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await rings.bench()
    pool = await rings.pool()
    monkeypatch.setattr(pool, "listen", deaf)
    watcher = await watcher_of(rings, pool, 0.1)
    standby = watcher.current().standby[0].kid
    await keys.rotate(bench, forced())
    await seconds_until(lambda: watcher.current().in_use.kid == standby, at_most=2.0)
    await watcher.stop()


async def test_without_notification_and_poll_nothing_is_seen(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two tests above would pass for a watcher that asks all the time; this one would not."""
    bench = await rings.bench()
    pool = await rings.pool()
    monkeypatch.setattr(pool, "listen", deaf)
    watcher = await watcher_of(rings, pool, None)
    before = watcher.current()
    await keys.rotate(bench, forced())
    await asyncio.sleep(0.3)
    assert watcher.current() is before
    await watcher.refresh()
    assert watcher.current().version == before.version + 1
    await watcher.stop()


async def test_a_snapshot_is_never_replaced_by_an_older_one(rings: Rings) -> None:
    """Two reads may overlap and end in the wrong order."""
    bench = await rings.bench()
    watcher = await watcher_of(rings, await rings.pool(), None)
    old = await bench.store.load()
    await keys.rotate(bench, forced())
    await seconds_until(lambda: watcher.current().version == old.version + 1, at_most=1.0)
    newest = watcher.current()
    watcher._swap(old)
    assert watcher.current() is newest
    await watcher.stop()


async def test_the_snapshot_serves_on_while_the_ring_cannot_be_read(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring that this process cannot unseal is reported and does not replace the good one."""
    bench = await rings.bench()
    watcher = await watcher_of(rings, await rings.pool(), None)
    good = watcher.current()
    other = Rings(rings.database)
    stranger = keys.Bench(await other.store(other.master, rings.master), bench.policy, os.urandom)
    await keys.generate(stranger, forced())
    await seconds_until(lambda: watcher.failures > 0, at_most=2.0)
    assert watcher.current() is good
    await watcher.stop()


async def test_a_failing_subscriber_stops_neither_the_others_nor_the_watch(rings: Rings) -> None:
    bench = await rings.bench()
    watcher = await watcher_of(rings, await rings.pool(), None)
    seen: list[int] = []

    def broken(_ring: KeyRing) -> None:
        raise ValueError("a subscriber's fault")

    watcher.subscribe(broken)
    watcher.subscribe(lambda ring: seen.append(ring.version))
    for version in (2, 3):
        await keys.generate(bench, forced())
        await seconds_until(partial(ends_with, seen, version), at_most=1.0)
    await watcher.stop()


async def test_the_watch_outlives_a_failure_of_any_kind(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await rings.bench()
    pool = await rings.pool()
    store = PostgresRingStore(pool, Sealer([rings.master]))
    watcher = RingWatcher(pool, store, poll_seconds=None)
    await watcher.start()
    broken = AsyncFault(store.load)
    monkeypatch.setattr(store, "load", broken)
    await keys.generate(bench, forced())
    await seconds_until(lambda: watcher.failures == 1, at_most=1.0)
    broken.healed = True
    await keys.generate(bench, forced())
    await seconds_until(lambda: watcher.current().version == 3, at_most=1.0)
    assert watcher.failures == 0
    await watcher.stop()


class AsyncFault:
    """A reading that fails until it is healed."""

    def __init__(self, load: Callable[[], Awaitable[KeyRing]]) -> None:
        self.healed = False
        self._load = load

    async def __call__(self) -> KeyRing:
        if not self.healed:
            raise ValueError("a fault that nobody foresaw")
        return await self._load()


async def test_the_ring_is_not_readable_before_the_start(rings: Rings) -> None:
    pool = await rings.pool()
    watcher = RingWatcher(pool, await rings.store())
    with pytest.raises(RingNotInitialised):
        watcher.current()


async def test_a_watcher_of_an_empty_ring_sees_the_first_keys(rings: Rings) -> None:
    watcher = await watcher_of(rings, await rings.pool(), None)
    assert watcher.current().keys == ()
    with pytest.raises(RingNotInitialised):
        _ = watcher.current().signing_key
    await keys.ensure(await rings.store(), now=NOW, entropy=os.urandom)
    await seconds_until(lambda: bool(watcher.current().keys), at_most=1.0)
    await watcher.stop()

"""The fast clock: it leaves nothing out, and stands still while a request is on its way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.flows import rehearse_clock
from keyturn.flows.rehearse_clock import FastClock, RehearsalStuck

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def clock() -> FastClock:
    """Return a clock whose real time stands still."""
    return FastClock(lambda: START)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.integers(1, 2000))
def test_everybody_acts_at_their_times_and_in_order(periods: list[int], length: int) -> None:
    # Oracle: whoever sleeps p seconds at a time acts at p, 2p, 3p, … up to the end.
    expected = sorted(n * p for p in periods for n in range(1, length // p + 1))
    seen: list[int] = []

    async def act(watch: FastClock, period: int) -> None:
        with watch.taking_part():
            while True:
                await watch.sleep(period)
                seen.append(round((watch() - START).total_seconds()))

    async def run() -> None:
        watch = clock()
        tasks = [asyncio.create_task(act(watch, period)) for period in periods]
        await watch.advance(0)
        await watch.advance(length)
        assert watch() == START + timedelta(seconds=length)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert seen == expected


async def test_time_stands_still_while_a_request_is_on_its_way() -> None:
    watch = clock()
    async with watch.request():
        passing = asyncio.create_task(watch.advance(10))
        for _ in range(20):
            await asyncio.sleep(0)
        assert watch() == START
    await passing
    assert watch() == START + timedelta(seconds=10)


async def test_no_request_begins_while_time_jumps() -> None:
    watch = clock()
    moments: set[datetime] = set()

    async def ask() -> None:
        for _ in range(50):
            async with watch.request():
                before = watch()
                await asyncio.sleep(0)
                assert watch() == before
                moments.add(before)

    asking = asyncio.create_task(ask())
    while not asking.done():
        await watch.advance(1)
    await asking
    assert len(moments) > 1


async def test_a_change_wakes_whoever_would_have_slept_for_long() -> None:
    watch = clock()
    acts = 0

    async def act() -> None:
        nonlocal acts
        with watch.taking_part():
            while True:
                await watch.pause(calm=1000, busy=1)
                acts += 1

    task = asyncio.create_task(act())
    await watch.advance(500)
    assert acts == 0
    with watch.busily():
        await watch.advance(5)
        assert 4 <= acts <= 6
        with watch.calmly():
            await watch.advance(500)
    seen = acts
    await watch.advance(400)
    assert acts - seen <= 2
    task.cancel()


async def test_somebody_who_never_sleeps_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse_clock, "_STUCK_SECONDS", 0.05)
    watch = clock()
    with watch.taking_part(), pytest.raises(RehearsalStuck):
        await watch.advance(1)


async def test_who_leaves_is_not_waited_for() -> None:
    watch = clock()

    async def act() -> None:
        with watch.taking_part():
            await watch.sleep(3600)

    task = asyncio.create_task(act())
    await watch.advance(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await watch.advance(1)
    assert watch() == START + timedelta(seconds=2)

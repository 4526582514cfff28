"""Places: served in order, never lost, whatever is cancelled when."""

from __future__ import annotations

import asyncio
import random

import pytest

from keyturn.adapters.postgres.places import Places


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_waiters_are_served_in_order() -> None:
    places = Places(1)
    await places.take(soon())
    order: list[int] = []

    async def wait(n: int) -> None:
        await places.take(soon())
        order.append(n)
        places.put(None)

    tasks = [asyncio.create_task(wait(n)) for n in range(5)]
    await asyncio.sleep(0)
    places.put(None)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert places.free == 1


async def test_the_deadline_is_kept() -> None:
    places = Places(1)
    await places.take(soon())
    with pytest.raises(TimeoutError):
        await places.take(soon(0.01))
    places.put(None)
    assert places.free == 1


async def test_a_waiter_served_and_cancelled_at_once_gives_its_place_on() -> None:
    places = Places(1)
    await places.take(soon())
    served = asyncio.create_task(places.take(soon()))
    await asyncio.sleep(0)
    places.put(None)
    served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await served
    assert places.free == 1


async def test_a_cancelled_waiter_is_passed_over() -> None:
    places = Places(1)
    await places.take(soon())
    first, second = (asyncio.create_task(places.take(soon())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    places.put(None)
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    places.put(None)
    assert places.free == 1


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_ever_lost(seed: int) -> None:
    dice = random.Random(seed)
    places = Places(3)

    async def use() -> None:
        await places.take(soon(dice.choice([0.0005, 5])))
        try:
            await asyncio.sleep(dice.random() / 1000)
        finally:
            places.put(None)

    tasks = [asyncio.create_task(use()) for _ in range(40)]
    for task in dice.sample(tasks, 20):
        await asyncio.sleep(dice.random() / 2000)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert places.free == 3

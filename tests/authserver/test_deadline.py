"""The deadline of requests, beside ``asyncio.timeout``, which it replaces."""

from __future__ import annotations

import asyncio

import pytest

from keyturn.authserver.deadline import Deadline


async def test_what_takes_too_long_is_interrupted_and_nothing_else() -> None:
    deadline = Deadline(0.02)

    async def work(seconds: float) -> str:
        with deadline:
            await asyncio.sleep(seconds)
        return "done"

    slow, quick, later = await asyncio.gather(work(30), work(0), work(30), return_exceptions=True)
    assert isinstance(slow, TimeoutError)
    assert isinstance(later, TimeoutError)
    assert quick == "done"
    assert await work(0) == "done"
    with pytest.raises(TimeoutError):
        await work(30)


async def test_the_task_goes_on_after_its_deadline() -> None:
    deadline = Deadline(0.01)
    with pytest.raises(TimeoutError), deadline:
        await asyncio.sleep(30)
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    deadline = Deadline(30)

    async def work() -> None:
        with deadline:
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_of_the_block_passes_through() -> None:
    with pytest.raises(ValueError, match="mine"), Deadline(30):
        raise ValueError("mine")

"""Many callers, one fetch: across threads, across event loops, and when some of them give up."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.verifier.issuer import NEW, OLD, STRANGE, Bench, Gate, Issuer, token

from keyturn import CachePolicy, TokenRejected


def test_two_hundred_callers_of_an_unknown_key_share_one_fetch(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(31)
    bench.issuer.publish(OLD, NEW)
    gate = bench.issuer.before = Gate()
    text, subjects = token(NEW), list[object]()

    def in_a_thread() -> None:
        subjects.append(bench.verifier.verify_now(text)["sub"])

    async def on_a_loop() -> None:
        found = await asyncio.gather(*(bench.verifier.verify(text) for _ in range(50)))
        subjects.extend(claims["sub"] for claims in found)

    with ThreadPoolExecutor(103) as pool:
        waiting = [pool.submit(in_a_thread) for _ in range(100)]
        waiting += [pool.submit(lambda: asyncio.run(on_a_loop())) for _ in range(2)]
        assert gate.reached.wait(5)
        gate.open.set()
        for one in waiting:
            one.result(10)
    assert subjects == ["u"] * 200
    assert bench.issuer.asked == 2


def test_a_cold_start_of_many_threads_is_one_fetch(bench: Bench) -> None:
    gate = bench.issuer.before = Gate()
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(bench.verifier.verify_now, token(OLD)) for _ in range(50)]
        assert gate.reached.wait(5)
        gate.open.set()
        assert {one.result(10)["sub"] for one in waiting} == {"u"}
    assert bench.issuer.asked == 1


async def test_one_who_gives_up_does_not_take_the_others_along(bench: Bench) -> None:
    gate = bench.issuer.before = Gate()
    impatient = asyncio.create_task(bench.verifier.verify(token(OLD)))
    patient = asyncio.create_task(bench.verifier.verify(token(OLD)))
    await asyncio.to_thread(gate.reached.wait, 5)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    gate.open.set()
    assert (await patient)["sub"] == "u"
    assert bench.issuer.asked == 1


async def test_a_waiting_caller_does_not_block_its_event_loop(bench: Bench) -> None:
    gate = bench.issuer.before = Gate()
    waiting = asyncio.create_task(bench.verifier.verify(token(OLD)))
    await asyncio.to_thread(gate.reached.wait, 5)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.open.set()
    assert (await waiting)["sub"] == "u"


def test_a_loop_that_ends_early_disturbs_nobody(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    gate = bench.issuer.before = Gate()

    async def brief() -> None:
        waiting = asyncio.create_task(bench.verifier.verify(token(OLD)))
        await asyncio.to_thread(gate.reached.wait, 5)
        assert not waiting.done()

    asyncio.run(brief())
    gate.open.set()
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    assert caplog.records == []


def test_nobody_waits_longer_than_the_deadline_of_the_fetch(issuer: Issuer) -> None:
    bench = Bench(issuer, CachePolicy(fetch_deadline=0.2))
    gate = issuer.before = Gate()
    bench.verifier.push({"keys": [OLD.verifying_key().public_jwk()]})
    with pytest.raises(TokenRejected) as refused:
        bench.verifier.verify_now(token(STRANGE))
    gate.open.set()
    assert refused.value.code == "unknown_kid"
    bench.verifier.close()


def test_a_forked_child_has_keys_and_a_background_of_its_own(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(31)
    bench.issuer.publish(OLD, NEW)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is the point
        child = os.fork()
    if child == 0:
        try:
            known = bench.verifier.verify_now(token(OLD))["sub"]
            found = bench.verifier.verify_now(token(NEW))["sub"]
            os.write(write, f"{known}{found}".encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"uu"
    os.close(read)
    os.waitpid(child, 0)
    assert threading.active_count() > 1

"""How the verifier's cost grows: with threads, tokens held, token size, keys, distinct tokens."""

from __future__ import annotations

import gc
import os
import statistics
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from bench.panels import Panel
from bench.report import Report
from bench.rivals import AWS, OURS, RAW, REMEMBERED, keyturn_verify, raw_verify, with_aws_lc
from bench.rounds import Call, interleaved, microseconds
from bench.tokens import AUDIENCE, ISSUER, Case, claims, claims_of_size
from keyturn import Verifier
from keyturn.jose import jwt, keys
from keyturn.jose.jwks import KeySet
from keyturn.verify.policy import Policy
from keyturn.verify.token_cache import TokenCache, TokenCachePolicy

SIZES = (512, 1024, 2048, 4096, 8192)
KEY_COUNTS = (1, 10, 100)
TOKEN_COUNTS = (1, 1_000, 10_000, 100_000, 1_000_000)
ALONE = 201  # times that one token by itself is shown to a new cache
BATCH = 10_000


FIRST, AGAIN = "first time", "seen before"


def threads(report: Report, case: Case, rounds: int) -> None:
    """Verifications per second with one thread and with two; raw shows what the cores allow."""
    report.section(f"Threads, verify {case.alg}, tokens never seen before")
    calls = {RAW: raw_verify(case), OURS: keyturn_verify(case, remember=False)}
    fast = with_aws_lc(lambda: keyturn_verify(case, remember=False))
    if fast is not None:
        calls[AWS] = fast
    cores = min(2, os.cpu_count() or 1)
    for name, call in calls.items():
        pairs = [(_rate(call, 1), _rate(call, cores)) for _ in range(max(3, rounds // 5))]
        report.row(f"{name}, one thread", f"{statistics.median(one for one, _ in pairs):,.0f}/s")
        report.row(
            f"{name}, {cores} threads",
            f"{statistics.median(both for _, both in pairs):,.0f}/s",
            f"{statistics.median(both / one for one, both in pairs):.2f} times one",
        )


def _rate(call: Call, workers: int, count: int = 3000) -> float:
    start = threading.Barrier(workers + 1)

    def work() -> None:
        start.wait()
        for _ in range(count):
            call()

    with ThreadPoolExecutor(workers) as pool:
        waits = [pool.submit(work) for _ in range(workers)]
        start.wait()
        started = time.perf_counter()
        for wait in waits:
            wait.result()
        return workers * count / (time.perf_counter() - started)


def memory(report: Report, key: keys.SigningKey, count: int = 5000) -> None:
    """Bytes that one remembered token takes."""
    report.section("Memory of the token cache")
    batch = [jwt.encode(claims(), key) for _ in range(count)]
    verifier = Verifier.static(
        KeySet([key.verifying_key()]), issuer=ISSUER, audience=AUDIENCE, algorithms={key.alg}
    )
    verifier.verify_now(batch[0])
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for token in batch:
        verifier.verify_now(token)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    report.row("per cached token", f"{each:.0f} B", f"tokens of {len(batch[0])} bytes; aim: 1 KB")


def token_size(report: Report, case: Case, rounds: int) -> Panel:
    """Tokens of 0.5 to 8 KB."""
    report.section("Growth with the size of the token (ES256; first time, seen before)")
    panel = Panel("bytes of the token (ES256)")
    for size in SIZES:
        token = jwt.encode(claims_of_size(size, case.key), case.key)
        sized = Case(case.alg, case.key, token)
        pair = {
            name: keyturn_verify(sized, remember=name == REMEMBERED) for name in (OURS, REMEMBERED)
        }
        times = interleaved(pair, rounds)
        kept = "" if len(token) <= TokenCachePolicy().max_token_bytes else "not kept: over 4 KB"
        first, again = times.median(OURS), times.median(REMEMBERED)
        report.row(f"{len(token):,} bytes", f"{first:.1f} µs, {again:.1f} µs", kept)
        panel.add(FIRST, len(token), first)
        panel.add(AGAIN, len(token), again)
    return panel


def key_count(report: Report, case: Case, rounds: int) -> Panel:
    """Sets of 1 to 100 keys."""
    report.section("Growth with the number of keys in the set (ES256; first time, seen before)")
    panel = Panel("keys in the set (ES256)")
    calls: dict[str, Call] = {}
    for count in KEY_COUNTS:
        names = [f"other-{n}" for n in range(count - 1)]
        others = [keys.generate("ES256", kid=name).verifying_key() for name in names]
        key_set = KeySet([*others, case.verifying])
        for line, cache in ((FIRST, None), (AGAIN, TokenCachePolicy())):
            verifier = Verifier.static(
                key_set, issuer=ISSUER, audience=AUDIENCE, algorithms={"ES256"}, token_cache=cache
            )
            calls[f"{line} {count}"] = partial(verifier.verify_now, case.token)
    times = interleaved(calls, rounds)
    for count in KEY_COUNTS:
        first, again = (times.median(f"{line} {count}") for line in (FIRST, AGAIN))
        report.row(f"{count} keys", f"{first:.1f} µs, {again:.1f} µs")
        panel.add(FIRST, count, first)
        panel.add(AGAIN, count, again)
    return panel


def distinct_tokens(report: Report, most: int) -> Panel:
    """Distinct HS256 tokens, each verified twice: the second pass shows what is still held."""
    report.section("Growth with distinct tokens (HS256, cache of 10,000 entries)")
    panel = Panel("distinct tokens (HS256)")
    key = keys.generate("HS256", kid="many")
    policy = Policy(algorithms=frozenset({"HS256"}), issuer=ISSUER, audience=AUDIENCE)
    key_set, now = KeySet([key.verifying_key()]), datetime.now(UTC)
    for count in (one for one in TOKEN_COUNTS if one <= most):
        # A single token is too short to time, so it is shown to many caches.
        runs = [_run(count, key, key_set, policy, now) for _ in range(max(1, ALONE // count))]
        first = 1e6 * statistics.median(spent for spent, _, _ in runs) / count
        _, cache, last = runs[-1]
        again = partial(cache.verify, last, key_set, policy, now=now)
        hit = statistics.median(microseconds(again, 200) for _ in range(9))
        stats = cache.stats()
        report.row(
            f"{count:,} tokens",
            f"{first:.1f} µs, {hit:.1f} µs",
            f"first time, seen before; {stats.entries:,} held, {stats.bytes / 2**20:.1f} MB",
        )
        panel.add(FIRST, count, first)
        panel.add(AGAIN, count, hit)
    return panel


def _run(
    count: int, key: keys.SigningKey, key_set: KeySet, policy: Policy, now: datetime
) -> tuple[float, TokenCache, str]:
    """Show ``count`` tokens to a new cache; returns the seconds, the cache and the last token."""
    cache, spent, batch = TokenCache(TokenCachePolicy(), lock=threading.Lock()), 0.0, [""]
    for part in range(0, count, BATCH):
        batch = [jwt.encode(claims(), key) for _ in range(min(BATCH, count - part))]
        started = time.perf_counter()
        for token in batch:
            cache.verify(token, key_set, policy, now=now)
        spent += time.perf_counter() - started
    return spent, cache, batch[-1]

"""The verifier beside the signature alone and beside other libraries, and how its cost grows."""

from __future__ import annotations

import gc
import os
import statistics
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

from bench import node_rivals, plot
from bench.report import Report
from bench.rivals import CORE, OURS, RAW, REMEMBERED, SEEN, keyturn_verify, signers, verifiers
from bench.rounds import Times, interleaved, microseconds
from bench.tokens import ALGORITHMS, AUDIENCE, ISSUER, Case, claims, claims_of_size
from keyturn import Verifier
from keyturn.jose import jwt, keys
from keyturn.jose.jwks import KeySet
from keyturn.verify.policy import Policy
from keyturn.verify.token_cache import TokenCache, TokenCachePolicy

PACKAGES = ("cryptography", "joserfc", "PyJWT", "authlib", "jwcrypto", "python-jose", "msgspec")
SIZES = (512, 1024, 2048, 4096, 8192)
KEY_COUNTS = (1, 10, 100)
TOKEN_COUNTS = (1, 1_000, 10_000, 100_000, 1_000_000)
IMAGE = Path(__file__).parents[1] / "docs" / "images" / "verify.svg"


def measure(report: Report, rounds: int) -> dict[str, Times]:
    """Run everything; returns the times of verifying, by algorithm, for the plot."""
    warnings.simplefilter("ignore")  # other libraries deprecate parts of themselves
    cases = [Case.fresh(alg) for alg in ALGORITHMS]
    node = node_rivals.Node.start(cases)
    found = {name: version(name) for name in PACKAGES}
    if node is not None:
        found |= node_rivals.versions()
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    report.note(
        f"**{OURS}** is `Verifier.verify_now` with the cache of tokens off, **{CORE}** the "
        "function under it that the Auth server calls, **raw** the signature alone in a tight "
        "loop. A part of what is over raw is not code: a signature empties the processor's "
        "caches, and each side then runs slower after the other. A set of more than 64 keys "
        "is refused when it is read from a document; the row of 100 was made in memory. The "
        "aims were set when the raw ES256 signature took 46.6 µs on such a machine: scale "
        "them by today's."
    )
    report.note(f"Versions: {listed}; {backend.openssl_version_text()}.")
    all_times: dict[str, Times] = {}
    try:
        for case in cases:
            all_times[case.alg] = _verifying(report, case, rounds, node)
    finally:
        if node is not None:
            node.close()
    for case in cases:
        _signing(report, case, rounds)
    _threads(report, cases[0], rounds)
    _memory(report, cases[-1].key)
    _growth(report, cases[0], rounds)
    _many_tokens(report)
    return all_times


def draw(times: dict[str, Times]) -> None:
    """Write the plot of the verifying times."""
    bars = {
        alg: {name: one.median(name) for name in one.rounds if name != RAW and SEEN not in name}
        for alg, one in times.items()
    }
    lines = {alg: one.median(RAW) for alg, one in times.items()}
    plot.write(IMAGE, bars, lines, best=OURS)


def _verifying(report: Report, case: Case, rounds: int, node: node_rivals.Node | None) -> Times:
    times = interleaved(verifiers(case), rounds, elsewhere=node, group=case.alg)
    report.section(f"Verify {case.alg}, a token of {len(case.token)} bytes")
    for name in sorted(times.rounds, key=times.median):
        report.row(name, f"{times.median(name):.1f} µs", _beside(times, name))
    return times


def _beside(times: Times, name: str) -> str:
    if name == RAW:
        return "the signature alone"
    if name in (CORE, OURS):
        return f"{times.over(name, RAW):+.1f} µs over raw"
    if name == REMEMBERED:
        return f"{times.ratio(OURS, name):.0f} times as fast as the first time; aim: 3 µs"
    return f"{times.ratio(name, OURS):.2f} times Keyturn, {times.ratio(name, CORE):.2f} times core"


def _signing(report: Report, case: Case, rounds: int) -> None:
    times = interleaved(signers(case), rounds)
    report.section(f"Sign {case.alg}")
    for name in sorted(times.rounds, key=times.median):
        note = f"{times.over(name, RAW):+.1f} µs over raw" if name != RAW else "the signature alone"
        report.row(name, f"{times.median(name):.1f} µs", note)


def _threads(report: Report, case: Case, rounds: int) -> None:
    report.section(f"Threads, verify {case.alg}, tokens never seen before")
    call = keyturn_verify(case, remember=False)
    cores, count = min(2, os.cpu_count() or 1), 3000

    def rate(workers: int) -> float:
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

    pairs = [(rate(1), rate(cores)) for _ in range(max(3, rounds // 5))]
    report.row("one thread", f"{statistics.median(one for one, _ in pairs):,.0f}/s")
    report.row(
        f"{cores} threads",
        f"{statistics.median(both for _, both in pairs):,.0f}/s",
        f"{statistics.median(both / one for one, both in pairs):.2f} times one",
    )


def _memory(report: Report, key: keys.SigningKey, count: int = 5000) -> None:
    report.section("Memory of the token cache")
    batch = [jwt.encode(claims(), key) for _ in range(count)]
    verifier = _verifier(key)
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


def _growth(report: Report, case: Case, rounds: int) -> None:
    report.section("Growth with the size of the token (ES256; first time, seen before)")
    for size in SIZES:
        token = jwt.encode(claims_of_size(size, case.key), case.key)
        sized = Case(case.alg, case.key, token)
        pair = {
            name: keyturn_verify(sized, remember=name == REMEMBERED) for name in (OURS, REMEMBERED)
        }
        times = interleaved(pair, rounds)
        kept = "" if len(token) <= TokenCachePolicy().max_token_bytes else "not kept: over 4 KB"
        shown = f"{times.median(OURS):.1f} µs, {times.median(REMEMBERED):.1f} µs"
        report.row(f"{len(token):,} bytes", shown, kept)
    report.section("Growth with the number of keys in the set (ES256, first time)")
    calls = {}
    for count in KEY_COUNTS:
        others = [
            keys.generate("ES256", kid=f"other-{n}").verifying_key() for n in range(count - 1)
        ]
        verifier = Verifier.static(
            KeySet([*others, case.verifying]),
            issuer=ISSUER, audience=AUDIENCE, algorithms={"ES256"}, token_cache=None,
        )  # fmt: skip
        calls[f"{count} keys"] = lambda verifier=verifier: verifier.verify_now(case.token)
    times = interleaved(calls, rounds)
    for name in calls:
        report.row(name, f"{times.median(name):.1f} µs")


def _many_tokens(report: Report) -> None:
    """Distinct HS256 tokens, each verified twice: the second pass shows what is still held."""
    report.section("Growth with distinct tokens (HS256, cache of 10,000 entries)")
    key = keys.generate("HS256", kid="many")
    policy = Policy(algorithms=frozenset({"HS256"}), issuer=ISSUER, audience=AUDIENCE)
    key_set, now = KeySet([key.verifying_key()]), datetime.now(UTC)
    for count in TOKEN_COUNTS:
        cache = TokenCache(TokenCachePolicy(), lock=threading.Lock())
        spent = 0.0
        done = 0
        for part in range(0, count, 10_000):
            batch = [jwt.encode(claims(), key) for _ in range(min(10_000, count - part))]
            started = time.perf_counter()
            for token in batch:
                cache.verify(token, key_set, policy, now=now)
            spent += time.perf_counter() - started
            done += len(batch)
        last = batch[-1]
        again = partial(cache.verify, last, key_set, policy, now=now)
        hit = statistics.median(microseconds(again, 200) for _ in range(9))
        stats = cache.stats()
        report.row(
            f"{count:,} tokens",
            f"{1e6 * spent / done:.1f} µs, {hit:.1f} µs",
            f"first time, seen before; {stats.entries:,} held, {stats.bytes / 2**20:.1f} MB",
        )


def _verifier(key: keys.SigningKey) -> Verifier:
    return Verifier.static(
        KeySet([key.verifying_key()]), issuer=ISSUER, audience=AUDIENCE, algorithms={key.alg}
    )

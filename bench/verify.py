"""The verifier beside the signature alone and beside other libraries, and how its cost grows."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

from bench import growth, node_rivals, plot, plot_lines
from bench.panels import Panel
from bench.report import Report
from bench.rivals import AWS, AWS_RAW, CORE, OURS, RAW, REMEMBERED, SEEN, signers, verifiers
from bench.rounds import Times, interleaved
from bench.tokens import ALGORITHMS, Case

PACKAGES = (
    "cryptography",
    "joserfc",
    "PyJWT",
    "authlib",
    "jwcrypto",
    "python-jose",
    "msgspec",
    "awscrt",
)
# What joserfc took over the raw signature (µs) where the aims were set: the same Python work, so
# the ratio to today's is how much slower Python runs here.
JOSERFC_THEN = {"verify ES256": 22.4, "verify HS256": 19.2, "sign ES256": 17.4}
IMAGE = Path(__file__).parents[1] / "docs" / "images" / "verify.svg"
GROWTH_IMAGE = IMAGE.with_name("verify-growth.svg")


def measure(report: Report, rounds: int, most_tokens: int) -> tuple[dict[str, Times], list[Panel]]:
    """Run everything; returns the times of verifying by algorithm, and the growth, for plots."""
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
        "aims in µs (+10 to verify ES256, +6 to sign, 3 for a token seen before) were set on a "
        "machine where Python ran faster: each is also given **scaled** by what joserfc, all "
        "Python over the same raw signature, took over raw in this run and then."
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
    growth.threads(report, cases[0], rounds)
    growth.memory(report, cases[-1].key)
    panels = [
        growth.token_size(report, cases[0], rounds),
        growth.key_count(report, cases[0], rounds),
        growth.distinct_tokens(report, most_tokens),
    ]
    return all_times, panels


def draw(times: dict[str, Times], panels: list[Panel]) -> None:
    """Write the plots of the verifying times and of their growth."""
    plot_lines.write(GROWTH_IMAGE, panels)
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
        report.row(name, f"{times.median(name):.1f} µs", _beside(times, name, case.alg))
    return times


def _beside(times: Times, name: str, alg: str) -> str:
    if name == RAW:
        return "the signature alone"
    if name in (CORE, OURS, AWS, AWS_RAW):
        note = f"{times.over(name, RAW):+.1f} µs over raw, {times.ratio(name, RAW):.2f} times raw"
        return note + (_scaled(times, f"verify {alg}", 10) if name in (CORE, OURS) else "")
    if name == REMEMBERED:
        note = f"{times.ratio(OURS, name):.0f} times as fast as the first time"
        return note + _scaled(times, f"verify {alg}", 3)
    return f"{times.ratio(name, OURS):.2f} times Keyturn, {times.ratio(name, CORE):.2f} times core"


def _scaled(times: Times, work: str, aim: float) -> str:
    """Return the aim for ``work`` in µs, as it was set and at the speed of Python here."""
    then = JOSERFC_THEN.get(work)
    if then is None:
        return ""
    return f"; aim: {aim} µs, scaled {aim * times.over('joserfc', RAW) / then:.1f} µs"


def _signing(report: Report, case: Case, rounds: int) -> None:
    times = interleaved(signers(case), rounds)
    report.section(f"Sign {case.alg}")
    for name in sorted(times.rounds, key=times.median):
        note = f"{times.over(name, RAW):+.1f} µs over raw" if name != RAW else "the signature alone"
        if name == OURS:
            note += _scaled(times, f"sign {case.alg}", 6)
        report.row(name, f"{times.median(name):.1f} µs", note)

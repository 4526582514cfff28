"""Everything that the README and the docs claim in numbers, measured in one run."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil
from tests.support.stack import NOTES, Stack, free_port, keyturn

from bench import accounts, auth, changes, doctor, pages, verify
from bench.load import Repeat, Script, request, run
from bench.report import Report

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def listening_port(pid: int) -> int:
    """The loopback port on which ``pid`` (or a child) accepts connections."""
    top = psutil.Process(pid)
    for process in (top, *top.children(recursive=True)):
        for connection in process.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                return int(connection.laddr.port)
    raise SystemExit(f"process {pid} listens on no port")


def reads(report: Report, stack: Stack, auth_port: int, seconds: float) -> None:
    """JWKS direct and through Envoy; one-row reads through Envoy."""
    report.section("Reads, 32 connections")
    stack.rows(
        "insert into public.notes (owner, body) values (gen_random_uuid(), 'one') returning id"
    )
    secret = {"apikey": stack.info["secret_key"]}
    cases = (
        ("JWKS, direct", auth_port, "/.well-known/jwks.json", {}),
        ("JWKS, through Envoy", stack.port, "/auth/v1/.well-known/jwks.json", {}),
        (
            "REST stand-in, one row, through Envoy",
            stack.port,
            "/rest/v1/notes?select=id&limit=1",
            secret,
        ),
    )
    for name, port, path, headers in cases:
        scripts: list[Script] = [Repeat(request("GET", path, headers)) for _ in range(32)]
        result = run(port, scripts, seconds)
        report.row(name, f"{result.rate:,.0f}/s", auth.latencies(result))


def command_line(report: Report, stack: Stack) -> None:
    """Wall time of commands, as a person feels it."""
    report.section("Command line, wall time (median of 7)")
    for arguments in (("--version",), ("keys", "list"), ("apikeys", "list"), ("status",)):
        times = []
        for _ in range(7):
            started = time.perf_counter()
            assert stack.cli(*arguments).returncode == 0
            times.append(time.perf_counter() - started)
        report.row(
            "keyturn " + " ".join(arguments),
            f"{1000 * statistics.median(times):.0f} ms",
            "aim: under 200 ms" if arguments == ("--version",) else "",
        )


def memory(report: Report, stack: Stack) -> None:
    """Proportional memory (PSS) of each part with its children."""
    report.section("Memory (PSS) after the load")
    parts = {"supervisor": int(stack.info["pid"]), **stack.pids()}
    total = 0.0
    for name, pid in parts.items():
        top = psutil.Process(pid)
        family = [top] if name == "supervisor" else [top, *top.children(recursive=True)]
        size = sum(process.memory_full_info().pss for process in family) / 2**20
        total += size
        report.row(name, f"{size:.0f} MB")
    report.row("all", f"{total:.0f} MB")


def timed_up(stack: Stack) -> float:
    """Seconds from the command to readiness."""
    started = time.perf_counter()
    stack.up()
    return time.perf_counter() - started


def running_stack(report: Report, seconds: float) -> None:
    """Start a stack of its own and measure everything that needs one."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder:
        stack = Stack(Path(folder) / "data", free_port(), args=("--auth-workers", "1"))
        try:
            report.section("keyturn up until ready")
            report.row("first (creates the database)", f"{timed_up(stack):.2f} s")
            stack.down()
            again = []
            for _ in range(3):
                again.append(timed_up(stack))
                if len(again) < 3:
                    stack.down()
            report.row("second", f"{statistics.median(again):.2f} s", "median of 3; aim: under 4 s")
            stack.sql(NOTES)
            port = listening_port(stack.pids()["auth"])
            auth.refresh(report, stack, port, seconds)
            auth.password(report, stack, port, seconds)
            reads(report, stack, port, seconds)
            changes.measure(report, stack, port)
            command_line(report, stack)
            memory(report, stack)
        finally:
            keyturn("down", "--data-dir", str(stack.data_dir))


def verifier(report: Report, options: argparse.Namespace) -> None:
    """The verifier beside its rivals, and the pictures of it."""
    times, panels = verify.measure(report, options.rounds, options.tokens)
    if options.no_write:
        return
    verify.draw(times, panels)
    for what, image in (
        ("Verify one access token", verify.IMAGE),
        ("How the time to verify grows", verify.GROWTH_IMAGE),
    ):
        report.note(f"![{what}]({image.relative_to(DOCUMENT.parent)})")


PARTS: Final[Mapping[str, Callable[[Report, argparse.Namespace], None]]] = {
    "verify": verifier,
    "doctor": lambda report, _: doctor.measure(report, rounds=7),
    "stack": lambda report, options: running_stack(report, options.seconds),
    "accounts": lambda report, options: accounts.measure(report, options.seconds, options.users),
    "pages": lambda report, _: pages.measure(report),
}


def main() -> None:
    """Run the chosen measurements and print them."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--only", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument("--rounds", type=int, default=41, help="rounds of each comparison")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="most distinct tokens")
    parser.add_argument("--users", type=int, default=2_000_000, help="most users of a database")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    options = parser.parse_args()
    for part, measure in PARTS.items():
        if options.only in (part, "all"):
            report = Report(part)
            measure(report, options)
            if not options.no_write:
                report.write(DOCUMENT)


if __name__ == "__main__":
    main()

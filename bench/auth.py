"""Grants per second of one Auth worker beside what PostgreSQL and bcrypt alone allow."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import bcrypt
from tests.support.stack import Stack

from bench.load import Repeat, Result, Script, request, run
from bench.report import Report
from keyturn.adapters.postgres.install import find_install
from keyturn.secret_access import reveal
from keyturn.wiring.locations import auth_database, locations

CONNECTIONS = 32
POOL = 10  # what one worker keeps open by default
ROUNDS = 17
PASSWORD_ROUNDS = 5


class RefreshChain:
    """One session that refreshes with the token of the last answer."""

    def __init__(self, token: str) -> None:
        """``token`` is a v1 refresh token: 12 characters, as are its successors."""
        body = json.dumps({"refresh_token": token}).encode()
        self._request = request("POST", "/token?grant_type=refresh_token", {}, body)
        # Only the token changes: what stands before it, and the two characters behind it, stay.
        self._head, self._end = self._request[: -len(token) - 2], self._request[-2:]

    def next(self, body: bytes | None) -> bytes:
        """Return the next refresh request."""
        if body is not None:
            at = body.index(b'"refresh_token":"') + 17
            self._request = self._head + body[at : at + 12] + self._end
        return self._request


def sessions(stack: Stack, count: int) -> tuple[list[str], str, str]:
    """Sign ``count`` users up; returns their refresh tokens, one email and its password."""
    password, tokens, email = uuid.uuid4().hex, [], ""
    for _ in range(count):
        email = f"bench-{uuid.uuid4().hex[:12]}@example.com"
        tokens.append(stack.sign_up(email, password)["refresh_token"])
    return tokens, email, password


def latencies(result: Result) -> str:
    """p50 and p99 as a note, with failures if there were any."""
    note = f"p50 {result.percentile(0.5):.1f} ms, p99 {result.percentile(0.99):.1f} ms"
    return note + (f", {result.failed} FAILED" if result.failed else "")


def refresh(report: Report, stack: Stack, port: int, seconds: float) -> None:
    """Refresh grants of one worker, and the same function called by pgbench, in turns."""
    report.section("Refresh grants (v1), one worker, 32 connections")
    results, ceilings = [], []
    for turn in range(ROUNDS):
        tokens, _, _ = sessions(stack, CONNECTIONS + POOL)
        scripts: list[Script] = [RefreshChain(token) for token in tokens[:CONNECTIONS]]
        # Tables grow as it goes, so neither side is always first. Many turns, because the speed of
        # a machine changes; none too short, because pgbench opens new connections for each.
        if turn % 2:
            ceilings.append(pgbench(stack, tokens[CONNECTIONS:], seconds))
        results.append(run(port, scripts, seconds, warm_up=0))
        if not turn % 2:
            ceilings.append(pgbench(stack, tokens[CONNECTIONS:], seconds))
    result, ceiling = middle(results), statistics.median(ceilings)
    report.row("keyturn, HTTP to signed token", f"{result.rate:,.0f}/s", latencies(result))
    report.row(
        "pgbench, the same SQL",
        f"{ceiling:,.0f}/s",
        f"{POOL} connections as the worker has, one refresh per transaction",
    )
    beside(report, results, ceilings, "60 %")


def middle(results: list[Result]) -> Result:
    """The result with the median rate."""
    return sorted(results, key=lambda one: one.rate)[len(results) // 2]


def beside(report: Report, results: list[Result], ceilings: list[float], aim: str) -> None:
    """One row: the share that each result has of the ceiling measured next to it."""
    pairs = sorted(100 * one.rate / most for one, most in zip(results, ceilings, strict=True))
    report.row(
        "one beside the other",
        f"{statistics.median(pairs):.0f} %",
        f"median of {len(pairs)} pairs from {pairs[0]:.0f} to {pairs[-1]:.0f} %; aim: {aim}",
    )


def pgbench(stack: Stack, tokens: list[str], seconds: float, clients: int = POOL) -> float:
    """Transactions per second of the refresh function alone, each client with its own session."""
    call = (Path(__file__).parent / "refresh.sql").read_text()
    stack.sql(
        "drop table if exists public.bench_tokens;"
        "create table public.bench_tokens (n int primary key, token text)"
    )
    for number, token in enumerate(tokens):
        stack.rows(f"insert into public.bench_tokens values ({number}, '{token}') returning n")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(call)
        script.flush()
        done = subprocess.run(
            [
                pgbench_binary(), "--no-vacuum", "--protocol=prepared",
                f"--client={clients}", "--jobs=1",
                f"--time={max(1, round(seconds))}", f"--file={script.name}", "--define=started=0",
            ],
            env={**os.environ, **libpq(stack)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    stack.sql("drop table public.bench_tokens")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


def libpq(stack: Stack) -> dict[str, str]:
    """The connection as libpq's variables, so that the password is not an argument.

    The user is the one of ``database_url``, the way is the worker's: a Unix socket.
    """
    url = urlsplit(stack.info["database_url"])
    worker = urlsplit(reveal(auth_database(locations(stack.data_dir), explicit=True)).decode())
    way = parse_qs(worker.query)
    return {
        "PGHOST": way["host"][0],
        "PGPORT": way["port"][0],
        "PGUSER": unquote(url.username or "postgres"),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": url.path.lstrip("/") or "postgres",
    }


def pgbench_binary() -> str:
    """The pgbench that comes with the embedded PostgreSQL."""
    return str(find_install().binary("pgbench"))


def password(report: Report, stack: Stack, port: int, seconds: float) -> None:
    """Password grants beside bcrypt alone on all cores."""
    report.section("Password grants, one worker")
    _, email, secret = sessions(stack, 1)
    body = json.dumps({"email": email, "password": secret}).encode()
    call = request("POST", "/token?grant_type=password", {}, body)
    scripts: list[Script] = [Repeat(call) for _ in range(8)]
    bare, results = [bcrypt_rate(seconds / 2)], []
    for _ in range(PASSWORD_ROUNDS):
        results.append(run(port, scripts, seconds))
        bare.append(bcrypt_rate(seconds / 2))
    ceilings = [(before + after) / 2 for before, after in pairwise(bare)]
    result, ceiling = middle(results), statistics.median(ceilings)
    report.row("keyturn, HTTP to signed token", f"{result.rate:.1f}/s", latencies(result))
    report.row("bcrypt cost 10 alone, all cores", f"{ceiling:.1f}/s", "mean of before and after")
    beside(report, results, ceilings, "at least 95 %")


def bcrypt_rate(seconds: float) -> float:
    """Checks per second of bcrypt in one thread per core (it releases the GIL)."""
    secret = uuid.uuid4().hex.encode()
    stored = bcrypt.hashpw(secret, bcrypt.gensalt(10, prefix=b"2a"))
    until = time.perf_counter() + seconds

    def checks(_: int) -> int:
        done = 0
        while time.perf_counter() < until:
            bcrypt.checkpw(secret, stored)
            done += 1
        return done

    cores = os.cpu_count() or 1
    started = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        total = sum(pool.map(checks, range(cores)))
    return total / (time.perf_counter() - started)

"""Requests to accounts: how fast, how many round trips, and whether many users slow them down."""

from __future__ import annotations

import json
import operator
import statistics
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bench.auth import CONNECTIONS, latencies
from bench.databases import Databases, overheard
from bench.load import Repeat, Script, request, run
from bench.report import Report

SIZES: Final = (1_000, 100_000)
"""Users of the smaller databases; the largest is an option."""
_SESSIONS: Final = 1_000
_ROUNDS: Final = 5
_BY_BCRYPT: Final = 8
_CODES: Final = 20_000
_V2: Final = {"GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": "2"}
_SOME_TOKENS: Final = "select token from auth.refresh_tokens where not revoked and parent is null "
_CODES_OUT: Final = """
with chosen as (
    select id, email, encode(sha224(convert_to(email || '123456', 'UTF8')), 'hex') as code
      from auth.users where email like 'person-%' order by id limit $1
), waiting as (
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    select gen_random_uuid(), id, 'recovery_token', code, email from chosen
)
update auth.users u set recovery_token = c.code, recovery_sent_at = now()
  from chosen c where c.id = u.id returning u.email
"""


class Refreshes:
    """Refreshes sessions in turns, each with the token of its last answer."""

    def __init__(self, tokens: deque[str]) -> None:
        """``tokens`` may be shared: a token that is under way is not in it."""
        self._tokens = tokens

    def next(self, body: bytes | None) -> bytes:
        """Return the next refresh request."""
        if body is not None:
            self._tokens.append(json.loads(body)["refresh_token"])
        return _post("/token?grant_type=refresh_token", {"refresh_token": self._tokens.popleft()})


class Each:
    """Requests that are made once."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        """``requests`` may be shared."""
        self._requests = requests

    def next(self, _body: bytes | None) -> bytes:
        """Return the next request."""
        return next(self._requests)


@dataclass(frozen=True)
class Kind:
    """One kind of request: what a connection of it says, and how many there are."""

    name: str
    script: Callable[[], Script]
    connections: int = CONNECTIONS
    aim: str = ""


def measure(report: Report, seconds: float, most: int) -> None:
    """Measure in databases of 1,000, 100,000 and ``most`` users, all on one cluster."""
    with (
        tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder,
        Databases(Path(folder)) as databases,
    ):
        for users in (*SIZES, most):
            databases.create(_name(users), users)
        _requests(report, databases, seconds)
        _growth(report, databases, seconds, (*SIZES, most))


def _name(users: int) -> str:
    return f"users_{users}"


def _post(path: str, body: object) -> bytes:
    return request("POST", path, {}, json.dumps(body, separators=(",", ":")).encode())


def _requests(report: Report, databases: Databases, seconds: float) -> None:
    """Every kind of request, the v2 refreshes on a server of their own."""
    database = _name(SIZES[-1])
    report.section(f"Requests to one worker, {SIZES[-1]:,} users")
    codes = iter([row["email"] for row in databases.rows(database, _CODES_OUT, _CODES)])
    with databases.server(database) as port:
        kinds = _kinds(databases, database, port, codes)
        with databases.server(database, KEYTURN_BCRYPT_COST="4", **_V2) as v2:
            newer = Kind(
                "refresh (v2)", _refreshes(_signed_up(v2, 3 * CONNECTIONS)), aim="at most 2"
            )
            counted = _counted(databases, database, kinds, newer)
            for kind in kinds:
                _row(report, port, kind, seconds, counted[kind.name])
            _row(report, v2, newer, seconds, counted[newer.name])


def _kinds(databases: Databases, database: str, port: int, codes: Iterator[str]) -> list[Kind]:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}
    made = httpx.post(f"http://127.0.0.1:{port}/signup", json=account, timeout=30).json()
    me = request("GET", "/user", {"authorization": f"Bearer {made['access_token']}"})
    sign_ups = iter(lambda: _post("/signup", {**account, "email": f"{uuid.uuid4()}@x.co"}), b"")
    verifies = (
        _post("/verify", {"type": "recovery", "email": email, "token": "123456"}) for email in codes
    )
    return [
        Kind("sign-up", lambda: Each(sign_ups), _BY_BCRYPT),
        Kind(
            "password",
            lambda: Repeat(_post("/token?grant_type=password", account)),
            _BY_BCRYPT,
            "at most 3",
        ),
        Kind("refresh (v1)", _refreshes(_tokens(databases, database)), aim="at most 2"),
        Kind("/user", lambda: Repeat(me), aim="1"),
        Kind("verify a one-time code", lambda: Each(verifies)),
    ]


def _refreshes(tokens: deque[str]) -> Callable[[], Script]:
    return lambda: Refreshes(tokens)


def _tokens(databases: Databases, database: str) -> deque[str]:
    """The v1 tokens of sessions from all over the table."""
    sql = _SOME_TOKENS + "order by md5(token) limit $1"
    return deque(row["token"] for row in databases.rows(database, sql, _SESSIONS))


def _signed_up(port: int, count: int) -> deque[str]:
    """Tokens of so many new users: a connection that ends leaves its session behind."""
    found: deque[str] = deque()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        for _ in range(count):
            account = {"email": f"{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}
            found.append(http.post("/signup", json=account).json()["refresh_token"])
    return found


def _counted(
    databases: Databases, database: str, kinds: list[Kind], newer: Kind
) -> dict[str, tuple[int, int]]:
    """Statements and round trips of one request of each kind, as they go over the wire."""
    found: dict[str, tuple[int, int]] = {}
    with overheard(databases.url(database)) as spoken:
        for some, variables in ((kinds, {}), ([newer], _V2)):
            with databases.server(database, url=spoken.url, **variables) as port:
                for kind in some:
                    script = kind.script()
                    seen: list[tuple[int, int]] = []
                    run(port, [script], 0, warm_up=0)  # the first prepares its statements
                    for _ in range(5):
                        before = spoken.statements, spoken.round_trips
                        assert run(port, [script], 0, warm_up=0).failed == 0
                        seen.append((spoken.statements - before[0], spoken.round_trips - before[1]))
                    # What the server asks for on its own, now and then, is no part of it.
                    found[kind.name] = statistics.median_low(seen)
    return found


def _row(report: Report, port: int, kind: Kind, seconds: float, counted: tuple[int, int]) -> None:
    result = run(port, [kind.script() for _ in range(kind.connections)], seconds)
    statements, trips = counted
    note = f"{latencies(result)}; {statements} SQL statements in {trips} round trips"
    aim = f" (aim: {kind.aim})" if kind.aim else ""
    report.row(kind.name, f"{result.rate:,.1f}/s", note + aim)


def _growth(report: Report, databases: Databases, seconds: float, sizes: tuple[int, ...]) -> None:
    """Refreshes in each database, in turns: the machine's moods hit all of them."""
    report.section(f"Refreshes (v1) of {_SESSIONS:,} sessions among many users")
    rates: dict[int, list[float]] = {users: [] for users in sizes}
    with ExitStack() as stack:
        ports = {users: stack.enter_context(databases.server(_name(users))) for users in sizes}
        tokens = {users: _tokens(databases, _name(users)) for users in sizes}
        for turn in range(_ROUNDS):
            for users in sizes[turn % len(sizes) :] + sizes[: turn % len(sizes)]:
                scripts: list[Script] = [Refreshes(tokens[users]) for _ in range(CONNECTIONS)]
                # The first change of a page after the load is written in full, and only that one.
                warm_up = 0.5 if turn else max(seconds, 1)
                result = run(ports[users], scripts, seconds / 2, warm_up=warm_up)
                assert result.failed == 0, f"{result.failed} answers were not 200"
                rates[users].append(result.rate)
    ratios = []
    for users, found in rates.items():
        ratios.append(statistics.median(map(operator.truediv, found, rates[sizes[0]])))
        note = f"{100 * ratios[-1]:.0f} % of the first; medians of {_ROUNDS} rounds"
        report.row(f"{users:,} users", f"{statistics.median(found):,.0f}/s", note)
    flat = min(ratios) / max(ratios)
    report.row("slowest to fastest", f"{100 * flat:.0f} %", "aim: at least 80 %")

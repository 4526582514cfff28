"""How long after its commit a change of the ring or of an API key is seen by those who serve."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import httpx
from tests.support.stack import Stack

from bench.report import Report

TIMES = 5
_PAUSE = 0.002
_PATIENCE = 10.0
_RECORDED = (
    "select extract(epoch from recorded_at)::float8 as at from keyturn.audit_log"
    " order by id desc limit 1"
)


def measure(report: Report, stack: Stack, auth_port: int) -> None:
    """A new key in the worker's JWKS; a revoked API key at Envoy."""
    report.section("From the commit of a change until it is seen (median of 5)")
    keys = [_until_published(stack, auth_port) for _ in range(TIMES)]
    _row(report, "a new signing key in the worker's JWKS", keys)
    _row(report, "a revoked API key refused by Envoy", [_until_refused(stack) for _ in keys])


def _row(report: Report, name: str, seconds: list[float]) -> None:
    middle, slowest = statistics.median(seconds), max(seconds)
    note = f"slowest {1000 * slowest:.0f} ms; aim: under 1 s"
    report.row(name, f"{1000 * middle:.0f} ms", note)


def _until_published(stack: Stack, port: int) -> float:
    url = f"http://127.0.0.1:{port}/.well-known/jwks.json"
    with httpx.Client() as client:
        before = client.get(url).headers["etag"]
        seen = _Seen(lambda: client.get(url).headers["etag"] != before)
        kid = stack.json("keys", "generate")["changes"][0]["kid"]
        took = seen.at() - _recorded(stack)
    for verb in ("revoke", "delete"):
        done = stack.cli("keys", verb, kid, "--confirm", kid)
        assert done.returncode == 0, done.stderr
    return took


def _until_refused(stack: Stack) -> float:
    name = f"bench_{time.time_ns()}"
    made = stack.json("apikeys", "create", "--name", name)
    headers = {"apikey": made["key"]}
    url = f"{stack.url}/rest/v1/"
    with httpx.Client(headers=headers) as client:
        _Seen(lambda: client.get(url).status_code == 200).at()
        seen = _Seen(lambda: client.get(url).status_code == 401)
        done = stack.cli("apikeys", "revoke", name, "--confirm", name)
        assert done.returncode == 0, done.stderr
        return seen.at() - _recorded(stack)


def _recorded(stack: Stack) -> float:
    """When the last change was written, Unix seconds."""
    return float(stack.rows(_RECORDED)[0]["at"])


class _Seen:
    """Asks again and again, in a thread, until ``asked`` says yes."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked, self._moment = asked, 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._asked():
                self._moment = time.time()
                return
            time.sleep(_PAUSE)

    def at(self) -> float:
        """Return when it was seen, Unix seconds."""
        self._thread.join()
        assert self._moment, "the change was not seen"
        return self._moment

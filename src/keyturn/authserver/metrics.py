"""Prometheus metrics of the Auth server.

With several workers each process writes its values to memory-mapped files of one folder
(prometheus_client's multiprocess mode), and whoever serves ``/metrics`` adds them up. That mode is
chosen when ``prometheus_client`` is first imported, so this module is imported late, by wiring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as latest
from prometheus_client.multiprocess import MultiProcessCollector

from keyturn.authserver.exchange import Header, Receive, Scope, Send
from keyturn.authserver.reporting import RequestLine
from keyturn.clock import unix
from keyturn.keyring.ring import KeyRing

# From a warm refresh (2 ms) to a password behind a queue (seconds).
_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PrometheusMetrics:
    """Counts requests and grants, and shows the ring and the pool of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "keyturn_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "keyturn_request_seconds",
            "Time to answer a request.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._grants = Counter(
            "keyturn_grants", "Token grants.", ("grant", "outcome"), registry=registry
        )
        self._version = Gauge(
            "keyturn_ring_version",
            "Version of the key ring in memory; the lowest of all workers.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._since = Gauge(
            "keyturn_signing_key_since_seconds",
            "Unix time at which the key in use began to sign.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._in_use = Gauge(
            "keyturn_signing_key_in_use",
            "1 for the key that signs; while workers differ, more than one kid shows 1.",
            ("kid", "alg"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._behind = Gauge(
            "keyturn_ring_behind_seconds",
            "Time since the database confirmed the ring in memory; the longest of all workers.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._pool = Gauge(
            "keyturn_database_connections",
            "Places of the connection pools of all workers.",
            ("state",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._shown: tuple[str, str] | None = None
        self._children: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def request(self, line: RequestLine) -> None:
        """Count one answered request."""
        method = line.method if line.route != "(unmatched)" else "(any)"
        key = (method, line.route, line.status)
        counter = self._children.get(key)
        if counter is None:
            counter = self._requests.labels(method, line.route, str(line.status))
            self._children[key] = counter
            self._timers.setdefault(key[:2], self._seconds.labels(method, line.route))
        counter.inc()
        self._timers[key[:2]].observe(line.seconds)

    def grant(self, kind: str, outcome: str) -> None:
        """Count one token grant."""
        self._grants.labels(kind, outcome).inc()

    def ring(self, ring: KeyRing) -> None:
        """Show ``ring``; subscribe this to the ring's source."""
        key = ring.in_use
        now_shown = (key.kid, key.alg)
        if self._shown is not None and self._shown != now_shown:
            self._in_use.labels(*self._shown).set(0)
        self._in_use.labels(*now_shown).set(1)
        self._shown = now_shown
        self._version.set(ring.version)
        self._since.set(unix(key.promoted_at or key.created_at))

    def state(self, *, size: int, idle: int, behind: float) -> None:
        """Show the pool's places, how many are free, and how old the ring in memory may be."""
        self._behind.set(behind)
        self._pool.labels("used").set(size - idle)
        self._pool.labels("idle").set(idle)


def merged(folder: str) -> Callable[[], bytes]:
    """Return a function that renders the sum of every process that writes to ``folder``."""

    collect: Callable[..., object] = MultiProcessCollector

    def render() -> bytes:
        registry = CollectorRegistry()
        collect(registry, path=folder)
        return latest(registry)

    return render


class MetricsApp:
    """``GET /metrics`` as an ASGI application, for a port of its own."""

    def __init__(self, render: Callable[[], bytes]) -> None:
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one scrape."""
        del receive
        if scope["type"] != "http":
            return
        found = scope["path"] == "/metrics" and scope["method"] in {"GET", "HEAD"}
        body = self._render() if found else b"The metrics are at /metrics.\n"
        kind = CONTENT_TYPE_LATEST.encode() if found else b"text/plain; charset=utf-8"
        headers: list[Header] = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
        ]
        status = 200 if found else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

"""A verifier's numbers for Prometheus; ``prometheus_client`` is imported only here, when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final, Protocol

from keyturn.errors import UsageError
from keyturn.verify.reports import Health

_GAUGES: Final = (
    ("ready", "Whether tokens can be judged", lambda h: float(h.ready)),
    ("stale", "Whether the keys are past their time", lambda h: float(h.status == "stale")),
    ("generation", "Counts the key sets that differed", lambda h: float(h.generation)),
    ("keys", "Keys in the set", lambda h: float(len(h.keys))),
    ("age_seconds", "Time since the keys were last confirmed", lambda h: h.age),
    ("failures", "Failed fetches in a row", lambda h: float(h.failures)),
)


class Registry(Protocol):
    """The part of ``prometheus_client.CollectorRegistry`` that is used."""

    def register(self, collector: Any) -> None:
        """Take on a collector, which is asked at each scrape."""
        ...


class _Collector:
    """Reads the health at each scrape; nothing is kept twice."""

    def __init__(self, health: Callable[[], Health | None], families: Any) -> None:
        self._health, self._families = health, families

    def collect(self) -> Iterable[Any]:
        """Return the metric families of this moment."""
        health = self._health()
        if health is None:
            return
        for name, what, value in _GAUGES:
            family = self._families.GaugeMetricFamily(
                f"keyturn_verifier_{name}", what, labels=["source"]
            )
            number = value(health)
            if number is not None:
                family.add_metric([health.source], number)
            yield family
        family = self._families.CounterMetricFamily(
            "keyturn_verifier_events", "Events by name", labels=["source", "event"]
        )
        for event, count in sorted(health.counters.items()):
            family.add_metric([health.source, event], count)
        yield family

    def describe(self) -> Iterable[Any]:
        """Return nothing: two verifiers may be in one registry, told apart by ``source``."""
        return ()


def attach(health: Callable[[], Health | None], registry: Registry) -> None:
    """Publish what ``health`` returns in ``registry``; None from it publishes nothing.

    Raises ``UsageError`` when ``prometheus_client`` is not installed.
    """
    try:
        families = import_module("prometheus_client.metrics_core")
    except ImportError:
        raise UsageError(
            "metrics were asked for, but prometheus-client is not installed",
            hint="Install prometheus-client, or read Verifier.health() yourself.",
        ) from None
    registry.register(_Collector(health, families))

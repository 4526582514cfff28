"""How a service is, from what each of the three programs prints about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """How a container is."""

    HEALTHY = "healthy"
    RUNNING = "running"
    """It runs and has no healthcheck."""
    STARTING = "starting"
    RESTARTING = "restarting"
    UNHEALTHY = "unhealthy"
    GONE = "gone"
    """It stopped, or was never created."""


@dataclass(frozen=True, slots=True)
class Seen:
    """State and health, in the words of whoever printed them."""

    state: str
    health: str = ""

    @property
    def condition(self) -> Condition:
        """Return what that means."""
        state, health = self.state.lower(), self.health.lower()
        if state == "restarting":
            return Condition.RESTARTING
        if state in ("created", "starting", "configured", "initialized"):
            return Condition.STARTING
        if state not in ("running", "up"):
            return Condition.GONE
        if health in ("", "none"):
            return Condition.RUNNING
        return {
            "healthy": Condition.HEALTHY,
            "unhealthy": Condition.UNHEALTHY,
        }.get(health, Condition.STARTING)


_GONE = Seen("gone")
_IN_STATUS = re.compile(r"\((healthy|unhealthy|starting|health: starting)\)")


def from_compose(output: str, service: str) -> Seen:
    """Read ``docker compose ps --all --format json``: an array up to 2.20, then one per line."""
    found = [one for one in _documents(output) if one.get("Service", service) == service]
    return _worst(Seen(str(one.get("State", "")), str(one.get("Health") or "")) for one in found)


def from_inspect(output: str) -> Seen:
    """Read ``docker inspect --format '{{json .State}}' ID…``, one line per container."""
    states = list(_documents(output))
    return _worst(_of_state(one) for one in states)


def from_podman(output: str, service: str) -> Seen:
    """Read ``podman-compose ps --format json``: containers of the whole project."""
    found = []
    for one in _documents(output):
        labels = one.get("Labels")
        if isinstance(labels, Mapping) and labels.get("com.docker.compose.service") == service:
            health = _IN_STATUS.search(str(one.get("Status", "")))
            found.append(Seen(str(one.get("State", "")), health[1] if health else ""))
    return _worst(found)


def _of_state(state: Mapping[str, object]) -> Seen:
    health = state.get("Health")
    held = str(health.get("Status", "")) if isinstance(health, Mapping) else ""
    return Seen("restarting" if state.get("Restarting") else str(state.get("Status", "")), held)


def _worst(found: Iterable[Seen]) -> Seen:
    order = list(Condition)
    return max(found, key=lambda one: order.index(one.condition), default=_GONE)


def _documents(output: str) -> Iterable[Mapping[str, object]]:
    for text in (output, *output.splitlines()):
        try:
            document = json.loads(text)
        except ValueError:
            continue
        found = document if isinstance(document, list) else [document]
        yield from (one for one in found if isinstance(one, Mapping))
        if text is output:
            return

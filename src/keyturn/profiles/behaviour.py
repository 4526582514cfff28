"""One row of the profiles' reference: what a service does with keys at a range of versions."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.deploy.inventory import Kind


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What ``docs/reference/profiles.md`` says about one service and range of versions."""

    service: Kind
    versions: str
    reads: tuple[str, ...]
    """The settings, in order."""
    picks: str
    """How it comes to a key."""
    answers: str
    """What it says when it refuses."""
    source: str
    """Which code or run the behaviour is taken from, with its version."""

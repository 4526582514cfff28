"""Mail that was caught on this machine instead of being sent on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail; ``links`` are the addresses in it, in order. It opens doors: show it locally."""

    id: int
    received_at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    links: tuple[str, ...] = field(repr=False)

"""How a changed key reaches each service of a deployment, and why not in a gentler way.

``keyturn deliver --explain`` shows this, and every plan is made from it (:func:`tell`), so what is
explained is what is done. In the official compose file every service reads its environment once, so
a change means a new container; where somebody has set up a way to tell a running service, that way
is taken (:mod:`keyturn.migrate.live`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Inventory, Kind, Service
from keyturn.migrate.commands import Way
from keyturn.migrate.live import Live, live_way
from keyturn.migrate.notices import NOTICES
from keyturn.migrate.plan import Recreate, Reload


class How(StrEnum):
    """The kinds of delivery (DESIGN §1)."""

    POLLS = "polls"
    RELOADS = "reloads"
    RECREATED = "must be recreated"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one service learns of a new key."""

    service: str
    how: How
    why: str
    notice: str
    """What users notice; empty: nothing."""
    otherwise: str = ""
    """What they notice when something else of it changes too, so that it is created anew."""
    live: Live | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the row for JSON."""
        live = self.live
        return {
            "service": self.service,
            "how": self.how.value,
            "why": self.why,
            "notice": self.notice,
            "command": [live.way.value, *live.argument] if live else [],
            "files": list(live.files) if live else [],
        }

    def action(self, why: str) -> Recreate | Reload:
        """Return what a plan does for it."""
        if self.live is None:
            return Recreate(self.service, self.notice, why)
        way, argument, files = self.live.way, self.live.argument, self.live.files
        return Reload(
            self.service, way, argument, files, self.notice, why, otherwise=self.otherwise
        )


def deliveries(inventory: Inventory) -> tuple[Delivery, ...]:
    """Return how each service that holds keys learns of a change, verifiers first."""
    kinds = (*VERIFIERS, *GATEWAYS)
    return tuple(_delivery(inventory, service) for service in _existing(inventory, kinds))


def tell(inventory: Inventory, kinds: Iterable[Kind], why: str) -> tuple[Recreate | Reload, ...]:
    """Return what a plan does for the services of ``kinds`` that exist, in that order."""
    return tuple(
        _delivery(inventory, service).action(why) for service in _existing(inventory, kinds)
    )


def _existing(inventory: Inventory, kinds: Iterable[Kind]) -> Iterator[Service]:
    found = (inventory.of_kind(kind) for kind in kinds)
    return (service for service in found if service is not None)


def _delivery(inventory: Inventory, service: Service) -> Delivery:
    away = NOTICES.get(service.kind, "") if service.kind is not None else ""
    found = live_way(inventory, service)
    if not isinstance(found, Live):
        return Delivery(service.name, How.RECREATED, found.why, away)
    how = How.POLLS if found.way is Way.WATCH else How.RELOADS
    return Delivery(service.name, how, found.why, "", away, found)

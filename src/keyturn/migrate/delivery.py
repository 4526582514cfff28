"""How a changed key reaches each service of a deployment, and why not in a gentler way.

Facts: services.md §0.6, §3–§8. In the official compose file every service reads its environment
once, so a change means a new container; where somebody has set up a way to tell a running service,
that way is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Inventory, Kind, Service
from keyturn.deploy.opened import text
from keyturn.migrate.commands import Way
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
    way: Way | None = None
    argument: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "service": self.service,
            "how": self.how.value,
            "why": self.why,
            "notice": self.notice,
            "command": [*([self.way.value] if self.way else []), *self.argument],
        }

    def action(self, why: str) -> Recreate | Reload:
        """Return what a plan does for it."""
        if self.way is None:
            return Recreate(self.service, self.notice, why)
        return Reload(self.service, self.way, self.argument, self.notice, why)


_RECREATED: Final = {
    Kind.AUTH: "it reads GOTRUE_JWT_KEYS when it starts; with --config-dir it would reload a file",
    Kind.REST: "it reads PGRST_JWT_SECRET when it starts; with @file it would reload on SIGUSR2",
    Kind.REALTIME: "it writes API_JWT_JWKS into its tenant row when it starts; its tenant API "
    "would do it live and closes every socket as well",
    Kind.STORAGE: "in single-tenant mode it keeps its configuration for life",
    Kind.FUNCTIONS: "workers get the environment of the main container",
    Kind.KONG: "its entrypoint fills in kong.yml once, from the container's environment",
    Kind.ENVOY: "its entrypoint fills in lds.yaml once, from the container's environment",
}


def deliveries(inventory: Inventory) -> tuple[Delivery, ...]:
    """Return how each service that holds keys learns of a change, verifiers first."""
    return tuple(_all(inventory))


def _all(inventory: Inventory) -> Iterator[Delivery]:
    for kind in (*VERIFIERS, *GATEWAYS):
        service = inventory.of_kind(kind)
        if service is not None:
            yield _delivery(service, kind)


def _delivery(service: Service, kind: Kind) -> Delivery:
    if kind is Kind.AUTH and _watches_a_folder(service):
        return Delivery(service.name, How.POLLS, "it watches the folder given by --config-dir", "")
    if kind is Kind.REST and (text(service.get("PGRST_JWT_SECRET")) or "").startswith("@"):
        return Delivery(
            service.name,
            How.RELOADS,
            "PGRST_JWT_SECRET names a file, which it reads again on SIGUSR2",
            "",
            Way.SIGNAL,
            ("SIGUSR2",),
        )
    return Delivery(service.name, How.RECREATED, _RECREATED[kind], NOTICES.get(kind, ""))


def _watches_a_folder(service: Service) -> bool:
    words = (text(service.command) or "").split() if service.command is not None else []
    return any(word == "-d" or word.startswith("--config-dir") for word in words)

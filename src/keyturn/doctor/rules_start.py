"""Services that do not start with their configuration, as the profiles predict it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Service
from keyturn.deploy.place import Place
from keyturn.doctor import (
    rules_article,
    rules_auth,
    rules_gateway,
    rules_secrets,
    rules_shape,
)
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import places_of
from keyturn.doctor.row import row
from keyturn.profiles.deployment import start_failures
from keyturn.profiles.verdict import StartFailure

_MODULES: Final = (rules_article, rules_auth, rules_gateway, rules_secrets, rules_shape)


def _does_not_start(facts: Facts) -> Iterator[Seen]:
    failures = start_failures(facts.inventory)
    told = _told(facts) if failures else frozenset()
    for kind, failure in failures.items():
        service = facts.inventory.of_kind(kind)
        if service is not None and told.isdisjoint(_places(service, failure)):
            yield Seen(
                f"{service.name} stops at start over {failure.setting}: {failure.cause}",
                _places(service, failure),
                service.name,
                fix=f"Correct {failure.setting} and recreate {service.name}. Until then it logs:\n"
                f"  {failure.message}",
            )


def _places(service: Service, failure: StartFailure) -> tuple[Place, ...]:
    return places_of(service.get(failure.setting)) or (service.place,)


def _told(facts: Facts) -> frozenset[Place]:
    """Return the places about which a more exact finding speaks."""
    rules = (rule for module in _MODULES for rule in module.RULES)
    return frozenset(place for rule in rules for seen in rule.check(facts) for place in seen.places)


RULES: Final = (
    row(
        95,
        "A service does not start with its settings",
        Severity.ERROR,
        _does_not_start,
        why="What depends on it fails as well, and with `restart: unless-stopped` it looks alive "
        "in between.",
        fix="Look at the container's log for the message, and correct the setting.",
        sources=("the profiles of the services",),
    ),
)

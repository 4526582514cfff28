"""One broken thing: which rule must see it, where, and what else follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.deployments import NOW, Deployment, api_claims, b64url, compact, hs256

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.source import Ask
from keyturn.doctor.facts import DatabaseFacts, Difference, LogFacts, ProbeFacts, Unknown
from keyturn.doctor.finding import Facts

NOT_ASKED = Unknown("not asked")
Members = dict[str, Any]
Break = Callable[[Deployment], object]
Seen = Mapping[str, DatabaseFacts | ProbeFacts | LogFacts | tuple[Difference, ...]]
Sees = Callable[[Deployment], Seen]


@dataclass(frozen=True)
class Case:
    """``breaks`` is done to a healthy deployment of ``era``; ``sees`` is what only runs show."""

    id: str
    breaks: Break = lambda _: None
    service: str | None = None
    at: str | None = None
    """Text on the line of the first place; None: the finding is not about a file."""
    era: str = "2026-envoy"
    asymmetric: bool | None = None
    also: frozenset[str] = frozenset()
    """Findings that are true as well once this one thing is broken."""
    sees: Sees = lambda _: {}
    ask: Callable[[Deployment], Ask] = lambda _: Ask()
    note: str = ""
    """Tells two cases of one rule apart."""

    @property
    def label(self) -> str:
        """Return the name of the test."""
        return f"{self.id}-{self.note}" if self.note else self.id


def facts_of(
    inventory: Inventory,
    *,
    database: DatabaseFacts | Unknown = NOT_ASKED,
    probes: ProbeFacts | Unknown = NOT_ASKED,
    logs: LogFacts | Unknown = NOT_ASKED,
    differences: tuple[Difference, ...] = (),
) -> Facts:
    """Return facts in which nothing but the files was looked at."""
    return Facts(inventory, NOW, database, probes, logs, differences)


# Changes of key documents


def jwt_keys(change: Callable[[list[Members]], object]) -> Break:
    """Change the array of Auth; ``change`` edits it in place or returns the new value."""

    def breaks(made: Deployment) -> object:
        value = json.loads(made.keys.jwt_keys)
        changed = change(value)
        return made.set("JWT_KEYS", compact(value if changed is None else changed))

    return breaks


def jwt_jwks(change: Callable[[list[Members]], object]) -> Break:
    """Change the keys of the verifiers' set in place."""

    def breaks(made: Deployment) -> object:
        value = json.loads(made.keys.jwt_jwks)
        change(value["keys"])
        return made.set("JWT_JWKS", compact(value))

    return breaks


def both(first: Break, second: Break) -> Break:
    """Return one change made of two."""

    def breaks(made: Deployment) -> object:
        first(made)
        return second(made)

    return breaks


def phase_3(made: Deployment) -> Deployment:
    """Take the legacy secret out everywhere, as services.md §10 says."""
    keys = made.keys
    secrets = {name: name.lower() + b64url(keys.ec.kid.encode()) for name in _OWN_SECRETS}
    for name, value in secrets.items():
        made.set(name, value)
    made.set("REALTIME_HEALTH_TOKEN", hs256(api_claims("anon"), secrets["REALTIME_SECRET"]))
    standby = keys.standby.jwk(private=True, signs=False)
    made.set("JWT_KEYS", compact([keys.ec.jwk(private=True), standby]))
    public = [keys.ec.jwk(private=False), keys.standby.jwk(private=False)]
    made.set("JWT_JWKS", compact({"keys": public}))
    made.set("ANON_KEY", "").set("SERVICE_ROLE_KEY", "").set("JWT_SECRET", secrets["AUTH_SECRET"])
    made.set_setting("storage", "AUTH_JWT_SECRET", "${STORAGE_SECRET}")
    made.set_setting("storage", "SERVICE_KEY", "${SERVICE_ROLE_KEY_ASYMMETRIC}")
    made.set_setting("realtime", "API_JWT_SECRET", "${REALTIME_SECRET}")
    made.set_setting("realtime", "METRICS_JWT_SECRET", "${REALTIME_SECRET}")
    made.unset_setting("functions", "JWT_SECRET")
    made.replace("docker-compose.yml", "Bearer ${ANON_KEY}", "Bearer ${REALTIME_HEALTH_TOKEN}")
    return made


_OWN_SECRETS = ("AUTH_SECRET", "STORAGE_SECRET", "REALTIME_SECRET")

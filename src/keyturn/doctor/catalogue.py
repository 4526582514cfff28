"""Every rule of doctor in one tuple, and what they find in a deployment."""

from __future__ import annotations

from typing import Final

from keyturn.doctor import (
    rules_apikeys,
    rules_article,
    rules_auth,
    rules_functions,
    rules_gateway,
    rules_house,
    rules_issuer,
    rules_keys,
    rules_kong,
    rules_running,
    rules_secrets,
    rules_shape,
    rules_start,
    rules_storage,
    rules_verifiers,
)
from keyturn.doctor.facts import Unknown
from keyturn.doctor.finding import Facts, Finding, Needs, Rule, Severity, run

_MODULES: Final = (
    rules_apikeys,
    rules_article,
    rules_auth,
    rules_functions,
    rules_gateway,
    rules_house,
    rules_issuer,
    rules_keys,
    rules_kong,
    rules_running,
    rules_secrets,
    rules_shape,
    rules_start,
    rules_storage,
    rules_verifiers,
)
RULES: Final[tuple[Rule, ...]] = tuple(
    sorted((rule for module in _MODULES for rule in module.RULES), key=lambda rule: rule.id)
)
"""In the order of their ids; KT001 to KT052 are the rows of services.md §13."""

_WORST_FIRST: Final = {severity: rank for rank, severity in enumerate(Severity)}


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return every finding, the worst first, then by id and place."""
    found = [finding for rule in RULES for finding in run(rule, facts)]
    return tuple(sorted(found, key=lambda one: (_WORST_FIRST[one.severity], one.id, one.places)))


def not_looked_at(facts: Facts) -> tuple[tuple[Rule, str], ...]:
    """Return the rules whose need was not met, each with the reason."""
    sources = {
        Needs.PROBE: facts.probes,
        Needs.DATABASE: facts.database,
        Needs.LOGS: facts.logs,
    }
    missing = {need: s.reason for need, s in sources.items() if isinstance(s, Unknown)}
    return tuple((rule, missing[rule.needs]) for rule in RULES if rule.needs in missing)


def rule_of(number: str) -> Rule | None:
    """Return the rule with this id, in any letter case; None when there is none."""
    return next((rule for rule in RULES if rule.id == number.upper()), None)

"""Every rule: a healthy deployment has nothing, one broken thing has exactly its finding."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.doctor import broken_keys, broken_running, broken_wiring
from tests.doctor.broken_running import logged, probed, stored
from tests.doctor.case import Case, facts_of, phase_3
from tests.support.deployments import ASYMMETRIC_ERAS, ERAS, NOW, Deployment, healthy

from keyturn.deploy.edit import Edit, RemoveSetting, SetSetting, SetVariable, UncommentSetting
from keyturn.deploy.inventory import VERIFIERS, Inventory, Layout
from keyturn.deploy.opened import text
from keyturn.doctor.canaries import canaries
from keyturn.doctor.catalogue import RULES, examine, not_looked_at, rule_of
from keyturn.doctor.finding import Finding, Needs, Rule
from keyturn.doctor.matrix import HOSTILE
from keyturn.profiles.deployment import follow, start_failures
from keyturn.profiles.verdict import Outcome

pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
CASES = (*broken_keys.CASES, *broken_wiring.CASES, *broken_running.CASES)
HEALTHY = [(era, None) for era in ERAS] + [(era, False) for era in ASYMMETRIC_ERAS]


class Looked(NamedTuple):
    """A broken deployment, and what doctor says of it."""

    made: Deployment
    inventory: Inventory
    found: tuple[Finding, ...]


Look = Callable[[Case], Looked]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Break a healthy deployment and look at it, once for each case."""
    done: dict[str, Looked] = {}

    def looked(case: Case) -> Looked:
        if case.label not in done:
            done[case.label] = examined(case, tmp_path_factory.mktemp("made"))
        return done[case.label]

    return looked


def examined(case: Case, folder: Path) -> Looked:
    """Break a healthy deployment and look at it."""
    made = healthy(folder, case.era, asymmetric=case.asymmetric)
    case.breaks(made)
    inventory = made.inventory(case.ask(made))
    found = examine(facts_of(inventory, **case.sees(made)))  # type: ignore[arg-type]
    return Looked(made, inventory, found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_one_broken_thing_is_found_where_it_is(case: Case, look: Look) -> None:
    made, _, found = look(case)
    assert {one.id for one in found} - case.also == {case.id}
    finding = next(one for one in found if one.id == case.id)
    assert finding.service == case.service
    if case.at is None:
        assert not finding.places
    else:
        place = finding.places[0]
        assert case.at in made.text(place.file).splitlines()[place.line - 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_predicted_failure_to_start_has_its_finding(case: Case, look: Look) -> None:
    if start_failures(look(case).inventory):
        assert case.id in {one.id for one in look(case).found}


def test_every_rule_has_a_broken_thing() -> None:
    assert {case.id for case in CASES} == {rule.id for rule in RULES}


@pytest.mark.parametrize(("era", "asymmetric"), HEALTHY)
def test_a_healthy_deployment_has_no_finding(
    era: str, asymmetric: bool | None, tmp_path: Path
) -> None:
    made = healthy(tmp_path, era, asymmetric=asymmetric)
    assert examine(facts_of(made.inventory())) == ()


def test_a_deployment_without_legacy_keys_has_no_finding(tmp_path: Path) -> None:
    made = phase_3(healthy(tmp_path))
    assert examine(facts_of(made.inventory())) == ()


def test_an_export_of_kubernetes_gets_no_edits_of_compose_files(look: Look) -> None:
    for case in (one for one in SAFE if not one.sees(look(one).made)):
        exported = replace(look(case).inventory, layout=Layout.KUBERNETES)
        findings = examine(facts_of(exported))
        assert [one.id for one in findings if one.edits or one.safe] == []


def test_a_route_to_the_folder_of_the_jwks_serves_it_as_well(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    routes = "volumes/api/envoy/lds.template.yaml"
    made.replace(
        routes, "{path: /auth/v1/.well-known/jwks.json}", "{prefix: /auth/v1/.well-known/}"
    )
    made.replace(routes, "prefix_rewrite: /.well-known/jwks.json", "prefix_rewrite: /.well-known/")
    assert examine(facts_of(made.inventory())) == ()


def test_a_healthy_running_system_has_no_finding(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    jwks = {"realtime-dev": made.keys.jwt_jwks}
    sees = {**probed()(made), **logged()(made), **stored(realtime_jwks=jwks)(made)}
    assert examine(facts_of(made.inventory(), **sees)) == ()  # type: ignore[arg-type]


def test_ids_are_the_rows_of_the_reference_and_then_ours() -> None:
    assert [rule.id for rule in RULES] == [f"KT{n:03}" for n in range(1, len(RULES) + 1)]
    assert rule_of("kt001") is RULES[0]
    assert rule_of("KT999") is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_why_what_to_do_and_from_where(rule: Rule) -> None:
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.why.endswith(".")
    assert rule.fix
    assert rule.sources


def test_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    found = not_looked_at(facts_of(healthy(tmp_path).inventory()))
    assert {rule.needs for rule, _ in found} == {Needs.PROBE, Needs.DATABASE, Needs.LOGS}
    assert {reason for _, reason in found} == {"not asked"}


MENDING = {rule.id for rule in RULES if rule.mends}
SAFE = [case for case in CASES if case.id in MENDING]


@pytest.mark.parametrize("case", SAFE, ids=lambda case: case.label)
def test_a_safe_edit_heals_and_nobody_loses_access(case: Case, tmp_path: Path) -> None:
    made, before, found = examined(case, tmp_path)
    safe = [one for one in found if one.id == case.id and one.safe]
    clients = canaries(before, NOW, os.urandom, include_service_role=True)
    for edit in (edit for one in safe for edit in one.edits):
        _apply(made, edit)
    after = made.inventory(case.ask(made))
    left = [one for one in examine(facts_of(after)) if one.id == case.id]
    assert not (safe and left)
    lost = [
        (service.value, kind.value)
        for service in VERIFIERS
        for kind, client in clients.items()
        if kind not in HOSTILE
        and follow(before, client, service, now=NOW).outcome is Outcome.ACCEPTED
        and follow(after, client, service, now=NOW).outcome is not Outcome.ACCEPTED
    ]
    assert lost == []


def _apply(made: Deployment, edit: Edit) -> None:
    match edit:
        case SetVariable(name=name, value=value):
            made.set(name, text(value) or "")
        case SetSetting(service=service, name=name, template=template):
            made.set_setting(service, name, template)
        case UncommentSetting(service=service, name=name):
            made.uncomment_setting(service, name)
        case RemoveSetting(service=service, name=name):
            made.unset_setting(service, name)
        case _:
            raise AssertionError(edit)


def test_a_rule_that_mends_has_a_case_with_a_safe_edit(look: Look) -> None:
    safe = {one.id for case in CASES for one in look(case).found if one.safe}
    assert safe == {rule.id for rule in RULES if rule.mends}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_no_finding_shows_a_secret(case: Case, look: Look) -> None:
    made, _, found = look(case)
    keys = made.keys
    secrets = (keys.jwt_secret, keys.anon, keys.service_role, keys.secret, keys.publishable,
               keys.oct["k"], keys.ec.jwk(private=True)["d"])  # fmt: skip
    shown = " ".join(repr(one) + str(one.as_dict()) for one in found)
    assert [secret for secret in secrets if secret in shown] == []

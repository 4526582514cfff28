"""Every rule: a healthy deployment has nothing, one broken thing has exactly its finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.doctor import broken_keys, broken_running, broken_wiring
from tests.doctor.broken_running import logged, probed, stored
from tests.doctor.case import Case, facts_of, phase_3
from tests.support.deployments import ASYMMETRIC_ERAS, ERAS, Deployment, healthy

from keyturn.deploy.edit import Edit, SetVariable
from keyturn.deploy.inventory import Inventory, Layout
from keyturn.deploy.opened import text
from keyturn.doctor.catalogue import RULES, examine, not_looked_at, rule_of
from keyturn.doctor.finding import Finding, Needs, Rule

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


def test_a_deployment_without_legacy_keys_has_no_finding(tmp_path: Path) -> None:
    made = phase_3(healthy(tmp_path))
    assert examine(facts_of(made.inventory())) == ()


def test_an_export_of_kubernetes_gets_no_edits_of_compose_files(look: Look) -> None:
    for case in SAFE:
        exported = replace(look(case).inventory, layout=Layout.KUBERNETES)
        findings = examine(facts_of(exported))
        assert case.id in {one.id for one in findings}
        assert [one.id for one in findings if one.edits or one.safe] == []


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


SAFE = [case for case in CASES if case.id in {
    "KT001", "KT005", "KT007", "KT010", "KT011", "KT012", "KT033", "KT037", "KT062", "KT064",
    "KT065", "KT072",
} and case.note in {"", "padded"}]  # fmt: skip


@pytest.mark.parametrize("case", SAFE, ids=lambda case: case.label)
def test_the_edit_of_a_safe_finding_heals(case: Case, tmp_path: Path) -> None:
    made, _, found = examined(case, tmp_path)
    finding = next(one for one in found if one.id == case.id)
    assert finding.safe
    assert finding.edits
    for edit in finding.edits:
        _apply(made, edit)
    assert case.id not in {one.id for one in examine(facts_of(made.inventory()))}


def _apply(made: Deployment, edit: Edit) -> None:
    if isinstance(edit, SetVariable):
        made.set(edit.name, text(edit.value) or "")
    else:
        made.uncomment_setting(edit.service, edit.name)  # type: ignore[union-attr]


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

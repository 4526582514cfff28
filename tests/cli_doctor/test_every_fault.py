"""Every fault of the catalogue in every form: it fits 80 columns, is whole, and leaks nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli_doctor.test_leaks import leaked
from tests.doctor.case import Case, facts_of
from tests.doctor.test_rules import CASES
from tests.support.deployments import NOW, Deployment, healthy

from keyturn.cli import doctor_formats
from keyturn.doctor.canaries import canaries
from keyturn.doctor.catalogue import examine
from keyturn.doctor.masking import MASK
from keyturn.doctor.matrix import matrix
from keyturn.doctor.readiness import readiness
from keyturn.doctor.report import Report, gaps
from keyturn.flows.doctor_fix import Fixes

pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
# Names that cannot be broken: a file's path, a message that stands in one word.
_UNBREAKABLE = ("volumes/", "docs/", "http")


def report_of(case: Case, made: Deployment) -> Report:
    """The report as the flow makes it, with what only a running system shows from the case."""
    facts = facts_of(made.inventory(case.ask(made)), **case.sees(made))  # type: ignore[arg-type]
    held = canaries(facts.inventory, NOW, os.urandom, include_service_role=True)
    table = matrix(facts.inventory, held, NOW, missing=held.missing, probes=facts.probes)
    return Report(facts, examine(facts), table, readiness(facts), gaps(facts))


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
def test_a_report_of_every_fault(case: Case, tmp_path: Path) -> None:
    made = healthy(tmp_path, case.era, asymmetric=case.asymmetric)
    case.breaks(made)
    found = report_of(case, made)
    printed = {
        form: doctor_formats.report(found, form, folder=".")
        for form in ("text", "json", "sarif", "markdown")
    }
    fixes = Fixes(found.changes(safe=True), found.changes(safe=False), applied=False)
    printed["fix"] = doctor_formats.fixes(found, fixes, "text")
    for form in ("text", "fix"):
        wide = [line for line in printed[form].splitlines() if len(line) > 80]
        assert [line for line in wide if not any(word in line for word in _UNBREAKABLE)] == []
    for form in ("text", "json", "sarif", "markdown"):
        assert case.id in printed[form]
    results = json.loads(printed["sarif"])["runs"][0]["results"]
    assert [one["ruleId"] for one in results] == [one.id for one in found.findings]
    for text in printed.values():
        assert leaked(made, text) == []
        assert MASK not in text, "rules and profiles keep values out by themselves"

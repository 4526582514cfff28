"""SARIF 2.1.0: the members that the schema requires, and places that code scanning can show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyturn.deploy.place import Place
from keyturn.doctor.finding import Confidence, Finding, Needs, Rule, Severity
from keyturn.doctor.sarif import sarif

RULES = tuple(
    Rule(
        f"KT90{number}",
        f"Fault {number}",
        severity,
        Confidence.LIKELY,
        Needs.FILES,
        "It matters.",
        "Mend it.",
        lambda facts: (),
    )
    for number, severity in enumerate(Severity)
)
PLACES = (Place("volumes/api/a b#1.yml", 12, 7), Place(".env", 3), Place("/etc/x.env", 1))


def finding(rule: Rule, places: tuple[Place, ...] = PLACES) -> Finding:
    """One finding of a rule."""
    return Finding(
        rule.id, rule.title, rule.severity, rule.confidence, "Seen.", rule.why, rule.fix, places
    )


def log(*findings: Finding) -> dict[str, Any]:
    """The log as a reader gets it."""
    document: dict[str, Any] = json.loads(json.dumps(sarif(findings, RULES, "1.2.3")))
    return document


def test_required_members_of_log_run_tool_and_rules() -> None:
    document = log()
    assert document["version"] == "2.1.0"
    assert document["$schema"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("keyturn doctor", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    assert run["results"] == []


@pytest.mark.parametrize("rule", RULES, ids=[rule.severity.value for rule in RULES])
def test_a_result_points_to_its_rule_and_place(rule: Rule) -> None:
    (result,) = log(finding(rule))["runs"][0]["results"]
    assert RULES[result["ruleIndex"]].id == result["ruleId"] == rule.id
    assert result["level"] == {"critical": "error", "notice": "note"}.get(
        rule.severity.value, rule.severity.value
    )
    assert result["message"]["text"] == f"{rule.title}. Seen. Mend it."
    (place,) = result["locations"]
    physical = place["physicalLocation"]
    assert physical["artifactLocation"] == {
        "uri": "volumes/api/a%20b%231.yml",
        "uriBaseId": "DEPLOYMENT",
    }
    assert physical["region"] == {"startLine": 12, "startColumn": 7}


def test_other_places_are_related_and_absolute_ones_are_file_uris() -> None:
    result = log(finding(RULES[0]))["runs"][0]["results"][0]
    related = [one["physicalLocation"]["artifactLocation"] for one in result["relatedLocations"]]
    assert related == [
        {"uri": ".env", "uriBaseId": "DEPLOYMENT"},
        {"uri": "file:///etc/x.env"},
    ]
    assert [one["id"] for one in result["relatedLocations"]] == [1, 2]


def test_a_finding_without_a_place_has_no_location() -> None:
    result = log(finding(RULES[0], ()))["runs"][0]["results"][0]
    assert result["locations"] == []


def test_the_identity_of_a_result_survives_moved_lines() -> None:
    one, moved = (
        log(finding(RULES[0], (Place(".env", line),)))["runs"][0]["results"][0] for line in (3, 30)
    )
    assert one["partialFingerprints"] == moved["partialFingerprints"]


def test_every_base_that_places_use_is_declared() -> None:
    run = log(finding(RULES[0]))["runs"][0]
    assert set(run["originalUriBaseIds"]) == {"DEPLOYMENT"}

"""Findings as SARIF 2.1.0, for code scanning in GitHub, GitLab and editors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from keyturn.deploy.place import Place
from keyturn.doctor.finding import Finding, Rule, Severity

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_DOCS: Final = "docs/findings"
_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "note",
}
# GitHub sorts by this number: 9 and more is critical, 7 high, 4 medium, below that low.
_SCORES: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "9.0",
    Severity.ERROR: "7.0",
    Severity.WARNING: "4.0",
    Severity.NOTICE: "1.0",
}


def sarif(findings: Iterable[Finding], rules: Sequence[Rule], version: str) -> dict[str, object]:
    """Return the log: one run, a descriptor for every rule, a result for every finding."""
    number = {rule.id: index for index, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "keyturn doctor",
                        "version": version,
                        "rules": [_descriptor(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    "DEPLOYMENT": {"description": {"text": "The folder of the deployment."}}
                },
                "results": [_result(finding, number.get(finding.id)) for finding in findings],
            }
        ],
    }


def _descriptor(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix, "markdown": f"{rule.fix}\n\nMore: {_DOCS}/{rule.id}.md"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "security-severity": _SCORES[rule.severity],
            "precision": {"certain": "very-high", "likely": "high", "possible": "medium"}[
                rule.confidence.value
            ],
            "tags": ["security", "supabase"],
        },
    }


def _result(finding: Finding, index: int | None) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.title}. {finding.seen} {finding.fix}"},
        "locations": [_location(place) for place in finding.places[:1]],
        "relatedLocations": [
            {"id": number, **_location(place)}
            for number, place in enumerate(finding.places[1:], start=1)
        ],
        "partialFingerprints": {"keyturnFinding/v1": _identity(finding)},
        "properties": {"confidence": finding.confidence.value, "service": finding.service},
    }
    if index is not None:
        result["ruleIndex"] = index
    return result


def _location(place: Place) -> dict[str, object]:
    artifact: dict[str, object] = {"uri": _uri(place.file)}
    if not place.file.startswith("/"):
        artifact["uriBaseId"] = "DEPLOYMENT"
    return {
        "physicalLocation": {
            "artifactLocation": artifact,
            "region": {"startLine": max(place.line, 1), "startColumn": max(place.column, 1)},
        }
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return f"file://{quote(path)}" if path.startswith("/") else quote(path)


def _identity(finding: Finding) -> str:
    """Return what stays the same when lines move: the finding, its service and its file."""
    file = finding.places[0].file if finding.places else ""
    return f"{finding.id}:{finding.service or ''}:{file}"

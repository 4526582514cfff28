"""Doctor's results in every form: text, JSON, SARIF, Markdown; each looked over for secrets."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from keyturn import __version__
from keyturn.cli.output import to_json
from keyturn.doctor.catalogue import RULES, rule_of
from keyturn.doctor.masking import Redactor, redactor
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.deploy.inventory import Inventory
    from keyturn.doctor.finding import Rule
    from keyturn.doctor.report import Report
    from keyturn.doctor.symptoms import Lookup
    from keyturn.doctor.why import Why
    from keyturn.flows.doctor_fix import Fixes


def report(found: Report, form: str, *, folder: str) -> str:
    """Return the whole report."""
    from keyturn.cli.doctor_text import report_text
    from keyturn.doctor.markdown import markdown
    from keyturn.doctor.sarif import sarif

    clean = redactor(found.inventory)
    match form:
        case "json":
            return _json(found.as_dict(), clean)
        case "sarif":
            document = clean.clean_document(sarif(found.findings, RULES, __version__))
            return json.dumps(document, indent=2, ensure_ascii=False)
        case "markdown":
            return clean.clean(markdown(found, __version__)).rstrip("\n")
        case _:
            return clean.clean(report_text(found, folder=folder))


def fixes(found: Report, made: Fixes, form: str) -> str:
    """Return the changes as lines of a diff."""
    from keyturn.cli.doctor_fix_text import fixes_text

    clean = redactor(found.inventory)
    if form == "json":
        return _json({"fixes": made.as_dict()}, clean)
    _only_text(form, "--fix")
    return clean.clean(fixes_text(made))


def why(found: Why, inventory: Inventory, token: str, form: str) -> str:
    """Return the way of one credential."""
    from keyturn.cli.doctor_why_text import why_text

    clean = redactor(inventory, [token])
    if form == "json":
        return _json({"why": found.as_dict()}, clean)
    _only_text(form, "--token-file")
    return clean.clean(why_text(found))


def lookup(found: Lookup, report: Report | None, form: str) -> str:
    """Return the causes of a message; ``report`` tells which of them are there."""
    from keyturn.cli.doctor_why_text import lookup_text
    from keyturn.doctor.symptom_page import rules_by_slug

    seen = {finding.id for finding in report.findings} if report else set()
    slugs = {one.slug for one in found.found}
    rules = {slug: group for slug, group in rules_by_slug(RULES).items() if slug in slugs}
    if form == "json":
        return to_json(
            {
                "found": [
                    {**one.as_dict(), "findings": [rule.id for rule in rules.get(one.slug, ())]}
                    for one in found.found
                ],
                "near": [one.text for one in found.near],
                "here": sorted(
                    {rule.id for group in rules.values() for rule in group if rule.id in seen}
                ),
            }
        )
    _only_text(form, "--error")
    return lookup_text(found, rules=rules, seen=seen)


def rule(name: str, form: str) -> str:
    """Return everything about the finding called ``name``; raises ``UsageError``."""
    from keyturn.cli.doctor_why_text import rule_text

    found = rule_of(name)
    if found is None:
        known = [one.id for one in RULES]
        close = difflib.get_close_matches(name.upper(), known, n=3)
        hint = f"Did you mean {', '.join(close)}?" if close else f"{RULES[0].id} … {RULES[-1].id}"
        raise UsageError(f"There is no finding {name!r}.", hint=hint)
    if form == "json":
        return to_json({"finding": _rule(found)})
    _only_text(form, "--explain")
    return rule_text(found)


def cell(found: Report, name: str, form: str) -> str:
    """Return the way behind one cell, named ``storage/user-es256``; raises ``UsageError``."""
    from keyturn.cli.doctor_layout import paragraph
    from keyturn.cli.doctor_why_text import steps_text
    from keyturn.doctor.matrix_reasons import answer

    wanted = _plain(name)
    cells = found.matrix.cells.values() if found.matrix else ()
    one = next((c for c in cells if _plain(f"{c.service}/{c.credential}") == wanted), None)
    if one is None:
        services = ", ".join(dict.fromkeys(c.service for c in cells))
        kinds = ", ".join(dict.fromkeys(c.credential.replace(" ", "-") for c in cells))
        hint = f"SERVICE/CREDENTIAL, with {services} and {kinds}."
        raise UsageError(f"The matrix has no cell {name!r}.", hint=hint)
    clean = redactor(found.inventory)
    if form == "json":
        return _json({"cell": one.as_dict()}, clean)
    _only_text(form, "--explain")
    head = paragraph(f"{one.service}, {one.credential}: {answer(one.predicted)}", hang=2)
    return clean.clean("\n".join((head, *steps_text(one.predicted.steps))))


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ")


def _json(payload: Mapping[str, object], clean: Redactor) -> str:
    document = json.loads(to_json(payload))
    return to_json({str(k): v for k, v in _object(clean.clean_document(document)).items()})


def _object(document: object) -> Mapping[str, object]:
    return document if isinstance(document, Mapping) else {}


def _rule(found: Rule) -> dict[str, object]:
    return {
        "id": found.id,
        "title": found.title,
        "severity": found.severity.value,
        "confidence": found.confidence.value,
        "needs": found.needs.value,
        "why": found.why,
        "fix": found.fix,
        "symptoms": list(found.symptoms),
        "sources": list(found.sources),
        "docs": f"docs/findings/{found.id}.md",
    }


def _only_text(form: str, option: str) -> None:
    if form != "text":
        raise UsageError(f"{option} prints text or JSON, not {form}.")

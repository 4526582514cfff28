"""The page of one finding in ``docs/findings``, and their index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from keyturn.doctor.finding import Confidence, Needs, Rule, Severity
from keyturn.doctor.markup import code
from keyturn.doctor.symptoms import look_up

MARK: Final = (
    "<!-- Written by `python -m keyturn.cli.finding_pages docs/findings`; do not edit. -->"
)

SEVERITIES: Final = {
    Severity.CRITICAL: "a stranger gets in, or a secret lies open",
    Severity.ERROR: "requests are refused or a service is down, now or on a known date",
    Severity.WARNING: "it works today and breaks at the next change",
    Severity.NOTICE: "worth knowing; nothing breaks",
}
CONFIDENCES: Final = {
    Confidence.CERTAIN: "read in the files, or observed",
    Confidence.LIKELY: "follows from the versions and settings that were read",
    Confidence.POSSIBLE: "one of several causes",
}
NEEDS: Final = {
    Needs.FILES: "the files of the deployment: `keyturn doctor DIR`",
    Needs.PROBE: "a running system: `keyturn doctor DIR --probe URL`",
    Needs.DATABASE: "the database: `keyturn doctor DIR --database-url-file FILE`",
    Needs.LOGS: "the gateway's access log: `keyturn doctor DIR --access-log FILE`",
}


def page(rule: Rule) -> str:
    """Return the Markdown of one finding's page."""
    return "\n\n".join(_parts(rule)) + "\n"


def index(rules: Sequence[Rule]) -> str:
    """Return the page that lists all findings, by severity and then by id."""
    parts = [MARK, "# Findings", _HEAD]
    for severity in Severity:
        listed = [rule for rule in rules if rule.severity is severity]
        rows = [
            f"| [{rule.id}]({rule.id}.md) | {rule.title} | {_seen_in(rule)} |" for rule in listed
        ]
        title = f"## {severity.value.capitalize()}: {SEVERITIES[severity]}"
        parts += [title, "\n".join(["| id | finding | seen in |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


_HEAD: Final = (
    "What `keyturn doctor` can find in a self-hosted Supabase. Ids are stable: a finding keeps its "
    "number for ever. A finding names the file and the line to change; one that needs a running "
    "system, the database or a log is looked for only when that was given, and the report says "
    "what was not looked at."
)


def _parts(rule: Rule) -> Iterator[str]:
    yield MARK
    yield f"# {rule.id}: {rule.title}"
    yield "\n".join(
        (
            "| | |",
            "|---|---|",
            f"| severity | **{rule.severity.value}**: {SEVERITIES[rule.severity]} |",
            f"| confidence | {rule.confidence.value}: {CONFIDENCES[rule.confidence]} |",
            f"| seen in | {NEEDS[rule.needs]} |",
            f"| mended by Keyturn | {_mending(rule)} |",
        )
    )
    if rule.symptoms:
        yield "## What you see"
        yield "\n".join(f"- {_linked(text)}" for text in rule.symptoms)
    yield "## Why it matters"
    yield rule.why
    yield "## What to do"
    yield rule.fix
    yield "## Known from"
    yield ", ".join(rule.sources) + "."


def _mending(rule: Rule) -> str:
    if rule.mends:
        return (
            "yes, where the value stands in `.env` or the compose file; nobody loses access by it"
        )
    return "no: it needs a decision of yours"


def _linked(text: str) -> str:
    """Return the message, linked to its page in ``docs/errors`` where there is one."""
    found = look_up(text).found
    return f"[{code(text)}](../errors/{found[0].slug}.md)" if found else code(text)


def _seen_in(rule: Rule) -> str:
    return {
        Needs.FILES: "files",
        Needs.PROBE: "`--probe`",
        Needs.DATABASE: "database",
        Needs.LOGS: "access log",
    }[rule.needs]

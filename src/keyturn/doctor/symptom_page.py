"""The page of one message in ``docs/errors``, titled with the message so that it is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from keyturn.doctor.finding import Rule
from keyturn.doctor.markup import code
from keyturn.doctor.symptom import Cause, Symptom
from keyturn.doctor.symptoms import SYMPTOMS, look_up

MARK: Final = "<!-- Written by `python -m keyturn.cli.error_pages docs/errors`; do not edit. -->"
_COMMANDS: Final = """```
keyturn doctor DIR                      # every finding, with the lines to change
keyturn doctor DIR --token-file token   # follow one token, name what refuses it
```

Nothing is changed, and nothing leaves the machine. [Find a 401](../how-to/find-a-401.md) shows the
whole way."""


def page(symptom: Symptom, rules: Sequence[Rule] = ()) -> str:
    """Return the Markdown of the page, with links to the ``rules`` that name the message."""
    many = len(symptom.causes) > 1
    parts = [
        MARK,
        f"# {code(symptom.text)}",
        f"**Who writes it:** {symptom.by}.",
        symptom.means,
        "## Causes, the likeliest first" if many else "## Cause",
        *(_cause(number, one) for number, one in enumerate(symptom.causes, start=1)),
        *_other_forms(symptom),
        *_findings(rules),
        "## Ask about your own deployment",
        _COMMANDS,
    ]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """Return the page that lists all messages."""
    lines = [f"- [{code(one.text)}]({one.slug}.md) — {one.by}" for one in SYMPTOMS]
    head = (
        "Messages that Supabase's services write when keys do not fit, each with its causes. "
        '`keyturn doctor --error "…"` finds the page of a pasted one.'
    )
    return "\n\n".join((MARK, "# Error messages", head, "\n".join(lines))) + "\n"


def rules_by_slug(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    """Return for each message, by its slug, the rules that name it as what the user sees."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        seen = {one.slug for text in rule.symptoms for one in look_up(text).found}
        for slug in seen:
            found.setdefault(slug, []).append(rule)
    return {slug: tuple(group) for slug, group in found.items()}


def _cause(number: int, cause: Cause) -> str:
    seen = f"\n\n   Known from: {', '.join(cause.sources)}." if cause.sources else ""
    return f"{number}. {cause.because}\n\n   **What to do:** {cause.fix}{seen}"


def _other_forms(symptom: Symptom) -> tuple[str, ...]:
    if not symptom.also:
        return ()
    return ("## Also written", "\n".join(f"- {code(text)}" for text in symptom.also))


def _findings(rules: Sequence[Rule]) -> tuple[str, ...]:
    if not rules:
        return ()
    lines = (f"- [{rule.id}](../findings/{rule.id}.md): {rule.title}" for rule in rules)
    return ("## What doctor finds", "\n".join(lines))

"""The why of one token, the error lookup and the explanation of a finding, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from keyturn.cli.doctor_layout import heading, labelled, paragraph
from keyturn.cli.output import paint
from keyturn.cli.token_view import printable
from keyturn.doctor.finding import Rule
from keyturn.doctor.matrix_reasons import answer
from keyturn.doctor.symptom import Symptom
from keyturn.doctor.symptoms import Lookup
from keyturn.doctor.why import FINE, Why, refuser
from keyturn.profiles.verdict import Step, Verdict

_MARKS: Final = {True: ("ok", "green"), False: ("NO", "red"), None: ("··", "dim")}
_NAME: Final = 11


def why_text(found: Why) -> str:
    """Return the way to each service; where it ends badly, every step of it."""
    lines = [paragraph(found.pasted.subject), paint(f"sent {found.pasted.sent}", "dim"), ""]
    for kind, verdict in found.ways.items():
        lines.extend(_way(kind.value, verdict))
    lines += ["", _closing(found)]
    return "\n".join(lines)


def _way(name: str, verdict: Verdict) -> Iterator[str]:
    fine = verdict.outcome in FINE
    style = "green" if fine else "red"
    said = paragraph(answer(verdict), _NAME)[_NAME:]
    yield heading(name.ljust(_NAME)) + paint(said, style)
    if not fine:
        yield from steps_text(verdict.steps)


def steps_text(steps: Iterable[Step]) -> Iterator[str]:
    """Yield one paragraph per step: a mark, who decides, what."""
    for step in steps:
        mark, style = _MARKS[step.ok]
        body = paragraph(f"{printable(step.at).ljust(10)}{step.text}", 5, hang=10)
        yield f"  {paint(mark, style)} {_spaced(body, step.at)}"


def _spaced(body: str, at: str) -> str:
    """Return ``body`` with the blanks behind the name that wrapping squeezed out."""
    name = printable(at)
    return name.ljust(10) + body[5:].removeprefix(name).lstrip(" ")


def _closing(found: Why) -> str:
    if found.accepted:
        return paint("Every service takes it.", "green")
    kind, verdict = next(way for way in found.ways.items() if way[1].outcome not in FINE)
    by = refuser(verdict)
    where = f"{by}, on the way to {kind.value}" if by and by != kind.value else kind.value
    return paint(f"The first that does not take it: {where}.", "red")


_UNKNOWN: Final = "Doctor does not know this message."


def lookup_text(found: Lookup, *, rules: dict[str, tuple[Rule, ...]], seen: set[str]) -> str:
    """Return the causes and fixes of a message; ``seen`` are ids found in the deployment."""
    if found.found:
        return "\n\n".join(symptom_text(one, rules.get(one.slug, ()), seen) for one in found.found)
    unknown = "This code comes with several messages." if found.is_code else _UNKNOWN
    lines = [paint(unknown, "yellow")]
    if found.near:
        head = "Look up the one that stands beside it:" if found.is_code else "Nearest known:"
        lines += [head, *(f"  {printable(one.text)}" for one in found.near)]
    else:
        lines.append("docs/errors/README.md lists the messages that it knows.")
    return "\n".join(lines)


def symptom_text(symptom: Symptom, rules: Iterable[Rule], seen: set[str]) -> str:
    """Return one message with its causes, the likeliest first."""
    lines = [
        heading(paragraph(symptom.text)),
        paint(paragraph(symptom.by), "dim"),
        paragraph(symptom.means),
        "",
    ]
    for number, cause in enumerate(symptom.causes, start=1):
        lines.append(paragraph(f"{number}. {cause.because}", hang=3))
        lines.append(labelled("fix", cause.fix, 3, style="cyan"))
    lines.append("")
    for rule in rules:
        here = rule.id in seen
        text = f"{'found in this deployment' if here else 'doctor knows it as'}: "
        text = paragraph(f"{text}{rule.id} {rule.title}", hang=2)
        lines.append(paint(text, "yellow" if here else "dim"))
    lines.append(paint(f"page: {symptom.page}", "dim"))
    return "\n".join(lines)


def rule_text(rule: Rule) -> str:
    """Return everything that is known about one finding."""
    lines = [
        heading(f"{rule.id}  {rule.title}"),
        paint(f"{rule.severity.value}, {rule.confidence.value}; looks at {_needs(rule)}", "dim"),
        "",
        labelled("why", rule.why),
        labelled("fix", rule.fix),
    ]
    lines += [labelled("shows", f"“{one}”") for one in rule.symptoms]
    if rule.sources:
        lines.append(labelled("from", ", ".join(rule.sources)))
    lines.append(labelled("page", f"docs/findings/{rule.id}.md"))
    return "\n".join(lines)


def _needs(rule: Rule) -> str:
    return {
        "files": "the files",
        "probe": "the running services (--probe URL)",
        "database": "the database (--database-url-file)",
        "logs": "access logs (--access-log)",
    }[rule.needs.value]

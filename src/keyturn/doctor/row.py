"""One row of the catalogue, with the defaults that most rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyturn.doctor.finding import Confidence, Facts, Needs, Rule, Seen, Severity


def row(
    number: int,
    title: str,
    severity: Severity,
    check: Callable[[Facts], Iterable[Seen]],
    *,
    why: str,
    fix: str,
    needs: Needs = Needs.FILES,
    confidence: Confidence = Confidence.CERTAIN,
    symptoms: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    mends: bool = False,
) -> Rule:
    """Return the rule ``KTnnn``; most are certain and need the files only."""
    return Rule(
        id=f"KT{number:03}",
        title=title,
        severity=severity,
        confidence=confidence,
        needs=needs,
        why=why,
        fix=fix,
        check=check,
        symptoms=symptoms,
        sources=sources,
        mends=mends,
    )

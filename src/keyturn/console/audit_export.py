"""Lines of the audit log as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from keyturn.flows.ports.audit import AuditLine

COLUMNS = (
    "id",
    "at",
    "actor",
    "subject",
    "subject_id",
    "verb",
    "from_state",
    "to_state",
    "reason",
    "overridden",
    "ring_version",
)
# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(line: AuditLine) -> dict[str, object]:
    """Return plain values; ``at`` is RFC 3339 in UTC."""
    facts: Mapping[str, object] = {"id": line.id, **asdict(line.entry)}
    return {**facts, "at": line.entry.at.isoformat().replace("+00:00", "Z")}


def as_csv(lines: Sequence[AuditLine]) -> str:
    """Return RFC 4180 CSV with a header; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in lines:
        facts = as_json(line)
        writer.writerow([_cell(facts[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

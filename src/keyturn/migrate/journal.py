"""The journal: one JSON object per line, only ever appended, no secret in it.

A line is written and on disk *before* what it announces is begun, and another one *after* it is
done. Whatever instant a crash picks, the last lines say what may have happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from keyturn.errors import Conflict
from keyturn.migrate.commands import Stamp
from keyturn.migrate.plan import Plan
from keyturn.migrate.plan_json import UnreadablePlan, plan_document, plan_of

VERSION: Final = 1
Chosen = Mapping[str, tuple[str, ...]]
"""How a run is carried out, as its command line said it: names of options with their values. A
value that may hold a credential is not kept; its option is there, without a value."""


class Event(StrEnum):
    """What a line of the journal says."""

    BEGIN = "begin"
    """A run of ``plan`` begins."""
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    """``command`` did not work; ``reason`` says why."""
    UNDO = "undo"
    """From here on the steps from ``step`` are taken back."""
    RESTORING = "restoring"
    RESTORED = "restored"
    UNDONE = "undone"
    """All of them are taken back."""
    FINISHED = "finished"
    CHOSEN = "chosen"
    """From here on it is carried out in another way than before: ``chosen`` says how."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line."""

    event: Event
    run: str
    at: int
    """Unix seconds."""
    command: str | None = None
    before: Stamp | None = None
    after: Stamp | None = None
    step: int | None = None
    reason: str | None = None
    plan: Plan | None = None
    chosen: Chosen | None = None


class DamagedJournal(Conflict):
    """The journal cannot be understood, so nothing is done."""

    code = "damaged_journal"
    default_hint = (
        "Put the journal back from a backup, or move .keyturn away and look at the files."
    )


def line(record: Record) -> bytes:
    """Return the line of ``record``, with its line break."""
    document: dict[str, object] = {"v": VERSION}
    for name in Record.__slots__:
        value = getattr(record, name)
        if value is not None:
            document[name] = plan_document(value) if name == "plan" else msgspec.to_builtins(value)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def whole_lines(content: bytes) -> bytes:
    """Return ``content`` without what a crash left of an unfinished last line."""
    return content[: content.rfind(b"\n") + 1]


def parse(content: bytes) -> tuple[Record, ...]:
    """Return all records; the rest of a line that a crash cut off does not count.

    Raises :class:`DamagedJournal` with the number of a line that is no record.
    """
    return tuple(_parsed(whole_lines(content).splitlines()))


def _parsed(lines: Iterable[bytes]) -> Iterable[Record]:
    for number, one in enumerate(lines, 1):
        try:
            yield _record(json.loads(one))
        except (ValueError, KeyError, TypeError, AttributeError, msgspec.ValidationError):
            raise DamagedJournal(f"Line {number} of the journal is not readable.") from None


def _record(document: dict[str, object]) -> Record:
    if document.pop("v") != VERSION:
        raise ValueError
    plan = document.pop("plan", None)
    try:
        return msgspec.convert({**document, "plan": None}, _Line).record(plan)
    except UnreadablePlan as problem:
        raise ValueError from problem


@dataclass(frozen=True, slots=True)
class _Line:
    """A record without its plan, whose commands have a reader of their own."""

    event: Event
    run: str
    at: int
    plan: None
    command: str | None = None
    before: Stamp | None = None
    after: Stamp | None = None
    step: int | None = None
    reason: str | None = None
    chosen: dict[str, tuple[str, ...]] | None = None

    def record(self, plan: object) -> Record:
        held = None if plan is None else plan_of(plan)
        return Record(
            self.event, self.run, self.at, self.command, self.before, self.after, self.step,
            self.reason, held, self.chosen,
        )  # fmt: skip

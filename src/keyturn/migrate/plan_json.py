"""A plan as JSON, out and in: for ``--out plan.json``, and inside the journal.

There is no secret in it. Reading is strict: a plan that was written by another version, or edited
into something else, is refused before anything is done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Final

import msgspec

from keyturn.errors import UsageError
from keyturn.migrate.commands import (
    Command,
    Probe,
    RecreateService,
    ReloadService,
    Tell,
    WaitUntil,
    WriteFile,
)
from keyturn.migrate.plan import Plan

SCHEMA_VERSION: Final = 1
_KINDS: Final[dict[str, type[Command]]] = {
    "write": WriteFile,
    "recreate": RecreateService,
    "reload": ReloadService,
    "probe": Probe,
    "wait": WaitUntil,
    "note": Tell,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class _Head:
    """A plan without its commands, whose type JSON does not tell."""

    id: str
    title: str
    created: int
    steps: tuple[str, ...]
    inputs: dict[str, str | None]
    notes: tuple[str, ...]
    verb: str = ""


class UnreadablePlan(UsageError):
    """This is not a plan that this version of Keyturn can apply."""

    code = "unreadable_plan"
    default_hint = "Make the plan again with this version of Keyturn."


def plan_document(plan: Plan) -> dict[str, object]:
    """Return the plan as plain values, ``schema_version`` first."""
    document = dict(msgspec.to_builtins(plan))
    document["commands"] = [
        {"kind": _NAMES[type(command)], **msgspec.to_builtins(command)} for command in plan.commands
    ]
    return {"schema_version": SCHEMA_VERSION, **document}


def plan_text(plan: Plan) -> str:
    """Return the plan as indented JSON, for a file that people review."""
    return json.dumps(plan_document(plan), indent=2, ensure_ascii=False) + "\n"


def parse_plan(text: str | bytes) -> Plan:
    """Return the plan that ``text`` holds; raises :class:`UnreadablePlan`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadablePlan("The plan is not JSON.") from None
    return plan_of(document)


def plan_of(document: object) -> Plan:
    """Return the plan that a JSON document holds; raises :class:`UnreadablePlan`."""
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise UnreadablePlan
    fields = {n: v for n, v in document.items() if n not in ("schema_version", "commands")}
    try:
        commands = tuple(_command(one) for one in document["commands"])
        head = msgspec.convert(fields, _Head)
    except (KeyError, TypeError, msgspec.ValidationError):
        raise UnreadablePlan from None
    plan = Plan(commands=commands, **{one.name: getattr(head, one.name) for one in fields_of(head)})
    _check(plan)
    return plan


def _command(document: dict[str, object]) -> Command:
    kind = _KINDS[str(document["kind"])]
    return msgspec.convert({n: v for n, v in document.items() if n != "kind"}, kind)


def _check(plan: Plan) -> None:
    names = [one.id for one in plan.commands]
    safe = all(_is_name(name) for name in (plan.id, *names))
    steps = [one.step for one in plan.commands]
    in_order = steps == sorted(steps) and all(0 <= s < len(plan.steps) for s in steps)
    if not safe or len(set(names)) != len(names) or not in_order:
        raise UnreadablePlan


def _is_name(name: str) -> bool:
    """Whether it can name a file in the journal's folder."""
    return bool(name) and not name.startswith(".") and all(c.isalnum() or c in "._-" for c in name)

"""Documents that say the same in another notation: what a user's file holds already stays as it is.

White space, the order of members and members that no service looks at make no difference; a key
that is missing, signs, or stands before another shared secret does (storage 1.74.0 takes the first
``oct`` key that fits).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from keyturn.deploy.edit import Edit, ReplaceFile, SetVariable
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.secret import Secret

_IDLE: Final = frozenset({"ext", "use", "key_ops"})
"""Members that are looked at by themselves, or by nobody."""


def only_changes(inventory: Inventory, edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield ``edits`` without those that would only write a key set in another notation."""
    for edit in edits:
        held = _held(inventory, edit)
        new = edit.content if isinstance(edit, ReplaceFile) else getattr(edit, "value", None)
        if held is None or not isinstance(new, Secret) or not same_keys(held, new):
            yield edit


def _held(inventory: Inventory, edit: Edit) -> Secret | None:
    """Return what stands now where ``edit`` would write."""
    if isinstance(edit, SetVariable) and edit.file == ".env":
        variable = inventory.variable(edit.name)
        return variable.value if variable is not None else None
    if isinstance(edit, ReplaceFile):
        for service in inventory.services.values():
            for one in service.documents:
                if one.path == edit.path and one.text is not None:
                    return Secret(one.text)
    return None


def same_keys(one: Secret, other: Secret) -> bool:
    """Whether two key sets, or two arrays of keys, mean the same to every service."""
    read = [_meaning(text(each) or "") for each in (one, other)]
    return read[0] is not None and read[0] == read[1]


def _meaning(document: str) -> object:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return None
    rows = found.get("keys") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    keys = [_key(row) for row in rows]
    beside = found if isinstance(found, dict) else {}
    return (
        isinstance(found, dict),
        sorted(key for key in keys if '"oct"' not in key),
        [key for key in keys if '"oct"' in key],
        {name: _key(row) for name, row in beside.items() if isinstance(row, dict)},
        {name: row for name, row in beside.items() if name != "keys" and not isinstance(row, dict)},
    )


def _key(row: Mapping[str, object]) -> str:
    operations = row.get("key_ops")
    shown = {name: value for name, value in row.items() if name not in _IDLE}
    shown["signs"] = isinstance(operations, list) and "sign" in operations
    shown["meant"] = row.get("use") in (None, "sig")
    return json.dumps(shown, sort_keys=True)

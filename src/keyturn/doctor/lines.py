"""Lines of the user's files as reports may show them: names and references, never a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.deploy import edit as edits
from keyturn.deploy.edit import Edit, describe
from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.setting import CommentedOut, Setting, Variable, fingerprint
from keyturn.doctor.credentials import Jwk, Shape, read_keys
from keyturn.secret import Secret

HIDDEN = "…"
_LONGEST_KID: Final = 9


@dataclass(frozen=True, slots=True)
class Change:
    """One edit as lines of a diff; ``place`` None: the line does not exist yet."""

    file: str
    place: Place | None
    removed: str | None
    added: str | None
    note: str
    """What the edit is, in words."""

    def as_dict(self) -> dict[str, object]:
        """Return the change for JSON."""
        return {
            "file": self.file,
            "place": self.place and self.place.as_dict(),
            "removed": self.removed,
            "added": self.added,
            "note": self.note,
        }


def line_at(inventory: Inventory, place: Place) -> str | None:
    """Return what stands at ``place``, None when it is no setting that Keyturn knows."""
    for known, line in _lines(inventory):
        if (known.file, known.line) == (place.file, place.line):
            return line
    return None


def change_of(edit: Edit, inventory: Inventory) -> Change:
    """Return how ``edit`` would show in a diff."""
    match edit:
        case edits.SetVariable() | edits.RemoveVariable():
            return _variable_change(edit, inventory)
        case edits.ReplaceFile(path=path):
            return Change(path, None, None, "(the whole file, rendered anew)", describe(edit))
        case _:
            return _setting_change(edit, inventory)


def _variable_change(
    edit: edits.SetVariable | edits.RemoveVariable, inventory: Inventory
) -> Change:
    known = inventory.variables.get(edit.name)
    commented = inventory.commented_variables.get(edit.name)
    place, removed = None, None
    if known is not None and known.place is not None and known.place.file == edit.file:
        place, removed = known.place, f"{edit.name}={_described(known.value)}"
    elif commented is not None and commented.place.file == edit.file:
        place, removed = commented.place, f"#{edit.name}={HIDDEN}"
    added = None
    if isinstance(edit, edits.SetVariable):
        added = f"{edit.name}={_described(edit.value)}"
    return Change(edit.file, place, removed, added, describe(edit))


def _described(value: Secret | None) -> str:
    """Return a value's fingerprint and, for key documents, which keys it holds."""
    if not value:
        return ""
    document = read_keys(text(value))
    words = ", ".join(map(_label, document.keys))
    if document.shape is Shape.MALFORMED:
        words = "not JSON"
    return f"{HIDDEN}  ({fingerprint(value)}{': ' if words else ''}{words})"


def _label(key: Jwk) -> str:
    kid = key.kid
    if kid is None:
        return key.text("kty") or "?"
    return kid if len(kid) <= _LONGEST_KID else f"{kid[: _LONGEST_KID - 1]}…"


def _setting_change(
    edit: edits.SetSetting | edits.UncommentSetting | edits.RemoveSetting | edits.SetHealthcheck,
    inventory: Inventory,
) -> Change:
    service = inventory.services.get(edit.service)
    place, removed, added = None, None, None
    match edit:
        case edits.SetHealthcheck(old=old, new=new):
            place = service.healthcheck.place if service and service.healthcheck else None
            removed, added = old, new
        case edits.UncommentSetting(name=name):
            found = service.commented.get(name) if service else None
            if found is not None:
                place, removed = found.place, _commented(found)
                added = _commented(found).removeprefix("#")
        case edits.SetSetting(name=name, template=template):
            place, removed = _existing(service, name)
            added = f"{name}: {template}"
        case edits.RemoveSetting(name=name):
            place, removed = _existing(service, name)
    file = place.file if place else service.place.file if service else ""
    return Change(file, place, removed, added, describe(edit))


def _existing(service: Service | None, name: str) -> tuple[Place | None, str | None]:
    found = service.settings.get(name) if service else None
    return (found.place, _setting(found)) if found else (None, None)


def _lines(inventory: Inventory) -> Iterator[tuple[Place, str]]:
    for service in inventory.services.values():
        yield from _service_lines(service)
    for variable in inventory.variables.values():
        if variable.place:
            yield variable.place, _variable(variable)
    for name, places in inventory.duplicates.items():
        for place in places:
            yield place, f"{name}={HIDDEN}"
    for commented in inventory.commented_variables.values():
        yield commented.place, f"#{commented.name}={HIDDEN}"


def _service_lines(service: Service) -> Iterator[tuple[Place, str]]:
    for setting in service.settings.values():
        yield setting.place, _setting(setting)
    for commented in service.commented.values():
        yield commented.place, _commented(commented)
    if service.healthcheck:
        yield service.healthcheck.place, f"healthcheck of {service.name}"
    for document in service.documents:
        yield document.place, f"{document.path}:{document.target}"
    yield service.place, f"{service.name}:"


def _variable(variable: Variable) -> str:
    return f"{variable.name}={HIDDEN if variable.value else ''}"


def _setting(setting: Setting) -> str:
    shown = setting.template if setting.template is not None else HIDDEN if setting.value else ""
    return f"{setting.name}: {shown}".rstrip()


def _commented(found: CommentedOut) -> str:
    return f"#{found.name}: {found.template if found.template is not None else HIDDEN}"

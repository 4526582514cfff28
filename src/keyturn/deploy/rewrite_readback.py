"""Reading back: what would a container get now that it did not get before, and was that meant?"""

from __future__ import annotations

from collections.abc import Sequence

from keyturn.deploy.edit import (
    Edit,
    RemoveSetting,
    RemoveVariable,
    ReplaceFile,
    SetHealthcheck,
    SetSetting,
    SetVariable,
    UncommentSetting,
)
from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.setting import Origin, Setting


def affected(before: Inventory, after: Inventory) -> tuple[str, ...]:
    """Return the services that Compose would create anew, or that mount a changed file."""
    return tuple(
        name
        for name, service in after.services.items()
        if name not in before.services or _changes(before.services[name], service)
    )


def causes(before: Service | None, after: Service) -> frozenset[str]:
    """Return what makes ``after`` another service: names of settings, and paths of files that a
    running container sees change (mounted ones, also where they give a setting).
    """
    if before is None:
        return frozenset()
    found = set[str]()
    for what, old, new in _changes(before, after):
        seen = [one for one in (old, new) if one is not None]
        watched = seen and all(one.origin is Origin.WATCHED for one in seen)
        found |= {one.place.file for one in seen} if watched else {what}
    return frozenset(found)


def only_intended(before: Inventory, after: Inventory, edits: Sequence[Edit]) -> None:
    """Refuse when a service gets something else than before that no edit asks for.

    Raises :class:`CannotRewrite` with the setting's place.
    """
    if list(before.services) != list(after.services):
        raise _refusal(Place(after.files[0].path, 1), "the list of services")
    variables = {e.name for e in edits if isinstance(e, SetVariable | RemoveVariable)}
    settings = {
        (e.service, e.name)
        for e in edits
        if isinstance(e, SetSetting | UncommentSetting | RemoveSetting)
    }
    settings |= {(e.service, "healthcheck") for e in edits if isinstance(e, SetHealthcheck)}
    paths = {e.path for e in edits if isinstance(e, ReplaceFile)}
    # An env file in a folder that Auth watches is mounted as well.
    paths |= {e.file for e in edits if isinstance(e, SetVariable | RemoveVariable)}
    for name, service in after.services.items():
        for what, old, new in _changes(before.services[name], service):
            if what in paths or (name, what) in settings:
                continue
            if any(_depends(one, variables) for one in (old, new) if one is not None):
                continue
            place = (new or old or service).place
            raise _refusal(place, f"{what} of {name}")
    _took_effect(after, edits)


def _depends(setting: Setting, variables: set[str]) -> bool:
    """Whether its text names one of the variables, or it is one, by ``env_file:``."""
    by_file = setting.origin in (Origin.ENV_FILE, Origin.WATCHED) and setting.name in variables
    return by_file or any(one.name in variables for one in setting.variables)


def _took_effect(after: Inventory, edits: Sequence[Edit]) -> None:
    """Refuse when a setting does not reach its container, or still does when it was taken."""
    for edit in edits:
        if not isinstance(edit, SetSetting | UncommentSetting | RemoveSetting):
            continue
        service = after.services.get(edit.service)
        there = service is not None and edit.name in service.settings
        if there is isinstance(edit, RemoveSetting):
            raise _refusal(Place(after.files[0].path, 1), f"{edit.name} of {edit.service}")


def _changes(old: Service, new: Service) -> list[tuple[str, Setting | None, Setting | None]]:
    found = [
        (name, old.settings.get(name), new.settings.get(name))
        for name in sorted(old.settings.keys() | new.settings.keys())
    ]
    found.append(("healthcheck", old.healthcheck, new.healthcheck))
    found.append(("command", old.command, new.command))
    changed = [one for one in found if _value(one[1]) != _value(one[2])]
    texts = {one.path: one.text for one in old.documents}
    rewritten = [one.path for one in new.documents if one.text != texts.get(one.path)]
    return [*changed, *((path, None, None) for path in rewritten)]


def _value(setting: Setting | None) -> tuple[bool, object]:
    return setting is not None and setting.value is not None, setting and setting.value


def _refusal(place: Place, what: str) -> CannotRewrite:
    return CannotRewrite(
        place,
        f"{what} would not be what was meant once Compose reads the files.",
        hint="Look at what else sets it: another file, an anchor, or the environment.",
    )

"""A Docker Compose deployment: what Compose would run, read without Compose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyturn.deploy.compose_model import Loader
from keyturn.deploy.compose_service import Services
from keyturn.deploy.compose_stack import Stack, stack
from keyturn.deploy.documents import Mounts
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Inventory, Layout, Note
from keyturn.deploy.names import speakable
from keyturn.deploy.setting import CommentedOut
from keyturn.deploy.source import Ask, Source
from keyturn.deploy.yaml_tree import Entry, Scalar, Tree, items


def read(source: Source, ask: Ask) -> Inventory:
    """Return what Compose would make of the folder.

    Raises :class:`~keyturn.deploy.place.Unreadable` where Compose would refuse a file.
    """
    files = Files(source)
    chosen = stack(files, ask)
    loader = Loader(files)
    root = loader.model(chosen.files, chosen.folder, chosen.variables)
    services = Services(
        files, chosen.variables, Mounts(files, root, chosen.variables.lookup), loader.keys
    )
    profiles = frozenset(ask.profiles) or chosen.profiles
    found = dict(services.all(_running(root, profiles, services.notes)))
    unset = {name: note for scope in loader.scopes for name, note in scope.notes().items()}
    return Inventory(
        layout=Layout.COMPOSE,
        files=tuple(files.seen),
        services=found,
        variables=chosen.variables.known(),
        duplicates=chosen.variables.duplicates(),
        commented_variables=_commented(chosen),
        notes=(*chosen.notes, *loader.notes, *services.notes, *unset.values()),
        project=_project(chosen.variables.lookup("COMPOSE_PROJECT_NAME") or root.text("name")),
    )


def _project(name: str | None) -> str | None:
    """Return the name when it can be one; what cannot is not repeated."""
    return name if name and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name) else None


def _running(
    root: Tree, profiles: frozenset[str], notes: list[Note]
) -> Iterator[tuple[str, Entry]]:
    """Return the services that Compose would start; a note says which it would not."""
    listed = root.tree("services")
    for name, entry in listed.entries.items() if listed else ():
        off = _off(entry, profiles)
        if off is None:
            yield name, entry
        else:
            notes.append(Note("not_reached", f"{name} is not started: {off}", entry.place))


def _off(entry: Entry, profiles: frozenset[str]) -> str | None:
    body = entry.value
    if not isinstance(body, Tree):
        return None
    own = {one.text for one in items(body.get("profiles")) if isinstance(one, Scalar)}
    if own and "*" not in profiles and not own & profiles:
        return "none of its profiles is switched on"
    if "0" in (body.text("scale"), body.text("deploy", "replicas")):
        return "it is scaled to zero"
    return None


def _commented(chosen: Stack) -> dict[str, CommentedOut]:
    defined = chosen.variables.defined
    return {n: one for n, one in chosen.commented.items() if n not in defined and speakable(n)}

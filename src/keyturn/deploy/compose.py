"""A Docker Compose deployment: what Compose would run, read without Compose."""

from __future__ import annotations

from keyturn.deploy.compose_model import Loader
from keyturn.deploy.compose_service import Services
from keyturn.deploy.compose_stack import Stack, stack
from keyturn.deploy.documents import Mounts
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Inventory, Layout, Service
from keyturn.deploy.place import Place
from keyturn.deploy.setting import CommentedOut
from keyturn.deploy.source import Ask, Source
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_tree import Tree


def read(source: Source, ask: Ask) -> Inventory:
    """Return what Compose would make of the folder.

    Raises :class:`~keyturn.deploy.place.Unreadable` where Compose would refuse a file.
    """
    files = Files(source)
    chosen = stack(files, ask)
    model = Loader(files, chosen.variables, chosen.folder).model(chosen.files)
    services = Services(files, chosen.variables, Mounts(files, chosen.folder), chosen.folder)
    listed = model.root.tree("services") or Tree({}, Place(chosen.files[0], 1))
    found: dict[str, Service] = {
        name: services.service(name, entry, model.keys[name])
        for name, entry in listed.entries.items()
    }
    return Inventory(
        layout=Layout.COMPOSE,
        files=tuple(files.seen),
        services=found,
        variables={n: chosen.variables.variable(n) for n in _names(chosen.variables)},
        duplicates=_duplicates(chosen.variables),
        commented_variables=_commented(chosen),
        notes=(*chosen.notes, *services.notes, *chosen.variables.notes()),
        project=model.root.text("name") or chosen.variables.lookup("COMPOSE_PROJECT_NAME"),
    )


def _names(variables: Variables) -> list[str]:
    return list(variables.defined)


def _duplicates(variables: Variables) -> dict[str, tuple[Place, ...]]:
    return {name: tuple(places) for name, places in variables.all_places.items() if len(places) > 1}


def _commented(chosen: Stack) -> dict[str, CommentedOut]:
    return {n: c for n, c in chosen.commented.items() if n not in chosen.variables.defined}

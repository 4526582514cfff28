"""``extends``: a service laid over another one, of the same file or of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from keyturn.deploy.compose_merge import cleaned, merged
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import folder_of, join
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree


class Layers(Protocol):
    """What can read another compose file."""

    def layers(self, path: str, folder: str, variables: Variables) -> Iterator[Tree]:
        """Return the documents of one file, interpolated."""
        ...


class _Extension:
    def __init__(self, folder: str, variables: Variables, layers: Layers) -> None:
        self.folder = folder
        self.variables = variables
        self.layers = layers

    def service(
        self, name: str, entries: Mapping[str, Entry], path: str, seen: tuple[tuple[str, str], ...]
    ) -> Node:
        body = entries[name].value
        extends = body.get("extends") if isinstance(body, Tree) else None
        if extends is None or not isinstance(body, Tree):
            return body
        if (path, name) in seen:
            raise Unreadable(extends.place, "the services extend each other in a circle")
        base = self._base(extends, entries, path, (*seen, (path, name)))
        own = replace(body, entries={k: v for k, v in body.entries.items() if k != "extends"})
        return merged(base, own, ("services", name))

    def _base(
        self,
        extends: Node,
        entries: Mapping[str, Entry],
        path: str,
        seen: tuple[tuple[str, str], ...],
    ) -> Node:
        name = extends.text if isinstance(extends, Scalar) else extends_text(extends, "service")
        if not name:
            raise Unreadable(extends.place, "extends must name a service")
        file = extends_text(extends, "file")
        if file is None:
            return self._found(name, entries, path, extends.place, seen)
        other = join(self.folder, file)
        other_entries = self._services(other)
        within = _Extension(folder_of(other), self.variables, self.layers)
        return within._found(name, other_entries, other, extends.place, seen)

    def _services(self, path: str) -> Mapping[str, Entry]:
        root: Node = Tree({}, Place(path, 1))
        for layer in self.layers.layers(path, folder_of(path), self.variables):
            root = merged(root, layer)
        services = root.tree("services") if isinstance(root, Tree) else None
        return services.entries if services else {}

    def _found(
        self,
        name: str,
        entries: Mapping[str, Entry],
        path: str,
        place: Place,
        seen: tuple[tuple[str, str], ...],
    ) -> Node:
        if name not in entries:
            raise Unreadable(place, f"the extended service is not in {path}")
        return cleaned(self.service(name, entries, path, seen))


def extends_text(node: Node, key: str) -> str | None:
    """Return a member of the long form of ``extends``."""
    return node.text(key) if isinstance(node, Tree) else None


def extended(layer: Tree, path: str, folder: str, variables: Variables, layers: Layers) -> Tree:
    """Return the layer with every ``extends`` replaced by what it brings.

    Raises :class:`Unreadable` when the extended service is not there, or in a circle.
    """
    services = layer.tree("services")
    if services is None or not any(
        isinstance(entry.value, Tree) and "extends" in entry.value.entries
        for entry in services.entries.values()
    ):
        return layer
    work = _Extension(folder, variables, layers)
    entries = {
        name: Entry(work.service(name, services.entries, path, ()), entry.place)
        for name, entry in services.entries.items()
    }
    whole = Entry(replace(services, entries=entries), layer.entries["services"].place)
    return replace(layer, entries={**layer.entries, "services": whole})

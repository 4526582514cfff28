"""The merged compose model: every file read, interpolated, included, extended and laid together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from keyturn.deploy.compose_merge import cleaned, merged
from keyturn.deploy.files import Files
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import folder_of, join
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, documents


@dataclass(slots=True)
class Model:
    """All compose files of a project as one tree, with what the tree cannot hold."""

    root: Tree
    keys: defaultdict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """Service → the places of its ``environment:`` keys in every file."""


class Loader:
    """Reads compose files of one project."""

    def __init__(self, files: Files, variables: Variables, folder: str) -> None:
        self.files = files
        self.variables = variables
        self.folder = folder
        self.keys: defaultdict[str, list[Place]] = defaultdict(list)

    def model(self, paths: tuple[str, ...]) -> Model:
        """Return the model of the files, laid over each other in order."""
        root: Node = Tree({}, Place(paths[0], 1))
        for path in paths:
            for layer in self.layers(path):
                root = merged(root, layer)
        assert isinstance(root, Tree)  # noqa: S101 - a mapping over a mapping is one
        return Model(root, self.keys)

    def layers(self, path: str) -> Iterator[Tree]:
        """Return the documents of one file, interpolated."""
        content = self.files.content(path)
        if content is None:
            raise Unreadable(Place(path, 1), "the compose file is not there or may not be read")
        for node in documents(path, content):
            if isinstance(node, Scalar) and node.is_null:
                continue
            layer = self.variables.tree(node)
            if not isinstance(layer, Tree):
                raise Unreadable(node.place, "a compose file must be a mapping")
            self._remember(layer)
            yield layer

    def _remember(self, layer: Tree) -> None:
        services = layer.get("services")
        if services is not None and not isinstance(services, Tree):
            if isinstance(services, Scalar) and services.is_null:
                return
            raise Unreadable(services.place, "services must be a mapping")
        for name, entry in services.entries.items() if services else ():
            if isinstance(entry.value, Tree) and "environment" in entry.value.entries:
                self.keys[name].append(entry.value.entries["environment"].place)


__all__ = ["Entry", "Loader", "Model", "cleaned", "folder_of", "join"]

"""The merged compose model: every file read, interpolated, extended, included and laid together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from keyturn.deploy import dotenv
from keyturn.deploy.compose_extends import extended
from keyturn.deploy.compose_merge import environment, merged
from keyturn.deploy.compose_paths import resolved
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import folder_of, join
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, documents, items

_REMOTE: Final = re.compile(r"^(?:[a-z+]+://|git@|oci:)|\.git(?:#|$)")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")
_IMPORTED: Final = ("services", "secrets", "configs")


class Loader:
    """Reads the compose files of one project."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.keys: defaultdict[str, list[Place]] = defaultdict(list)
        """Service → the places of its ``environment:`` keys in every file."""
        self.notes: list[Note] = []
        self.scopes: list[Variables] = []

    def model(
        self,
        paths: tuple[str, ...],
        folder: str,
        variables: Variables,
        including: tuple[str, ...] = (),
    ) -> Tree:
        """Return the files laid over each other in order; paths in them count from ``folder``.

        Raises :class:`Unreadable` where Compose would refuse.
        """
        self.scopes.append(variables)
        root: Node = Tree({}, Place(paths[0], 1))
        for path in paths:
            for layer in self.layers(path, folder, variables):
                self._remember(layer)
                complete = extended(layer, path, folder, variables, self)
                root = merged(root, self._with_included(complete, folder, variables,
                                                        (*including, path)))  # fmt: skip
        return root if isinstance(root, Tree) else Tree({}, Place(paths[0], 1))

    def layers(self, path: str, folder: str, variables: Variables) -> Iterator[Tree]:
        """Return the documents of one file, interpolated, with paths from the top."""
        content = self.files.content(path)
        if content is None:
            raise Unreadable(
                Place(path, 1), "the compose file is not there or may not be read", whole=True
            )
        found = documents(path, content)
        if not found:
            raise Unreadable(Place(path, 1), "the compose file is empty")
        for node in found:
            layer = variables.tree(node)
            if not isinstance(layer, Tree):
                raise Unreadable(node.place, "a compose file must be a mapping")
            for key in ("services", "secrets", "configs"):
                _must_be_mapping(layer, key)
            yield _inherited(resolved(layer, folder), variables)

    def _remember(self, layer: Tree) -> None:
        services = layer.tree("services")
        for name, entry in services.entries.items() if services else ():
            if isinstance(entry.value, Tree) and "environment" in entry.value.entries:
                self.keys[name].append(entry.value.entries["environment"].place)

    def _with_included(
        self, layer: Tree, folder: str, variables: Variables, including: tuple[str, ...]
    ) -> Tree:
        for item in items(layer.get("include")):
            imported = self._included(item, folder, variables, including)
            for key in _IMPORTED:
                layer = _imported(layer, imported, key)
        return layer

    def _included(
        self, item: Node, folder: str, variables: Variables, including: tuple[str, ...]
    ) -> Tree:
        listed = items(item.get("path")) if isinstance(item, Tree) else items(item)
        paths = [one.text for one in listed if isinstance(one, Scalar)]
        nothing = Tree({}, item.place)
        if not paths:
            raise Unreadable(item.place, "an include needs a path")
        if any(_REMOTE.search(path) for path in paths):
            self.notes.append(
                Note("not_reached", "an include from elsewhere is not read", item.place)
            )
            return nothing
        files = tuple(join(folder, path) for path in paths)
        if files[0] in including:
            raise Unreadable(item.place, "the includes go round in a circle")
        for path in files:
            if not self.files.exists(path):
                raise Unreadable(item.place, f"the included file {path} is not there")
        own = item.text("project_directory") if isinstance(item, Tree) else None
        within = join(folder, own) if own else folder_of(files[0])
        return self.model(files, within, self._scope(item, folder, within, variables), including)

    def _scope(self, item: Node, folder: str, within: str, variables: Variables) -> Variables:
        """Return the variables of an included project: its own are outranked by the includer's."""
        listed = items(item.get("env_file")) if isinstance(item, Tree) else ()
        named = [join(folder, one.text) for one in listed if isinstance(one, Scalar)]
        scope = Variables(variables.process)
        default = join(within, ".env")
        for path in named or ([default] if default != join(folder, ".env") else []):
            text = self.files.text(path)
            if text is not None:
                scope.add(dotenv.parse(path, text, variables.lookup))
            elif named and path != "/dev/null":
                raise Unreadable(item.place, f"the env file {path} is not there")
        scope.defined |= variables.defined
        return scope


def _must_be_mapping(layer: Tree, key: str) -> None:
    node = layer.get(key)
    if node is None or _vanishes(node):
        return
    if not isinstance(node, Tree):
        raise Unreadable(node.place, f"{key} must be a mapping")
    for entry in node.entries.values() if key == "services" else ():
        if isinstance(entry.value, Tree):
            _must_be_a_service(entry.value)
        elif not _vanishes(entry.value):
            raise Unreadable(entry.place, "a service must be a mapping")


def _must_be_a_service(body: Tree) -> None:
    for name, entry in body.entries.items():
        if not name.startswith("x-") and not _KEY.fullmatch(name):
            raise Unreadable(
                entry.place,
                "this is no key of a service",
                hint="A setting stands deeper than the line environment: above it.",
            )
        if name == "environment" and isinstance(entry.value, Scalar) and not _vanishes(entry.value):
            raise Unreadable(entry.place, "environment must be a mapping or a list")


def _vanishes(node: Node) -> bool:
    return node.mark == "!reset"


def _inherited(layer: Tree, variables: Variables) -> Tree:
    """Return the layer with ``NAME:`` and ``- NAME`` given their value from outside, if any."""
    services = layer.tree("services")
    if services is None:
        return layer
    entries = dict(services.entries)
    for name, entry in entries.items():
        own = entry.value.get("environment") if isinstance(entry.value, Tree) else None
        if own is None or not isinstance(entry.value, Tree) or own.mark == "!reset":
            continue
        filled = _filled(own, variables)
        body = {**entry.value.entries}
        body["environment"] = Entry(filled, body["environment"].place)
        entries[name] = Entry(replace(entry.value, entries=body), entry.place)
    whole = Entry(replace(services, entries=entries), layer.entries["services"].place)
    return replace(layer, entries={**layer.entries, "services": whole})


def _filled(own: Node, variables: Variables) -> Tree:
    found = environment(own)
    entries = dict(found.entries)
    for name, entry in entries.items():
        value = entry.value
        outer = variables.lookup(name)
        if isinstance(value, Scalar) and value.is_null and outer is not None and value.mark is None:
            named = variables.variable(name)
            variables.asked[name] = None
            given = replace(value, text=outer, plain=False, variables=(named,), origin=named.origin)
            entries[name] = Entry(given, entry.place)
    return replace(found, entries=entries, mark=own.mark)


def _imported(layer: Tree, imported: Tree, key: str) -> Tree:
    theirs = imported.tree(key)
    if theirs is None:
        return layer
    ours = layer.tree(key)
    entries = dict(ours.entries) if ours else {}
    for name, entry in theirs.entries.items():
        if name in entries:
            raise Unreadable(
                entries[name].place,
                f"{key}.{name} is also defined by an included file",
                hint="Compose wants changes to an included service in an override file.",
            )
        entries[name] = entry
    whole = Entry(Tree(entries, theirs.place), layer.place)
    return replace(layer, entries={**layer.entries, key: whole})

"""Mounted files that decide about keys: which they are, and what stands in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.files import Files
from keyturn.deploy.interpolation import Lookup
from keyturn.deploy.inventory import Document, Kind, Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import decoded, join
from keyturn.deploy.yaml_tree import Node, Scalar, Tree, items

MAX_DOCUMENT: Final = 512 * 1024
_KEY_FILE: Final = r"jwks?|jwt|secret|keys?\.|\.pem$|\.env$"
_WANTED: Final[dict[Kind, re.Pattern[str]]] = {
    Kind.KONG: re.compile(r"\.(ya?ml|sh|lua|template|tmpl|j2)$"),
    Kind.ENVOY: re.compile(r"\.(ya?ml|json|sh|lua|template|tmpl|j2)$"),
    Kind.FUNCTIONS: re.compile(r"(^|/)main/(index\.(ts|js)|deno\.jsonc?|import_map\.json)$"),
    Kind.DATABASE: re.compile(r"jwt[^/]*\.sql$"),
    Kind.REST: re.compile(rf"\.(conf|config)$|{_KEY_FILE}"),
    Kind.AUTH: re.compile(_KEY_FILE),
    Kind.STORAGE: re.compile(_KEY_FILE),
    Kind.REALTIME: re.compile(_KEY_FILE),
    Kind.STUDIO: re.compile(_KEY_FILE),
}
"""Which targets are looked at, by what the service is."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One file or folder that a container sees."""

    source: str
    target: str
    place: Place
    content: str | None = field(default=None, repr=False)
    """What stands in the compose file itself, where it does."""


def mounts(body: Tree, root: Tree, lookup: Lookup) -> Iterator[Mount]:
    """Return the bind mounts of a service and what its ``configs`` and ``secrets`` bring.

    ``lookup`` gives the variables that a secret with ``environment:`` is filled from. Named
    volumes are no such mounts: what stands in them cannot be read.
    """
    for item in items(body.get("volumes")):
        mount = _bind(item)
        if mount is not None and mount.source[:1] in (".", "/", "~"):
            yield Mount(join("", mount.source), mount.target, mount.place, mount.content)
    for key, home in (("configs", "/"), ("secrets", "/run/secrets/")):
        for item in items(body.get(key)):
            mount = _resource(item, root.tree(key), home, lookup)
            if mount is not None:
                yield mount


def _bind(item: Node) -> Mount | None:
    if isinstance(item, Tree):
        source, target = item.text("source"), item.text("target")
        if item.text("type") not in ("bind", None) or not source or not target:
            return None
        return Mount(source, target, item.place, _content(item))
    if not isinstance(item, Scalar):
        return None
    parts = item.text.split(":")
    return Mount(parts[0], parts[1], item.place) if len(parts) > 1 else None


def _content(item: Tree) -> str | None:
    """Return the ``content`` that Coolify and Compose's own ``configs`` allow beside a path."""
    return item.text("content")


def _resource(item: Node, defined: Tree | None, home: str, lookup: Lookup) -> Mount | None:
    name = item.text("source") if isinstance(item, Tree) else getattr(item, "text", None)
    found = defined.tree(name) if defined is not None and name else None
    if found is None or name is None:
        return None
    target = (item.text("target") if isinstance(item, Tree) else None) or name
    target = target if target.startswith("/") else posixpath.join(home, target)
    file = found.text("file")
    if file is not None:
        return Mount(join("", file), target, item.place)
    variable = found.text("environment")
    content = found.text("content") if variable is None else lookup(variable)
    return None if content is None else Mount(found.place.file, target, found.place, content)


class Mounts:
    """Looks at what services mount."""

    def __init__(self, files: Files, root: Tree, lookup: Lookup) -> None:
        """``root`` is the merged model, where ``configs`` and ``secrets`` are defined."""
        self.files = files
        self.root = root
        self.lookup = lookup

    def documents(self, kind: Kind | None, body: Tree, notes: list[Note]) -> tuple[Document, ...]:
        """Return the documents of one service, in the order of its mounts."""
        wanted = _WANTED.get(kind) if kind else None
        if wanted is None:
            return ()
        found: list[Document] = []
        for mount in mounts(body, self.root, self.lookup):
            found += self._of_mount(mount, wanted)
        notes += [
            Note("missing_file", f"{one.path}: {one.problem}", one.place)
            for one in found
            if one.problem
        ]
        return tuple(found)

    def content(self, body: Tree, target: str) -> Document | None:
        """Return what the service sees at ``target``, whatever kind of file it is."""
        mount = next(
            (one for one in mounts(body, self.root, self.lookup) if one.target == target), None
        )
        return None if mount is None else self._document(mount)

    def _of_mount(self, mount: Mount, wanted: re.Pattern[str]) -> Iterator[Document]:
        names = () if mount.content is not None else self.files.names(mount.source)
        if not names:
            if wanted.search(mount.target) or wanted.search(mount.source):
                yield self._document(mount, alone=True)
            return
        for name in self._within(mount.source, names):
            inner = Mount(join(mount.source, name), posixpath.join(mount.target, name), mount.place)
            if wanted.search(inner.target):
                yield self._document(inner)

    def _within(self, folder: str, names: tuple[str, ...]) -> Iterator[str]:
        yield from names
        if "main" in names:
            yield from (f"main/{name}" for name in self.files.names(join(folder, "main")))

    def _document(self, mount: Mount, *, alone: bool = False) -> Document:
        problem, content = self._read(mount.source)
        if mount.content is not None and (content is None or mount.source == mount.place.file):
            return Document(mount.source, mount.target, mount.content, mount.place)
        if content is None:
            problem = problem or "the file is mounted and not there"
        elif len(content) > MAX_DOCUMENT:
            content, problem = None, "the file is too large to be looked at"
        text = None if content is None else decoded(content)
        return Document(mount.source, mount.target, text, mount.place, problem, alone)

    def _read(self, path: str) -> tuple[str | None, bytes | None]:
        try:
            return None, self.files.content(path) if path else None
        except Unreadable as error:
            return error.problem, None

"""Mounted files that decide about keys: which they are, and what stands in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Document, Kind, Note
from keyturn.deploy.place import Place
from keyturn.deploy.source import decoded, join
from keyturn.deploy.yaml_tree import Node, Scalar, Tree, items

MAX_DOCUMENT: Final = 512 * 1024
_WANTED: Final[dict[Kind, re.Pattern[str]]] = {
    Kind.KONG: re.compile(r"\.(ya?ml|sh|lua|template|tmpl|j2)$"),
    Kind.ENVOY: re.compile(r"\.(ya?ml|json|sh|lua|template|tmpl|j2)$"),
    Kind.FUNCTIONS: re.compile(r"(^|/)main/(index\.(ts|js)|deno\.jsonc?|import_map\.json)$"),
    Kind.DATABASE: re.compile(r"jwt[^/]*\.sql$"),
    Kind.REST: re.compile(r"\.(conf|config|json|jwks|jwk)$|jwks?|secret"),
    Kind.AUTH: re.compile(r"\.(env|json)$|jwks?|secret"),
    Kind.STORAGE: re.compile(r"jwks?|secret"),
    Kind.REALTIME: re.compile(r"jwks?|secret"),
}
"""Which targets are looked at, by what the service is."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One file or folder of the host that a container sees."""

    source: str
    target: str
    place: Place


def mounts(body: Tree, folder: str) -> Iterator[Mount]:
    """Return the bind mounts of a service; named volumes are none."""
    for item in items(body.get("volumes")):
        source, target = _ends(item)
        if source and target and source[0] in "./~":
            yield Mount(join(folder, source), target, item.place)


def _ends(item: Node) -> tuple[str | None, str | None]:
    if isinstance(item, Tree):
        return (
            (item.text("source"), item.text("target"))
            if item.text("type") in ("bind", None)
            else (None, None)
        )
    if not isinstance(item, Scalar):
        return None, None
    parts = item.text.split(":")
    return (parts[0], parts[1]) if len(parts) > 1 else (None, None)


class Mounts:
    """Looks at what a service mounts."""

    def __init__(self, files: Files, folder: str) -> None:
        self.files = files
        self.folder = folder

    def documents(self, kind: Kind | None, body: Tree, notes: list[Note]) -> tuple[Document, ...]:
        """Return the documents of one service, in the order of its mounts."""
        wanted = _WANTED.get(kind) if kind else None
        if wanted is None:
            return ()
        found: list[Document] = []
        for mount in mounts(body, self.folder):
            found += self._of_mount(mount, wanted)
        notes += [
            Note("missing_file", f"{one.path}: {one.problem}", one.place)
            for one in found
            if one.problem
        ]
        return tuple(found)

    def _of_mount(self, mount: Mount, wanted: re.Pattern[str]) -> Iterator[Document]:
        names = self.files.names(mount.source)
        if not names:
            if wanted.search(mount.target) or wanted.search(mount.source):
                yield self._document(mount)
            return
        for name in self._within(mount.source, names):
            inner = Mount(join(mount.source, name), posixpath.join(mount.target, name), mount.place)
            if wanted.search(inner.target):
                yield self._document(inner)

    def _within(self, folder: str, names: tuple[str, ...]) -> Iterator[str]:
        yield from names
        if "main" in names:
            yield from (f"main/{name}" for name in self.files.names(join(folder, "main")))

    def _document(self, mount: Mount) -> Document:
        content = self.files.content(mount.source)
        problem = None
        if content is None:
            problem = "the file is mounted and not there"
        elif len(content) > MAX_DOCUMENT:
            content, problem = None, "the file is too large to be looked at"
        text = None if content is None else decoded(content)
        return Document(mount.source, mount.target, text, mount.place, problem)

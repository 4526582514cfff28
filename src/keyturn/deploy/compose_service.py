"""One service of the merged compose model, as the inventory knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keyturn.deploy import images
from keyturn.deploy.compose_comments import commented
from keyturn.deploy.compose_settings import secret, settings
from keyturn.deploy.documents import Mounts
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Note, Service
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.redaction import HIDDEN, skeleton
from keyturn.deploy.setting import CommentedOut, Origin, Setting, Variable
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, items


class Services:
    """Turns services of the model into those of the inventory."""

    def __init__(self, files: Files, variables: Variables, mounts: Mounts, folder: str) -> None:
        self.files = files
        self.variables = variables
        self.mounts = mounts
        self.folder = folder
        self.notes: list[Note] = []

    def service(self, name: str, entry: Entry, keys: Sequence[Place]) -> Service:
        """Return the service that stands at ``entry``; ``keys``: its ``environment:`` lines."""
        body = entry.value if isinstance(entry.value, Tree) else Tree({}, entry.place)
        image = body.text("image")
        kind = images.kind_of(image) if image else None
        if kind is None:
            what = f"its image {image}" if image else "a service without an image"
            self.notes.append(
                Note("unknown_service", f"{name}: Keyturn does not know {what}", entry.place)
            )
        found = settings(body, self.variables, self.folder, self.files.text, self.notes)
        return Service(
            name=name,
            kind=kind,
            image=image,
            version=images.version_of(image) if image else None,
            place=entry.place,
            settings=found,
            commented=self._commented(body, keys),
            documents=self.mounts.documents(kind, body, self.notes),
            healthcheck=_line("healthcheck", body.get("healthcheck", "test")),
            command=_command(body),
        )

    def _commented(self, body: Tree, keys: Sequence[Place]) -> dict[str, CommentedOut]:
        found: dict[str, CommentedOut] = {}
        for key in keys:
            whole = self.files.text(key.file)
            if whole is not None:
                found = {**found, **commented(whole.splitlines(), key)}
        set_here = body.tree("environment")
        return {n: one for n, one in found.items() if not (set_here and n in set_here.entries)}


def _command(body: Tree) -> Setting | None:
    parts = [line for key in ("entrypoint", "command") if (line := _line("command", body.get(key)))]
    if len(parts) < 2:
        return parts[0] if parts else None
    first, second = parts
    templates = " ".join(one.template or HIDDEN for one in parts)
    variables = (*first.variables, *second.variables)
    return replace(
        first,
        value=secret(f"{text(first)} {text(second)}"),
        template=templates if variables else None,
        variables=variables,
    )


def _line(name: str, node: Node | None) -> Setting | None:
    """Return a command, or a healthcheck's test, as one line of text."""
    parts = [item for item in items(node) if isinstance(item, Scalar)]
    if node is None or not parts:
        return None
    variables: tuple[Variable, ...] = tuple(v for part in parts for v in part.variables)
    template = " ".join(part.template or part.text for part in parts) if variables else None
    return Setting(
        name,
        secret(" ".join(part.text for part in parts)),
        next((part.place for part in parts if part.variables), node.place),
        skeleton(template) if template else None,
        next((one.origin for one in variables if one.value), Origin.LITERAL),
        variables,
    )

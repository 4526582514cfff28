"""One service of the merged compose model, as the inventory knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from keyturn.deploy import images
from keyturn.deploy.compose_comments import commented
from keyturn.deploy.compose_settings import secret, settings, with_files
from keyturn.deploy.documents import Mounts
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Kind, Note, Service
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.probe_keys import as_the_shell_reads, runs_shell
from keyturn.deploy.redaction import HIDDEN, skeleton
from keyturn.deploy.setting import CommentedOut, Origin, Setting
from keyturn.deploy.variables import Variables
from keyturn.deploy.watched import watched_folder, with_watched
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, items


class Services:
    """Turns services of the model into those of the inventory."""

    def __init__(
        self,
        files: Files,
        variables: Variables,
        mounts: Mounts,
        keys: Mapping[str, Sequence[Place]],
    ) -> None:
        """``keys``: for each service the places of its ``environment:`` lines."""
        self.files = files
        self.variables = variables
        self.mounts = mounts
        self.keys = keys
        self.notes: list[Note] = []

    def all(self, listed: Iterable[tuple[str, Entry]]) -> Iterator[tuple[str, Service]]:
        """Return the services by name."""
        for name, entry in listed:
            yield name, self._service(name, entry)

    def _service(self, name: str, entry: Entry) -> Service:
        body = entry.value if isinstance(entry.value, Tree) else Tree({}, entry.place)
        image = images.named(body.text("image"))
        kind = images.kind_of(image) if image else None
        if kind is None:
            self.notes.append(_unknown(name, image, entry.place))
        found = settings(body, self.variables, self.files.text, self.notes)
        command = _command(body)
        documents = self.mounts.documents(kind, body, self.notes)
        if kind is Kind.AUTH:
            found = with_watched(found, watched_folder(command), documents)
        return Service(
            name=name,
            kind=kind,
            image=image,
            version=images.version_of(image) if image else None,
            place=entry.place,
            settings=with_files(kind, found, lambda target: self.mounts.content(body, target)),
            commented=self._commented(name, body),
            documents=documents,
            healthcheck=_healthcheck(body, found),
            command=command,
        )

    def _commented(self, name: str, body: Tree) -> dict[str, CommentedOut]:
        found: dict[str, CommentedOut] = {}
        for key in self.keys.get(name, ()):
            whole = self.files.text(key.file)
            if whole is not None:
                found |= commented(whole.splitlines(), key)
        own = body.tree("environment")
        inside = _inside_texts(own)
        return {
            n: one
            for n, one in found.items()
            if not (own and n in own.entries) and (one.place.file, one.place.line) not in inside
        }


def _inside_texts(own: Tree | None) -> frozenset[tuple[str, int]]:
    """Return the lines that belong to a text of several lines: a ``#`` there is no comment."""
    values = [entry.value for entry in own.entries.values()] if own else []
    return frozenset(
        (one.place.file, one.place.line + more)
        for one in values
        if isinstance(one, Scalar)
        for more in range(1, one.more_lines + 1)
    )


def _unknown(name: str, image: str | None, place: Place) -> Note:
    what = f"the image {image}" if image else "a service without an image"
    return Note("unknown_service", f"{name}: Keyturn does not know {what}", place)


def _healthcheck(body: Tree, given: Mapping[str, Setting]) -> Setting | None:
    """Return the test; ``given``: what the container has, for the shell that runs it."""
    test = body.get("healthcheck", "test")
    if body.text("healthcheck", "disable") == "true":
        return None
    first = next(iter(items(test)), None)
    if isinstance(first, Scalar) and first.text == "NONE":
        return None
    found = line("healthcheck", test)
    words = [one.text for one in items(test) if isinstance(one, Scalar)]
    shell = isinstance(test, Scalar) or runs_shell(words) or runs_shell(words[1:])
    return as_the_shell_reads(found, given, "$") if found is not None and shell else found


def _command(body: Tree) -> Setting | None:
    parts = [one for key in ("entrypoint", "command") if (one := line("command", body.get(key)))]
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


def line(name: str, node: Node | None) -> Setting | None:
    """Return a command, or a healthcheck's test, as one line of text."""
    parts = [item for item in items(node) if isinstance(item, Scalar)]
    if node is None or not parts:
        return None
    variables = tuple(v for part in parts for v in part.variables)
    template = " ".join(part.template or part.text for part in parts) if variables else None
    return Setting(
        name,
        secret(" ".join(part.text for part in parts)),
        next((part.place for part in parts if part.variables), node.place),
        skeleton(template) if template else None,
        next((one.origin for one in variables if one.value), Origin.LITERAL),
        variables,
    )

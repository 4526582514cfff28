"""One container of a workload as a service of the inventory."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from keyturn.deploy import images
from keyturn.deploy.inventory import Document, Kind, Note, Service
from keyturn.deploy.kubernetes_objects import Holder, Objects, Workload
from keyturn.deploy.names import speakable
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.probe_keys import as_the_shell_reads, runs_shell
from keyturn.deploy.redaction import HIDDEN
from keyturn.deploy.setting import Origin, Setting, Variable
from keyturn.deploy.watched import watched_files, watched_folder, with_watched
from keyturn.deploy.yaml_tree import Node, Scalar, Tree, items
from keyturn.secret import Secret

_REFERENCE: Final = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_REFS: Final = (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap"))
_FROM: Final = (("secretRef", "Secret"), ("configMapRef", "ConfigMap"))


class Containers:
    """Resolves containers against the Secrets and ConfigMaps of the same export."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.notes: list[Note] = []
        self.variables: dict[str, Variable] = {}
        """Every value that was drawn on, as ``Secret/name/key``."""
        self._held_at: dict[str, Place] = {}
        """Where what is mounted at a path stands in its object."""

    def service(self, name: str, workload: Workload, container: Tree) -> Service:
        """Return the container as a service."""
        image = images.named(container.text("image"))
        kind = images.kind_of(image) if image else None
        settings: Mapping[str, Setting] = self._settings(workload, container)
        documents = tuple(self._documents(workload, container))
        command = _command(container, settings)
        if kind is Kind.AUTH:
            folder = watched_folder(command)
            watched = tuple(reversed(watched_files(folder, documents)))
            settings = {
                name: self._placed(one, watched)
                for name, one in with_watched(settings, folder, documents).items()
            }
        return Service(
            name=name,
            kind=kind,
            image=image,
            version=images.version_of(image) if image else None,
            place=container.place,
            settings=settings,
            documents=documents,
            healthcheck=_probe(container, settings),
            command=command,
        )

    def _placed(self, one: Setting, watched: Iterable[Document]) -> Setting:
        """Return a watched setting at its object's line; so far it has that within the text."""
        if one.origin is not Origin.WATCHED:
            return one
        holding = (d.target for d in watched if f"{one.name}=" in (d.text or ""))
        place = next((found for d in holding if (found := self._held_at.get(d))), one.place)
        return replace(one, place=place)

    def _settings(self, workload: Workload, container: Tree) -> dict[str, Setting]:
        found: dict[str, Setting] = {}
        for node in items(container.get("envFrom")):
            if isinstance(node, Tree):
                found.update(self._all_of(workload, node))
        for node in items(container.get("env")):
            name = node.text("name") if isinstance(node, Tree) else None
            if not isinstance(node, Tree) or name is None:
                raise Unreadable(node.place, "a member of env needs a name")
            if speakable(name):
                found[name] = self._one(workload, name, node, found)
        return found

    def _all_of(self, workload: Workload, node: Tree) -> Iterator[tuple[str, Setting]]:
        prefix = node.text("prefix") or ""
        for key, kind in _FROM:
            reference = node.tree(key)
            if reference is None:
                continue
            holder = self._holder(workload, kind, reference)
            for name, value in (holder.values if holder else {}).items():
                variable = self._variable(kind, reference.text("name") or "", name, holder)
                if speakable(prefix + name):
                    secret = Secret(value.content)
                    yield (
                        prefix + name,
                        Setting(prefix + name, secret, value.place, None, Origin.KUBERNETES,
                                (variable,)),
                    )  # fmt: skip

    def _one(
        self, workload: Workload, name: str, node: Tree, earlier: Mapping[str, Setting]
    ) -> Setting:
        source = node.tree("valueFrom")
        for key, kind in _REFS:
            reference = source.tree(key) if source else None
            if reference is not None:
                return self._referred(workload, name, kind, reference, node.place)
        if source is not None:
            return Setting(name, None, node.place, None, Origin.KUBERNETES)
        written = node.get("value")
        if written is not None and not isinstance(written, Scalar):
            raise Unreadable(written.place, f"the value of {name} must be a text")
        return _literal(name, written, node.place, earlier)

    def _referred(
        self, workload: Workload, name: str, kind: str, reference: Tree, place: Place
    ) -> Setting:
        holder = self._holder(workload, kind, reference)
        key = reference.text("key") or ""
        variable = self._variable(kind, reference.text("name") or "", key, holder)
        optional = reference.text("optional") == "true"
        if holder is not None and variable.value is None and not optional:
            message = f"{kind} {holder.name} has no key {_shown(key)}, which {name} asks for"
            self.notes.append(Note("missing_object", message, reference.place))
        return Setting(name, variable.value, place, None, Origin.KUBERNETES, (variable,))

    def _holder(self, workload: Workload, kind: str, reference: Tree) -> Holder | None:
        name = reference.text("name") or ""
        holder = self.objects.holder(kind, workload.namespace, name)
        if holder is None and reference.text("optional") != "true":
            sealed = (workload.namespace, name) in self.objects.sealed
            why = "is sealed, its values are elsewhere" if sealed else "is not in the export"
            note = Note("missing_object", f"{kind} {name} {why}", reference.place)
            if all(one.message != note.message for one in self.notes):
                self.notes.append(note)
        return holder

    def _variable(self, kind: str, holder_name: str, key: str, holder: Holder | None) -> Variable:
        name = f"{kind}/{holder_name}/{_shown(key)}"
        value = holder.values.get(key) if holder else None
        made = Variable(
            name,
            Secret(value.content) if value else None,
            Origin.KUBERNETES,
            value.place if value else None,
        )
        self.variables[name] = made
        return made

    def _documents(self, workload: Workload, container: Tree) -> Iterator[Document]:
        volumes = {
            one.text("name"): one
            for one in items(workload.pod.get("volumes"))
            if isinstance(one, Tree)
        }
        for mount in items(container.get("volumeMounts")):
            volume = volumes.get(mount.text("name")) if isinstance(mount, Tree) else None
            if isinstance(mount, Tree) and volume is not None:
                yield from self._mounted(workload, mount, volume)

    def _mounted(self, workload: Workload, mount: Tree, volume: Tree) -> Iterator[Document]:
        home, only = mount.text("mountPath") or "/", mount.text("subPath")
        for member, name_key, kind in (
            ("secret", "secretName", "Secret"),
            ("configMap", "name", "ConfigMap"),
        ):
            source = volume.tree(member)
            name = source.text(name_key) if source else None
            holder = self.objects.holder(kind, workload.namespace, name) if name else None
            for path, key in _paths(source, holder):
                if holder is None or key not in holder.values or (only and path != only):
                    continue
                value = holder.values[key]
                target = home if only else posixpath.join(home, path)
                content = value.content.decode("utf-8", "surrogateescape")
                self._held_at[target] = value.place
                yield Document(value.place.file, target, content, mount.place)


def _shown(key: str) -> str:
    """Return a key as it is, unless it can be a piece of a value that went astray."""
    return key if speakable(key) else HIDDEN


def _paths(source: Tree | None, holder: Holder | None) -> list[tuple[str, str]]:
    if source is None or holder is None:
        return []
    chosen = [one for one in items(source.get("items")) if isinstance(one, Tree)]
    if not chosen:
        return [(key, key) for key in holder.values]
    return [(one.text("path") or "", one.text("key") or "") for one in chosen]


def _literal(
    name: str, written: Scalar | None, place: Place, earlier: Mapping[str, Setting]
) -> Setting:
    """Return a written value; ``$(NAME)`` stands for a variable that was defined before it."""
    raw = written.text if written is not None and not written.is_null else ""
    named = [m[1] for m in _REFERENCE.finditer(raw) if m[1] in earlier]
    variables = tuple(
        Variable(one, earlier[one].value, earlier[one].origin, earlier[one].place) for one in named
    )
    template = HIDDEN.join(f"$({one})" for one in named) if named else None
    value = Secret(_expanded(raw, earlier).encode("utf-8", "surrogateescape"))
    origin = variables[0].origin if variables else Origin.LITERAL
    return Setting(name, value, place, template, origin, variables)


def _expanded(raw: str, earlier: Mapping[str, Setting]) -> str:
    def one(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return text(earlier.get(match[1])) or "" if match[1] in earlier else match.group()

    return _REFERENCE.sub(one, raw)


def _command(container: Tree, settings: Mapping[str, Setting]) -> Setting | None:
    parts = [*items(container.get("command")), *items(container.get("args"))]
    return _line("command", parts, settings)


def _probe(container: Tree, settings: Mapping[str, Setting]) -> Setting | None:
    """Return what a probe runs or asks; the first that sends something, when several are there."""
    found = [line for name in PROBES if (line := _asked(container, name, settings)) is not None]
    sending = (one for one in found if "Authorization" in (text(one) or ""))
    return next(sending, found[0] if found else None)


def _asked(container: Tree, probe: str, settings: Mapping[str, Setting]) -> Setting | None:
    parts = list(items(container.get(probe, "exec", "command")))
    if parts:
        found = _line("healthcheck", parts, settings)
        words = [one.text for one in parts if isinstance(one, Scalar)]
        shell = found is not None and runs_shell(words)
        return as_the_shell_reads(found, settings, "") if found is not None and shell else found
    headers = items(container.get(probe, "httpGet", "httpHeaders"))
    texts = [
        f"{one.text('name')}: {one.text('value') or ''}"
        for one in headers
        if isinstance(one, Tree) and one.text("name")
    ]
    if not texts:
        return None
    path = container.text(probe, "httpGet", "path") or ""
    whole = " ".join((*(f'"{one}"' for one in texts), path)).strip()
    # Kubernetes sends a header as it is written: no variable counts there.
    value = Secret(whole.encode("utf-8", "surrogateescape"))
    return Setting("healthcheck", value, headers[0].place, None, Origin.LITERAL)


def _line(name: str, parts: list[Node], settings: Mapping[str, Setting]) -> Setting | None:
    texts = [part for part in parts if isinstance(part, Scalar)]
    if not texts:
        return None
    whole = " ".join(part.text for part in texts)
    joined = Scalar(whole, texts[0].place, plain=False)
    return _literal(name, joined, texts[0].place, settings)

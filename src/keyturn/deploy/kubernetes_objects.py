"""The objects of a Kubernetes export: workloads, and the Secrets and ConfigMaps they draw on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Sequence, Tree, items

PODS: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "ReplicationController": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where a workload keeps the description of its pods."""
SEALED: Final = frozenset({"SealedSecret", "ExternalSecret", "SecretProviderClass"})
"""Objects that stand for a Secret whose values are somewhere else."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a Secret or ConfigMap."""

    content: bytes = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Holder:
    """A Secret or ConfigMap."""

    kind: str
    name: str
    values: Mapping[str, Value]
    place: Place


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs pods."""

    kind: str
    name: str
    namespace: str
    pod: Tree
    place: Place


@dataclass(slots=True)
class Objects:
    """What an export holds."""

    workloads: list[Workload] = field(default_factory=list)
    holders: dict[tuple[str, str, str], Holder] = field(default_factory=dict)
    """By kind, namespace and name."""
    sealed: set[tuple[str, str]] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)

    def holder(self, kind: str, namespace: str, name: str) -> Holder | None:
        """Return the Secret or ConfigMap; one without a namespace serves all."""
        return self.holders.get((kind, namespace, name)) or self.holders.get((kind, "", name))

    def add(self, documents: Iterable[Node]) -> None:
        """Take the objects of one file; members of a ``List`` count one by one."""
        for node in _flat(documents):
            self._object(node)

    def _object(self, node: Tree) -> None:
        kind, name = node.text("kind") or "", node.text("metadata", "name") or ""
        namespace = node.text("metadata", "namespace") or ""
        if kind in ("Secret", "ConfigMap"):
            self._holder(Holder(kind, name, dict(_values(kind, node)), node.place), namespace)
        elif kind in SEALED:
            self.sealed.add((namespace, node.text("spec", "target", "name") or name))
        elif kind in PODS and not items(node.get("metadata", "ownerReferences")):
            pod = node.tree(*PODS[kind])
            if pod is None:
                raise Unreadable(node.place, f"this {kind} describes no pod")
            self.workloads.append(Workload(kind, name, namespace, pod, node.place))

    def _holder(self, holder: Holder, namespace: str) -> None:
        key = (holder.kind, namespace, holder.name)
        if key in self.holders:
            message = (
                f"{holder.kind} {holder.name} stands in the export twice; the later one counts"
            )
            self.notes.append(Note("duplicate_object", message, holder.place))
        self.holders[key] = holder


def is_object(node: Node) -> bool:
    """Whether the document is a Kubernetes object."""
    return isinstance(node, Tree) and bool(node.text("apiVersion")) and bool(node.text("kind"))


def _flat(documents: Iterable[Node]) -> Iterator[Tree]:
    for node in documents:
        if not isinstance(node, Tree):
            continue
        if (node.text("kind") or "").endswith("List") and isinstance(node.get("items"), Sequence):
            yield from _flat(items(node.get("items")))
        else:
            yield node


def _values(kind: str, node: Tree) -> Iterator[tuple[str, Value]]:
    encoded = "data" if kind == "Secret" else "binaryData"
    plain = "stringData" if kind == "Secret" else "data"
    for name, entry in _entries(node, encoded):
        yield name, Value(_decoded(entry), entry.place)
    for name, entry in _entries(node, plain):
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        yield name, Value(text.encode("utf-8", "surrogateescape"), entry.place)


def _entries(node: Tree, key: str) -> Iterator[tuple[str, Entry]]:
    found = node.tree(key)
    yield from found.entries.items() if found else ()


def _decoded(entry: Entry) -> bytes:
    value = entry.value
    if not isinstance(value, Scalar):
        raise Unreadable(value.place, "the value of a Secret must be base64 text")
    try:
        return base64.b64decode("".join(value.text.split()), validate=True)
    except (binascii.Error, ValueError):
        hint = "Write the plain value under stringData, or encode it with base64."
        raise Unreadable(value.place, "this value of a Secret is not base64", hint=hint) from None

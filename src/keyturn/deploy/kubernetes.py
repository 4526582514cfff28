"""A Kubernetes deployment, from an export of its objects (``kubectl get … -o yaml``).

Each container of each workload is a service. Values come from ``env`` and ``envFrom``, through
Secrets and ConfigMaps; what the export does not hold is said, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Inventory, Layout, Note, Service
from keyturn.deploy.kubernetes_container import Containers
from keyturn.deploy.kubernetes_objects import Objects, Workload, is_object
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import Ask, Source
from keyturn.deploy.yaml_tree import Tree, documents, items

SUFFIXES = (".yaml", ".yml", ".json")


def read(source: Source, ask: Ask) -> Inventory:
    """Return what the manifests of the folder (or the files that are asked for) describe.

    Raises :class:`~keyturn.deploy.place.Unreadable` for a file that is no YAML, a Secret that is
    no base64, or a folder without a workload.
    """
    files = Files(source)
    found = Objects()
    for path in ask.files or manifests(files):
        content = files.content(path)
        if content is None:
            raise Unreadable(Place(path, 1), "there is no such file", whole=True)
        if b"{{" in content and b"}}" in content:
            raise Unreadable(_template(path, content), "this is a template, not a manifest",
                             hint="Give Keyturn what `helm template` prints.")  # fmt: skip
        found.add(documents(path, content))
    containers = Containers(found)
    services = dict(_services(found, containers))
    if not services:
        raise Unreadable(
            Place(files.seen[0].path if files.seen else ".", 1), "no workload is described here"
        )
    return Inventory(
        layout=Layout.KUBERNETES,
        files=tuple(files.seen),
        services=services,
        variables=containers.variables,
        notes=(*found.notes, *containers.notes),
    )


def manifests(files: Files) -> tuple[str, ...]:
    """Return the files of the folder in which a Kubernetes object stands."""
    return tuple(
        name
        for name in files.names("")
        if name.endswith(SUFFIXES) and _looks_like_one(files.content(name))
    )


def _looks_like_one(content: bytes | None) -> bool:
    return content is not None and b"apiVersion" in content and b"kind" in content


def is_manifest(files: Files, path: str) -> bool:
    """Whether the file holds Kubernetes objects rather than a compose model."""
    content = files.content(path)
    return _looks_like_one(content) and any(
        is_object(one) for one in documents(path, content or b"")
    )


def _template(path: str, content: bytes) -> Place:
    at = content.index(b"{{")
    return Place(path, content.count(b"\n", 0, at) + 1, at - content.rfind(b"\n", 0, at))


def _services(found: Objects, containers: Containers) -> Iterator[tuple[str, Service]]:
    taken: set[str] = set()
    for workload in found.workloads:
        for name, container in _containers(workload):
            unique = name if name not in taken else f"{workload.kind.lower()}/{name}"
            taken.add(unique)
            service = containers.service(unique, workload, container)
            if service.kind is None:
                message = f"{unique}: Keyturn does not know the image {service.image}"
                containers.notes.append(Note("unknown_service", message, service.place))
            yield unique, service


def _containers(workload: Workload) -> Iterator[tuple[str, Tree]]:
    listed = [one for one in items(workload.pod.get("containers")) if isinstance(one, Tree)]
    for one in listed:
        own = one.text("name") or ""
        yield (workload.name if len(listed) == 1 else f"{workload.name}/{own}"), one

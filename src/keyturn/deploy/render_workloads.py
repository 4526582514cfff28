"""Which object and which container each service of a Kubernetes export is."""

from __future__ import annotations

from collections.abc import Iterator

from keyturn.deploy.files import Files
from keyturn.deploy.kubernetes import manifests
from keyturn.deploy.kubernetes_objects import Objects
from keyturn.deploy.render_kubernetes import Target
from keyturn.deploy.render_probes import probes_of
from keyturn.deploy.source import Ask, Source
from keyturn.deploy.yaml_tree import Tree, documents, items


def workload_targets(source: Source, ask: Ask) -> dict[str, Target]:
    """Return the target of every service, by the name that it has in the inventory."""
    files, found = Files(source), Objects()
    for path in ask.files or manifests(files):
        found.add(documents(path, files.content(path) or b""))
    return dict(_targets(found))


def _targets(found: Objects) -> Iterator[tuple[str, Target]]:
    taken: set[str] = set()
    for workload in found.workloads:
        listed = [one for one in items(workload.pod.get("containers")) if isinstance(one, Tree)]
        for one in listed:
            container = one.text("name") or ""
            name = workload.name if len(listed) == 1 else f"{workload.name}/{container}"
            name = name if name not in taken else f"{workload.kind.lower()}/{name}"
            taken.add(name)
            yield (
                name,
                Target(
                    name,
                    workload.kind,
                    workload.name,
                    container,
                    workload.namespace,
                    frozenset(_whole(found, workload.namespace, one)),
                    tuple(probes_of(one)),
                ),
            )


def _whole(found: Objects, namespace: str, container: Tree) -> Iterator[str]:
    """Yield the names that ``envFrom`` gives, of the objects that are in the export."""
    for node in items(container.get("envFrom")):
        for key, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            reference = node.tree(key) if isinstance(node, Tree) else None
            if reference is None or not isinstance(node, Tree):
                continue
            holder = found.holder(kind, namespace, reference.text("name") or "")
            prefix = node.text("prefix") or ""
            yield from (prefix + name for name in (holder.values if holder else ()))

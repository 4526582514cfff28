"""One Secret with every key, and a patch per workload that draws on it.

Each patch carries a checksum of what its own workload is given: a changed key rolls out the
workloads that hold it, and no other (a Secret alone restarts nothing).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.opened import raw, text
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.deploy.render_names import API_KEYS, HEALTH_TOKEN, key_settings
from keyturn.deploy.render_probes import Probe, about_probes, patched, sends_another
from keyturn.deploy.setting import Setting
from keyturn.secret import Secret

CHECKSUM: Final = "checksum/keyturn-keys"
SECRET_FILE: Final = "keyturn-secret.yaml"  # noqa: S105 - a file's name
PATCH_FILE: Final = "keyturn-patches.yaml"
ROLLED_OUT: Final = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
"""Workloads that make new pods when their template changes."""
_ENTRY: Final = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a service's container is described."""

    service: str
    """Its name in the inventory that is rendered."""
    kind: str
    name: str
    container: str
    namespace: str = ""
    whole: frozenset[str] = frozenset()
    """Names that it is given by an ``envFrom`` whose object is in the export."""
    probes: tuple[Probe, ...] = ()
    """Those of its container that may send a key; none are known of a compose folder."""


@dataclass(frozen=True, slots=True)
class Objects:
    """How the objects are named."""

    secret: str = "keyturn-keys"  # noqa: S105 - an object's name
    namespace: str = ""
    encoded: bool = False
    """``data`` in base64 instead of ``stringData``."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """What a patch says about one container, line by line."""

    env: Sequence[str]
    probes: Sequence[str]


@dataclass(slots=True)
class _Entries:
    """The keys of the Secret: one name per value, a variable's name where there is one."""

    values: dict[str, Secret] = field(default_factory=dict)

    def put(self, service: str, name: str, setting: Setting) -> str:
        value = setting.value or Secret("")
        wanted = next((one.name for one in setting.variables if one.value == value), name)
        wanted = _ENTRY.sub("_", wanted)
        if self.values.setdefault(wanted, value) == value:
            return wanted
        own = _ENTRY.sub("_", f"{service}_{name}".upper())
        self.values[own] = value
        return own


def kubernetes_files(
    before: Inventory, after: Inventory, targets: Sequence[Target], objects: Objects
) -> tuple[Rendered, Rendered]:
    """Return the Secret (private) and the patches (no value in them), each a YAML text.

    Strategic-merge patches, for kustomize or ``kubectl patch``; a container that is given a key
    otherwise so far (a literal, a ConfigMap) takes it from the Secret.
    """
    objects = replace(objects, namespace=_namespace(targets, objects.namespace))
    entries, patches = _Entries(), list[str]()
    for together in _by_workload(targets):
        containers: dict[str, _Changed] = {}
        held: list[tuple[str, Setting]] = []
        for target in together:
            service, old = after.services[target.service], before.services.get(target.service)
            env = [*_env(service, entries, objects.secret)]
            env += _removed(old, service, target.whole)
            if env:
                containers[target.container] = _Changed(env, [*_probes(old, service, target)])
            held += ((f"{target.container}/{n}", one) for n, one in given_keys(service))
        if containers:
            patches.append(_patch(together[0], objects, containers, _checksum(held)))
    return (
        rendered(SECRET_FILE, _secret(objects, entries.values), private=True),
        rendered(PATCH_FILE, "---\n".join(patches), private=False),
    )


def kubernetes_entries(after: Inventory, targets: Sequence[Target]) -> Mapping[str, Secret]:
    """Return what the Secret holds, by its keys."""
    entries = _Entries()
    for target in targets:
        for _ in _env(after.services[target.service], entries, ""):
            pass
    return entries.values


def notices(before: Inventory, after: Inventory, targets: Sequence[Target] = ()) -> Iterator[str]:
    """Yield what no patch of an environment can do."""
    whole = {one.service: one.whole for one in targets}
    yield (
        "Apply the patches with kustomize, or `kubectl patch --patch-file` one by one: they are "
        "strategic merges. The Secret first."
    )
    for target in targets:
        old, new = before.services.get(target.service), after.services[target.service]
        yield from about_probes(target.service, target.probes, old, new, _ended(before, after))
    for service in after.services.values():
        removed = [n for n in key_names(before.services.get(service.name)) if not service.get(n)]
        left = [name for name in removed if name not in whole.get(service.name, frozenset())]
        if left:
            yield (
                f"{service.name} must not get {', '.join(left)} any more: the patch takes it "
                "from env, and cannot take it from an envFrom whose object is not in the files."
            )


def given_keys(service: Service) -> Iterator[tuple[str, Setting]]:
    """Yield what a container is given from the Secret: its keys, and what its probe is to send."""
    yield from key_settings(service)
    check = service.healthcheck
    for one in check.variables if check is not None else ():
        if one.name == HEALTH_TOKEN and one.value and service.get(HEALTH_TOKEN) is None:
            place = one.place or service.place
            yield HEALTH_TOKEN, Setting(HEALTH_TOKEN, one.value, place, None, one.origin, (one,))
            return


def _ended(before: Inventory, after: Inventory) -> dict[str, str]:
    """Return the API keys that a commit takes from everybody, each with its variable's name."""
    return {
        text(one) or "": name
        for name, one in before.variables.items()
        if one.value and name in API_KEYS and text(after.variables.get(name)) != text(one)
    }


def _probes(before: Service | None, after: Service, target: Target) -> Iterator[str]:
    """Yield the patches of the probes that send what is not accepted any more."""
    if before is None or not sends_another(before, after):
        return
    for probe in target.probes:
        found = patched(probe, before.settings, HEALTH_TOKEN)
        if found is not None:
            yield found


def key_names(service: Service | None) -> tuple[str, ...]:
    """Return the names of a service's settings with keys."""
    return () if service is None else tuple(name for name, _ in key_settings(service))


def compose_targets(inventory: Inventory) -> tuple[Target, ...]:
    """Return a Deployment of the same name for every known service of a compose file."""
    return tuple(
        Target(name, "Deployment", name, name)
        for name, one in inventory.services.items()
        if one.kind is not None
    )


def _env(service: Service, entries: _Entries, secret: str) -> Iterator[str]:
    for name, setting in given_keys(service):
        entry = entries.put(service.name, name, setting)
        reference = f"{{name: {json.dumps(secret)}, key: {json.dumps(entry)}}}"
        # The nulls end what a literal or a ConfigMap gave before; a merge would keep both.
        yield (
            f"- {{name: {name}, value: null, "
            f"valueFrom: {{configMapKeyRef: null, secretKeyRef: {reference}}}}}"
        )


def _removed(before: Service | None, after: Service, whole: frozenset[str]) -> Iterator[str]:
    """What comes by an ``envFrom`` is covered by an empty value: ``env`` outranks it, and its
    object may be shared with workloads that still need the key.
    """
    for name in key_names(before):
        if after.get(name) is None:
            covered = 'value: "", valueFrom: null' if name in whole else "$patch: delete"
            yield f"- {{name: {name}, {covered}}}"


def _namespace(targets: Sequence[Target], asked: str) -> str:
    """Return the one namespace of all: a workload can only refer to a Secret beside it."""
    named = sorted(
        {one.namespace for one in targets if one.namespace} | ({asked} if asked else set())
    )
    if len(named) > 1:
        raise CannotRender(
            f"There is more than one namespace: {', '.join(named)}.",
            hint="Export and render one namespace at a time.",
        )
    return named[0] if named else ""


def _by_workload(targets: Sequence[Target]) -> Iterator[tuple[Target, ...]]:
    """Yield the containers of each workload: they share a pod, so one checksum rolls it out."""
    grouped: dict[tuple[str, str, str], list[Target]] = {}
    for one in targets:
        grouped.setdefault((one.namespace, one.kind, one.name), []).append(one)
    yield from (tuple(one) for one in grouped.values())


def _patch(
    target: Target, objects: Objects, containers: Mapping[str, _Changed], checksum: str
) -> str:
    if target.kind not in ROLLED_OUT:
        raise CannotRender(
            f"{target.name} is a {target.kind}, whose containers cannot be changed.",
            hint=f"Describe it by one of {', '.join(ROLLED_OUT)}.",
        )
    head = ["metadata:", f"  name: {json.dumps(target.name)}"]
    if objects.namespace:
        head.append(f"  namespace: {json.dumps(objects.namespace)}")
    pod = ["template:", "  metadata:", "    annotations:", f"      {CHECKSUM}: {checksum}"]
    pod += ["  spec:", "    containers:"]
    for name, one in containers.items():
        pod += [f"    - name: {json.dumps(name)}", *(f"      {line}" for line in one.probes)]
        pod += ["      env:", *(f"      {line}" for line in one.env)]
    version = "batch/v1" if target.kind == "CronJob" else "apps/v1"
    indent = "  "
    lines = [f"apiVersion: {version}", f"kind: {target.kind}", *head, "spec:"]
    if target.kind == "CronJob":
        lines += ["  jobTemplate:", "    spec:"]
        indent = "      "
    return "\n".join([*lines, *(indent + one for one in pod)]) + "\n"


def _secret(objects: Objects, values: Mapping[str, Secret]) -> str:
    lines = ["apiVersion: v1", "kind: Secret", "type: Opaque", "metadata:"]
    lines.append(f"  name: {json.dumps(objects.secret)}")
    if objects.namespace:
        lines.append(f"  namespace: {json.dumps(objects.namespace)}")
    lines.append("data:" if objects.encoded else "stringData:")
    for name, value in sorted(values.items()):
        said = base64.b64encode(raw(value)).decode() if objects.encoded else text(value) or ""
        lines.append(f"  {name}: {json.dumps(said)}")
    return "\n".join(lines) + "\n"


def _checksum(settings: Iterable[tuple[str, Setting]]) -> str:
    digest = hashlib.sha256()
    for name, setting in sorted(settings):
        content = raw(setting.value or Secret(""))
        digest.update(f"{name}={len(content)}:".encode() + content)
    return digest.hexdigest()

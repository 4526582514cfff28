"""What a deployment means to its users, so that two forms of it can be compared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from tests.support.deployments import NOW

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask
from keyturn.doctor.canaries import canaries
from keyturn.migrate.deployment_keys import read_keys
from keyturn.profiles.deployment import follow, start_failures
from keyturn.profiles.request import Credential, CredentialKind

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
Meaning = Mapping[tuple[str, str, str], tuple[str, int | None, str | None]]


def read(folder: Path, **ask: Any) -> Inventory:
    """Read a folder as doctor does."""
    return inventory(FolderSource(folder), Ask(**ask))


def credentials(there: Inventory, now: datetime = NOW) -> Mapping[CredentialKind, Credential]:
    """Return one credential of each kind that the keys can make."""
    return canaries(there, now, os.urandom, include_service_role=True)


def meaning(
    there: Inventory,
    held: Mapping[CredentialKind, Credential] | None = None,
    now: datetime = NOW,
) -> Meaning:
    """Return what every service answers to every kind of credential, by way and directly."""
    assert not start_failures(there)
    found = {}
    for kind, credential in (held or credentials(there, now)).items():
        for service in (*VERIFIERS, Kind.META):
            for direct in (False, True):
                verdict = follow(there, credential, service, now=now, direct=direct)
                way = "directly" if direct else "by the gateway"
                found[kind.value, service.value, way] = (
                    verdict.outcome.value,
                    verdict.status,
                    verdict.role,
                )
        socket = follow(there, credential, Kind.REALTIME, now=now, websocket=True)
        found[kind.value, "realtime", "socket"] = (socket.outcome.value, socket.status, socket.role)
    return found


def kids(there: Inventory) -> tuple[str, ...]:
    """Return the names of all asymmetric keys."""
    return read_keys(there).kids


def values(there: Inventory) -> dict[str, dict[str, str | None]]:
    """Return what every container is given."""
    return {
        name: {setting: text(one) for setting, one in service.settings.items()}
        for name, service in there.services.items()
    }


def applied(patches: str, there: Inventory, objects: list[dict[str, Any]] | None = None) -> str:
    """Return the workloads after ``kubectl patch``, which merges env by name.

    Without ``objects`` they are those that a chart would have made from the compose file.
    """
    held = {one["metadata"]["name"]: one for one in objects or _workloads(there)}
    for patch in yaml.safe_load_all(patches):
        pod = held[patch["metadata"]["name"]]["spec"]["template"]
        change = patch["spec"]["template"]
        pod.setdefault("metadata", {}).setdefault("annotations", {}).update(
            change["metadata"]["annotations"]
        )
        for container in change["spec"]["containers"]:
            own = next(c for c in pod["spec"]["containers"] if c["name"] == container["name"])
            own["env"] = _merged(own["env"], container["env"])
            for probe in container.keys() & set(PROBES):
                own[probe] = _probe(own[probe], container[probe])
    return yaml.safe_dump_all(list(held.values()))


def _probe(old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Lists of words are replaced, a null takes its member away, the rest stays."""
    made = {**old, **change}
    found = {key: value for key, value in made.items() if value is not None}
    assert len(found.keys() & {"exec", "httpGet", "tcpSocket", "grpc"}) == 1
    return found


def _merged(old: list[dict[str, Any]], change: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_name = {one["name"]: dict(one) for one in old}
    for entry in change:
        if entry.get("$patch") == "delete":
            by_name.pop(entry["name"], None)
            continue
        made = by_name.setdefault(entry["name"], {})
        for key, value in entry.items():
            made[key] = {**made.get(key, {}), **value} if isinstance(value, dict) else value
        made["valueFrom"] = {k: v for k, v in made["valueFrom"].items() if v is not None}
        if made["value"] is None:
            del made["value"]
        assert len(made) == 2, "value and valueFrom together are refused by the API server"
        assert len(made["valueFrom"]) == 1
    return list(by_name.values())


def _workloads(there: Inventory) -> list[dict[str, Any]]:
    made = []
    for name, service in there.services.items():
        env = [{"name": n, "value": (text(s) or "").replace("$", "$$")}
               for n, s in service.settings.items()]  # fmt: skip
        container: dict[str, Any] = {"name": name, "image": service.image, "env": env}
        volumes: list[dict[str, Any]] = []
        mounts: list[dict[str, Any]] = []
        for number, document in enumerate(service.documents):
            volume = f"{name}-{number}"
            volumes.append({"name": volume, "configMap": {"name": volume}})
            mounts.append({"name": volume, "mountPath": document.target, "subPath": "content"})
        container["volumeMounts"] = mounts
        spec = {"containers": [container], "volumes": volumes}
        made.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                     "spec": {"template": {"spec": spec}}})  # fmt: skip
    return made


def config_maps(there: Inventory) -> str:
    """Return the mounted files as ConfigMaps."""
    return yaml.safe_dump_all(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{number}"},
         "data": {"content": document.text}}
        for name, service in there.services.items()
        for number, document in enumerate(service.documents)
    )  # fmt: skip

"""A key that a container is given by ``envFrom`` and must not get any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.read import inventory
from keyturn.deploy.render_kubernetes import Objects, kubernetes_files, notices
from keyturn.deploy.render_workloads import workload_targets
from keyturn.deploy.source import Ask


def export(folder: Path, secret: dict[str, str], *, with_object: bool = True) -> Inventory:
    """Functions that are given a whole Secret."""
    container = {
        "name": "functions",
        "image": "supabase/edge-runtime:v1.76.2",
        "env": [{"name": "SUPABASE_JWKS", "value": '{"keys":[]}'}],
        "envFrom": [{"secretRef": {"name": "shared"}}],
    }
    workload: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "functions"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    held = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared"}}
    objects = [workload, *([held | {"stringData": secret}] if with_object else [])]
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
    return inventory(FolderSource(folder), Ask())


def test_what_a_shared_object_gives_is_covered_by_an_empty_value(tmp_path: Path) -> None:
    before = export(tmp_path / "before", {"JWT_SECRET": "s" * 40})
    after = export(tmp_path / "after", {"OTHER": "x"})
    targets = tuple(workload_targets(FolderSource(tmp_path / "before"), Ask()).values())
    _, patches = kubernetes_files(before, after, targets, Objects())
    (patch,) = yaml.safe_load_all(patches.text)
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    entry = next(one for one in container["env"] if one["name"] == "JWT_SECRET")
    assert entry == {"name": "JWT_SECRET", "value": "", "valueFrom": None}
    assert not any("JWT_SECRET" in one for one in notices(before, after, targets))


def test_what_only_env_gives_is_taken_away(tmp_path: Path) -> None:
    before = export(tmp_path / "before", {"JWT_SECRET": "s" * 40})
    after = export(tmp_path / "after", {"OTHER": "x"})
    targets = tuple(workload_targets(FolderSource(tmp_path / "after"), Ask()).values())
    _, patches = kubernetes_files(before, after, targets, Objects())
    assert "{name: JWT_SECRET, $patch: delete}" in patches.text
    assert any("JWT_SECRET" in one for one in notices(before, after, targets))

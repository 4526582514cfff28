"""Owners of deployments who commit what is rendered: to a compose folder, or to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.render.worlds import applied, config_maps, read, values
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment

from keyturn.deploy.inventory import Inventory

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
HOUR_AGO = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
DAYS_AGO = f"{NOW - timedelta(days=3):%Y-%m-%dT%H:%MZ}"


class Repository:
    """A compose deployment whose owner commits what is rendered."""

    def __init__(self, run: Run, deployment: Deployment) -> None:
        self.run = run
        self.folder = deployment.folder
        self.env_files = [".env"]
        self.files = ["docker-compose.yml"]

    @property
    def options(self) -> list[str]:
        """Return how the repository is read."""
        env = [word for one in self.env_files for word in ("--env-file", one)]
        return [*env, *(word for one in self.files for word in ("-f", one))]

    def commit(self, *moment: str) -> None:
        """Render both halves; commit them."""
        name = f"keys-{len(self.env_files)}.env"
        before = values(self.inventory)
        output = ("--output", str(self.folder / name))
        made = self.run("render", "env", str(self.folder), *self.options, *moment, *output)
        assert made.code == 0, made.err
        assert values(self.inventory) == before, "nothing may change before the commit"
        asked = ("render", "compose-override", str(self.folder), *self.options, *moment)
        override = self.run(*asked, "--json")
        self.env_files.append(name)
        if override.code == 0:
            file = f"override-{len(self.files)}.yml"
            (self.folder / file).write_text(override.json["files"][0]["content"])
            self.files.append(file)

    @property
    def inventory(self) -> Inventory:
        """Return the deployment as committed."""
        return read(self.folder, files=tuple(self.files), env_files=tuple(self.env_files))


class Cluster:
    """A folder with exported objects, changed by what is rendered."""

    def __init__(
        self, run: Run, deployment: Deployment, tmp_path: Path, change: Change | None = None
    ) -> None:
        """``change``: what its owner made of the workloads."""
        self.run, self.out = run, tmp_path / "rendered"
        self.folder = tmp_path / "export"
        self.folder.mkdir()
        there = read(deployment.folder)
        workloads = applied("", there)
        if change is not None:
            workloads = yaml.safe_dump_all(change(list(yaml.safe_load_all(workloads))))
        (self.folder / "workloads.yaml").write_text(workloads)
        (self.folder / "documents.yaml").write_text(config_maps(there))
        self.commits = 0

    def commit(self, *moment: str) -> None:
        """Render, and apply to the export."""
        self.commits += 1
        out = self.out / str(self.commits)
        made = self.run("render", "k8s", str(self.folder), *moment, "--output", str(out))
        assert made.code == 0, made.err
        workloads = self.folder / "workloads.yaml"
        objects = list(yaml.safe_load_all(workloads.read_text()))
        patches = (out / "keyturn-patches.yaml").read_text()
        old = {one["metadata"]["name"]: sums(one) for one in objects}
        workloads.write_text(applied(patches, self.inventory, objects))
        new_ = yaml.safe_load_all(workloads.read_text())
        self.rolled = {one["metadata"]["name"] for one in new_ if sums(one) != old[
            one["metadata"]["name"]]}  # fmt: skip
        (self.folder / "secret.yaml").write_text((out / "keyturn-secret.yaml").read_text())

    @property
    def inventory(self) -> Inventory:
        """Return the cluster as exported."""
        return read(self.folder)


def sums(workload: dict[str, object]) -> object:
    """Return the annotation that makes a rollout."""
    template = workload["spec"]["template"]  # type: ignore[index]
    return template.get("metadata", {}).get("annotations", {}).get("checksum/keyturn-keys")

"""podman-compose, an independent reader of compose files, sees the same environments.

Its ``config`` asks ``podman`` for its version only, so a script of that name is enough.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.deploy.corpus import CORPUS, corpus_entries
from tests.support.deployments import healthy

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask

TRICKY = """
x-common: &common
  SHARED: ${SHARED:-yes}
  JSON: ${UNSET:-{"keys":[]}}
services:
  one:
    image: kong:3
    environment:
      <<: *common
      BOTH: one
      NESTED: ${UNSET:-${ALSO_UNSET:-${INNER}}}
      SET_JSON: ${JWKS:-{"keys":[]}}
      DOLLARS: a$$b
      PRESENT: ${INNER:+yes}
      ABSENT: ${UNSET:+yes}
      TEXT: "no"
      NUMBER: 4000
  two:
    image: redis
    environment:
      - LISTED=${INNER}
      - WITH=equals=sign
"""
OVER = """
services:
  one:
    environment:
      - BOTH=override
      - ADDED=${INNER}
"""
ENV = 'INNER=inner\nJWKS={"keys":[1]}\n'


def podman_compose(folder: Path, stub: Path, *arguments: str) -> dict[str, dict[str, object]]:
    """Return the environments by service that podman-compose computes."""
    stub.mkdir()
    script = stub / "podman"
    script.write_text("#!/bin/sh\necho podman version 5.0.0\n")
    script.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "podman_compose", *arguments, "config"],
        cwd=folder,
        env={"PATH": f"{stub}{os.pathsep}{os.environ['PATH']}", "HOME": str(stub)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # Every scalar as the text that it is: 4000 and '4000' are the same to a container.
    services = yaml.load(done.stdout, Loader=yaml.BaseLoader)["services"]
    return {name: one.get("environment") or {} for name, one in services.items()}


def ours(found: Inventory) -> dict[str, dict[str, object]]:
    """Return the environments that Keyturn computes."""
    return {
        name: {key: text(one) for key, one in service.settings.items()}
        for name, service in found.services.items()
    }


def test_on_a_fixture(tmp_path: Path) -> None:
    made = healthy(tmp_path / "deployment")
    assert ours(made.inventory()) == podman_compose(made.folder, tmp_path / "bin")


def test_on_tricky_files(tmp_path: Path) -> None:
    folder = tmp_path / "deployment"
    folder.mkdir()
    (folder / "compose.yaml").write_text(TRICKY)
    (folder / "compose.override.yaml").write_text(OVER)
    (folder / ".env").write_text(ENV)
    found = ours(inventory(FolderSource(folder), Ask()))
    assert found == podman_compose(folder, tmp_path / "bin")
    assert found["one"]["NESTED"] == "inner"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real deployments is not here")
@pytest.mark.parametrize("entry", corpus_entries()[-2:], ids=lambda entry: entry.name)
def test_on_real_deployments(tmp_path: Path, entry: Path) -> None:
    found = inventory(FolderSource(entry), Ask(env_files=(".env.example",)))
    theirs = podman_compose(entry, tmp_path / "bin", "--env-file", ".env.example")
    assert ours(found) == theirs

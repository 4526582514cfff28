"""Puts the test's own ``docker``, ``docker-compose`` and ``podman-compose`` first on PATH."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.docker_program import STATE, VERSIONS

from keyturn.adapters.compose_program import Shell

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """\
#!{python} -IS
import sys
sys.path[:0] = {paths!r}
from tests.support.docker_program import main
sys.exit(main())
"""


class DockerDouble:
    """The programs in ``folder/bin``, their state in ``folder/state``."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.state = folder / "state"
        self.bin.mkdir(parents=True)
        (self.state / "containers").mkdir(parents=True)
        for name in VERSIONS:
            self.install(name)

    def install(self, name: str) -> None:
        """Make ``name`` a program."""
        # Without `site`, whose set-up takes longer than most calls.
        paths = [str(ROOT), str(ROOT / "src"), *(p for p in sys.path if "site-packages" in p)]
        text = _SCRIPT.format(python=sys.executable, paths=paths)
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def uninstall(self, *names: str) -> None:
        """Take programs away."""
        for name in names:
            (self.bin / name).unlink()

    def script(self, **what: Any) -> None:
        """Say how services behave: ``script(rest={"looks": [["running", "starting"]]})``.

        ``up``, ``kill`` and ``exec`` are exit codes, ``takes`` is seconds.
        """
        (self.state / "script.json").write_text(json.dumps(what))

    def hook(self, program: str) -> None:
        """Call ``program`` (text of a script) with action, service and its state's file.

        Of ``kill`` and ``exec`` the signal or the command follows.
        """
        path = self.state / "hook"
        path.write_text(program)
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which the double is found first, and nothing else is."""
        path = f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin"
        return {"PATH": path, STATE: str(self.state), "HOME": str(self.state)}

    def shell(self, folder: Path) -> Shell:
        """Return a shell in which commands reach the double."""
        return Shell(folder, self.environment)

    @property
    def calls(self) -> list[list[str]]:
        """Return every command line, in order."""
        path = self.state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def created(self) -> list[str]:
        """Return the services that were created, in order."""
        return [call[-1] for call in self.calls if "up" in call]

    def container(self, service: str) -> Mapping[str, Any]:
        """Return generation and environment of a container; empty when it was never created."""
        path = self.state / "containers" / f"{service}.json"
        return json.loads(path.read_text()) if path.exists() else {}

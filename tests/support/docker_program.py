"""A ``docker`` for tests: records every command line, and enacts what Compose would do.

Installed by :class:`tests.support.docker_double.DockerDouble` under the names ``docker``,
``docker-compose`` and ``podman-compose``. ``up`` resolves the service's environment from the files
in the working folder, exactly as the container would get it, and keeps it in the state folder; with
a ``hook`` there, that program is called to start or restart a local process with it. State and
health live in files, so that a test can look at them and script them.

The old programs' misreading of nested braces is part of it (services.md §13 row 1).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STATE = "KEYTURN_TEST_DOCKER"
VERSIONS = {"docker": "2.39.1", "docker-compose": "1.29.2", "podman-compose": "1.0.6"}
_OLD_BRACES = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}")


class Refused(Exception):
    """The command fails; the message goes to stderr."""


class Program:
    """One call."""

    def __init__(self, name: str, state: Path, folder: Path) -> None:
        self.name = name
        self.state = state
        self.folder = folder
        self.script: dict[str, Any] = _json(state / "script.json", {})

    def run(self, argv: list[str]) -> int:
        with (self.state / "calls.jsonl").open("a") as stream:
            stream.write(json.dumps([self.name, *argv]) + "\n")
        if self.script.get("absent", {}).get(self.name) or self.name not in VERSIONS:
            raise Refused(f"{self.name}: command not found")
        if self.name == "docker":
            if argv[:1] == ["inspect"]:
                return self._inspect(argv[-1])
            if argv[:1] != ["compose"]:
                raise Refused("docker: unknown command")
            argv = argv[1:]
        options, rest = _options().parse_known_args(argv)
        if "--version" in rest or rest[:1] == ["version"]:
            print(self.script.get("version", VERSIONS)[self.name])
            return 0
        command, *arguments = rest
        return int(getattr(self, f"do_{command}")(options, arguments))

    def do_up(self, options: argparse.Namespace, arguments: list[str]) -> int:
        assert arguments[:-1] == ["-d", "--no-deps", "--force-recreate"], arguments
        service = arguments[-1]
        environment, checked = self._resolved(options, service)
        scripted = self.script.get(service, {})
        time.sleep(scripted.get("takes", 0))
        if scripted.get("up", 0):
            raise Refused(f"Error response from daemon: cannot start {service}")
        before = _json(self._container(service), {})
        held = {
            "generation": before.get("generation", 0) + 1,
            "environment": environment,
            "checked": checked,
            "looks": 0,
        }
        self._container(service).write_text(json.dumps(held))
        self._hook("up", service)
        return 0

    def do_ps(self, options: argparse.Namespace, arguments: list[str]) -> int:
        if self.script.get("daemon") == "down":
            raise Refused("Cannot connect to the Docker daemon. Is the docker daemon running?")
        if arguments == ["-q"] or not arguments:
            print("\n".join(sorted(p.stem for p in (self.state / "containers").iterdir())))
            return 0
        services = [arguments[-1]] if arguments[-1] != "json" else self._known()
        if arguments[0] == "-q":
            print("\n".join(f"id-{one}" for one in services if one in self._known()))
            return 0
        rows = [self._row(one) for one in services if one in self._known()]
        if self.name == "podman-compose" or self.script.get("array"):
            print(json.dumps(rows))
        else:
            print("\n".join(json.dumps(row) for row in rows))
        return 0

    def do_kill(self, options: argparse.Namespace, arguments: list[str]) -> int:
        assert arguments[0] == "-s", arguments
        _, signal, service = arguments
        if self.script.get(service, {}).get("kill", 0):
            raise Refused(f"service {service} is not running")
        self._hook("kill", service, signal)
        return 0

    def do_exec(self, options: argparse.Namespace, arguments: list[str]) -> int:
        assert arguments[0] == "-T", arguments
        self._hook("exec", *arguments[1:])
        return int(self.script.get(arguments[1], {}).get("exec", 0))

    def _resolved(
        self, options: argparse.Namespace, name: str
    ) -> tuple[dict[str, str | None], bool]:
        """Return the environment of a service, and whether it has a healthcheck."""
        # Imported here: most calls only look at the state, and must be quick.
        from keyturn.adapters.deployment_files import FolderSource
        from keyturn.deploy.opened import text
        from keyturn.deploy.read import inventory
        from keyturn.deploy.source import Ask

        ask = Ask(
            files=tuple(options.file or ()),
            env_files=tuple(options.env_file or ()),
            environment={n: v for n, v in os.environ.items() if n != STATE},
        )
        service = inventory(FolderSource(self.folder), ask).services.get(name)
        if service is None:
            raise Refused(f"no such service: {name}")
        found = {setting: text(one) for setting, one in service.settings.items()}
        if self.name != "docker":
            for setting, one in service.settings.items():
                values = {v.name: text(v) or "" for v in one.variables}
                if one.template is not None:
                    found[setting] = _old_braces(one.template, values)
        return found, service.healthcheck is not None

    def _row(self, service: str) -> dict[str, Any]:
        state, health = self._seen(service)
        if self.name == "podman-compose":
            labels = {"com.docker.compose.service": service}
            status = f"Up 1 second ({health})" if health else "Up 1 second"
            return {"Names": [f"x_{service}_1"], "State": state, "Status": status, "Labels": labels}
        return {"Name": f"x-{service}-1", "Service": service, "State": state, "Health": health}

    def _inspect(self, container: str) -> int:
        state, health = self._seen(container.removeprefix("id-"))
        found: dict[str, Any] = {"Status": state, "Restarting": state == "restarting"}
        print(json.dumps(found | ({"Health": {"Status": health}} if health else {})))
        return 0

    def _seen(self, service: str) -> tuple[str, str]:
        """Return what the script says about this look; without one, it is well at once."""
        held = _json(self._container(service), {})
        looks = self.script.get(service, {}).get("looks")
        number = held["looks"]
        self._container(service).write_text(json.dumps(held | {"looks": number + 1}))
        if looks:
            state, health = looks[min(number, len(looks) - 1)]
            return str(state), str(health)
        return "running", "healthy" if held["checked"] else ""

    def _known(self) -> list[str]:
        return sorted(path.stem for path in (self.state / "containers").iterdir())

    def _container(self, service: str) -> Path:
        return self.state / "containers" / f"{service}.json"

    def _hook(self, what: str, service: str, *argument: str) -> None:
        hook = self.state / "hook"
        if hook.exists():
            subprocess.run([hook, what, service, self._container(service), *argument], check=True)


def _old_braces(template: str, values: dict[str, str]) -> str:
    return _OLD_BRACES.sub(lambda match: values.get(match[1]) or match[2] or "", template)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-f", "--file", action="append")
    parser.add_argument("--env-file", action="append")
    parser.add_argument("--project-directory")
    parser.add_argument("--profile", action="append")
    return parser


def _json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else default


def main() -> int:
    """Be the program as which this was started."""
    program = Program(Path(sys.argv[0]).name, Path(os.environ[STATE]), Path.cwd())
    try:
        return program.run(sys.argv[1:])
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1

"""Envoy as the gateway: writes its files, says how to run it, tells when it is ready."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from keyturn.adapters.envoy.admin import EnvoyAdmin
from keyturn.adapters.envoy.binary import envoy_binary, trusted_certificates
from keyturn.adapters.files import write_private
from keyturn.errors import UsageError
from keyturn.flows.ports.processes import Command
from keyturn.gateway.bootstrap import ACCESS_LOG, ROUTES_FILE, Listen, render_bootstrap
from keyturn.gateway.route_config import render_routes, version_of
from keyturn.gateway.snapshot import Snapshot
from keyturn.gateway.upstreams import Upstream

BOOTSTRAP_FILE = "bootstrap.json"
_FILTER_SOURCES = ("sha256.lua", "filter.lua")
_SPARE_DESCRIPTORS = 64
_CONFIRM_PAUSE = 0.02


class EnvoyGateway:
    """One Envoy in one folder. Nothing outside ``directory`` is written.

    Order: :meth:`prepare`, :meth:`publish`, then run :meth:`command`. After a crash the same
    command starts it again with the same files.
    """

    def __init__(
        self,
        directory: Path,
        listen: Listen,
        upstreams: Mapping[str, Upstream],
        *,
        concurrency: int | None = None,
    ) -> None:
        """``concurrency``: worker threads; by default one per core, at most two."""
        self.directory = directory.absolute()
        self.admin = EnvoyAdmin(self.directory)
        self._listen = replace(listen, connections=_connections(listen.connections))
        self._upstreams = upstreams
        self._concurrency = concurrency or min(2, os.cpu_count() or 1)
        self._published = ""

    @property
    def access_log(self) -> Path:
        """The file that Envoy appends one JSON line per request to."""
        return self.directory / ACCESS_LOG

    def prepare(self) -> bool:
        """Write the bootstrap file and say whether it differs from the one before.

        Raises ``UsageError`` when Envoy is not installed.
        """
        envoy_binary()
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tls = any(upstream.tls for upstream in self._upstreams.values())
        document = render_bootstrap(
            self._listen,
            self._upstreams,
            directory=str(self.directory),
            lua="".join(map(_source, _FILTER_SOURCES)),
            ca_file=trusted_certificates() if tls else "",
        )
        touch_private(self.access_log)
        path = self.directory / BOOTSTRAP_FILE
        if path.is_file() and path.read_bytes() == document:
            return False
        write_private(path, document)
        return True

    def command(self) -> Command:
        """Say how to run Envoy; it holds no secret in its arguments and needs no environment."""
        return Command(
            name="gateway",
            argv=(
                str(envoy_binary()),
                "--config-path", str(self.directory / BOOTSTRAP_FILE),
                "--disable-hot-restart",
                "--concurrency", str(self._concurrency),
                "--log-level", "warning",
                "--log-format", "%Y-%m-%dT%H:%M:%S.%eZ %l %n %v",
                "--file-flush-interval-msec", "200",
                "--drain-time-s", "5",
            ),
            env={},
            cwd=str(self.directory),
        )  # fmt: skip

    async def publish(self, snapshot: Snapshot) -> None:
        """Replace the routes file; a running Envoy serves it within milliseconds."""
        document = render_routes(self._upstreams, snapshot)
        await asyncio.to_thread(write_private, self.directory / ROUTES_FILE, document)
        self._published = version_of(document)

    async def ready(self) -> bool:
        """True once Envoy accepts requests; False while it is down or starting."""
        return await self.admin.live()

    async def serves_published(self, *, within: float = 1.0) -> bool:
        """Wait until Envoy reports the routes published last; False after ``within`` seconds.

        Raises ``Unreachable`` when Envoy does not answer.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + within
        while await self.admin.routes_version() != self._published:
            if clock() >= deadline:
                return False
            await asyncio.sleep(_CONFIRM_PAUSE)
        return True

    async def validate(self) -> None:
        """Let Envoy itself read the bootstrap; raises ``UsageError`` with its last complaint."""
        command = self.command()
        process = await asyncio.create_subprocess_exec(
            *command.argv, "--mode", "validate",
            cwd=command.cwd, env={},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, complaints = await process.communicate()
        if process.returncode != 0:
            lines = complaints.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(
                f"Envoy refuses its configuration: {lines[-1] if lines else 'no text'}"
            )


def _source(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def touch_private(path: Path) -> None:
    """Create an empty file that only the owner may read, unless it is there."""
    os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))


def _connections(wanted: int) -> int:
    """Return how many clients fit into this process's descriptor limit (each takes two)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(16, min(wanted, (soft - _SPARE_DESCRIPTORS) // 2))

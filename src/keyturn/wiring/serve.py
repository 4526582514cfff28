"""Runs the Auth server as processes: one that watches, and workers that share its socket."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import uvloop

from keyturn.adapters import system
from keyturn.authserver.listening import listen, listen_on_path
from keyturn.authserver.prefork import Job, Prefork, run_once
from keyturn.authserver.running import serve
from keyturn.errors import KeyturnError
from keyturn.jose.octets import MIN_BYTES
from keyturn.wiring.auth import open_auth, prepare
from keyturn.wiring.logging import LineLog, open_log
from keyturn.wiring.settings import Settings

if TYPE_CHECKING:
    from keyturn.authserver.metrics import PrometheusMetrics

Result = TypeVar("Result")

# Read by prometheus_client when it is imported.
_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


def run(settings: Settings, *, uds: Path | None, failed: Callable[[KeyturnError], int]) -> int:
    """Serve until a stop signal and return the exit code.

    The parent only binds, forks and watches. ``failed`` prints an error and gives its exit code.
    """
    process = settings.process
    log = open_log(system.now, level=process.log_level, form=process.log_format)
    report_settings(settings, log)
    # Bound first: a taken port is noticed before the database is touched.
    listening = listen_on_path(uds) if uds else listen(process.host, process.port)
    code = run_once(lambda: sys.exit(_prepare(settings, log, failed)))
    if code != 0:
        return code
    folder = _metrics_folder(settings)
    try:
        jobs = _jobs(settings, listening, log, folder)
        where = str(uds) if uds else _address(listening)
        log.event("info", "listening", {"address": where, "workers": process.workers})
        Prefork(
            jobs,
            grace=process.grace.total_seconds(),
            tell=log.event,
            buried=_bury(folder),
        ).run()
    finally:
        listening.close()
        if uds is not None:
            uds.unlink(missing_ok=True)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def report_settings(settings: Settings, log: LineLog) -> None:
    """Say which variables are set and change nothing."""
    by_reason: dict[str, list[str]] = {}
    for name, why in settings.idle.items():
        by_reason.setdefault(why, []).append(name)
    for why, names in by_reason.items():
        log.event("warning", "settings without effect", {"names": names, "why": why})
    if settings.unknown:
        meant = {name: close for name, close in settings.unknown.items() if close}
        facts = {"names": list(settings.unknown), "perhaps_meant": meant or None}
        log.event("warning", "unknown settings", facts)
    secret = settings.process.legacy_secret
    if secret is not None and len(secret) < MIN_BYTES:
        why = "whoever has one token may find it by trying"
        log.event("warning", "short GOTRUE_JWT_SECRET", {"bytes": len(secret), "why": why})


def _prepare(settings: Settings, log: LineLog, failed: Callable[[KeyturnError], int]) -> int:
    try:
        migrations, version = _in_loop(prepare(settings))
    except KeyturnError as error:
        return failed(error)
    log.event("info", "prepared", {"migrations": len(migrations), "ring_version": version})
    return 0


def _jobs(
    settings: Settings, listening: socket.socket, log: LineLog, folder: str | None
) -> dict[str, Job]:
    def work(parent: int) -> None:
        _in_loop(_work(settings, listening, log, folder is not None, parent))

    jobs: dict[str, Job] = {f"auth-{n + 1}": work for n in range(settings.process.workers)}
    port = settings.process.metrics_port
    if folder is not None and port is not None:
        shown = listen(settings.process.metrics_host, port)
        log.event("info", "metrics", {"address": _address(shown)})
        jobs["metrics"] = lambda parent: _in_loop(_show(settings, shown, folder, parent))
    return jobs


async def _work(
    settings: Settings, listening: socket.socket, log: LineLog, counted: bool, parent: int
) -> None:
    metrics = _metrics() if counted else None
    try:
        async with open_auth(settings, log=log, metrics=metrics) as app:
            await serve(app, listening, grace=settings.process.grace, parent=parent)
    except KeyturnError as error:
        log.event("error", error.message, {"error": error.code, "hint": error.hint})
        sys.exit(1)
    finally:
        log.flush()


async def _show(settings: Settings, listening: socket.socket, folder: str, parent: int) -> None:
    from keyturn.authserver.metrics import MetricsApp, merged

    app = MetricsApp(merged(folder))
    await serve(app, listening, grace=settings.process.grace, parent=parent)


def _metrics() -> PrometheusMetrics:
    from prometheus_client import CollectorRegistry

    from keyturn.authserver.metrics import PrometheusMetrics

    return PrometheusMetrics(CollectorRegistry())


def _metrics_folder(settings: Settings) -> str | None:
    if settings.process.metrics_port is None:
        return None
    folder = tempfile.mkdtemp(prefix="keyturn-metrics-")
    os.environ[_METRICS_FOLDER] = folder
    return folder


def _bury(folder: str | None) -> Callable[[int], None]:
    """Return what removes the gauges of a dead worker; its counters stay in the sums."""

    def bury(pid: int) -> None:
        for left in Path(folder or "").glob(f"gauge_live*_{pid}.db"):
            left.unlink(missing_ok=True)

    return bury if folder is not None else lambda _pid: None


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _in_loop(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)

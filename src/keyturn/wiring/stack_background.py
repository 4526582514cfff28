"""`keyturn up --detach`: one process starts the stack in the background and relays its report."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from typing import Any, Final

from keyturn.adapters.daemon import Background, report, start_in_background
from keyturn.adapters.folder_lock import holder
from keyturn.adapters.log_files import tail
from keyturn.adapters.process_identity import send_signal
from keyturn.errors import Conflict, KeyturnError, RefusedUnsafe, Unreachable, UsageError
from keyturn.wiring.locations import Locations, locations
from keyturn.wiring.stack_options import Ready, UpOptions, already_running, make_folder

# The families that exit codes are made of; the reporting side names the first that fits.
_FAMILIES: Mapping[str, type[KeyturnError]] = {
    "usage": UsageError,
    "conflict": Conflict,
    "unreachable": Unreachable,
    "unsafe": RefusedUnsafe,
}

_END_SECONDS: Final = 30.0


class StartFailed(KeyturnError):
    """The stack could not be started in the background."""

    code = "start_failed"


def start_detached(options: UpOptions) -> dict[str, Any]:
    """Start the stack in the background and return what `up --json` prints, once it is ready.

    Raises the error that the background process reported; nothing is left running then.
    """
    where = locations(options.data_dir)
    make_folder(where)
    if holder(where.lock) is not None:
        raise already_running(where)
    background = start_in_background(_arguments(options, where), where.logs / "supervisor.log")
    try:
        document = _hear(background, where)
    except BaseException:
        background.wait_until_ended(_END_SECONDS)
        raise
    if "error" in document:
        background.wait_until_ended(_END_SECONDS)
        raise _error(document["error"])
    background.leave()
    facts: dict[str, Any] = document["ready"]
    return facts


def report_ready(descriptor: int, ready: Ready) -> None:
    """Tell the waiting command that all is up."""
    report(descriptor, json.dumps({"ready": ready.as_json()}).encode())


def report_failure(descriptor: int, error: Exception) -> None:
    """Tell the waiting command why it did not come up."""
    family = next((name for name, kind in _FAMILIES.items() if isinstance(error, kind)), "other")
    facts = error.as_dict() if isinstance(error, KeyturnError) else {}
    known = {"code": "start_failed", "message": f"{type(error).__name__}: {error}", **facts}
    report(descriptor, json.dumps({"error": {**known, "family": family}}).encode())


def _hear(background: Background, where: Locations) -> dict[str, Any]:
    try:
        content = background.wait_for_report()
    except KeyboardInterrupt:
        send_signal(background.pid, signal.SIGTERM)
        raise
    if content:
        document: dict[str, Any] = json.loads(content)
        return document
    last = tail(where.logs / "supervisor.log", 5)
    raise StartFailed(
        "The background process ended without a word. Its last lines:"
        + "".join(f"\n    {line}" for line in last),
        hint="`keyturn up` without --detach shows everything.",
    )


def _error(facts: Mapping[str, Any]) -> KeyturnError:
    """Return an error of the same family, code and words as the one that was reported."""
    family = _FAMILIES.get(facts.get("family", ""), StartFailed)
    kind = type(family.__name__, (family,), {"code": facts["code"]})
    error: KeyturnError = kind(facts["message"], hint=facts.get("hint"))
    return error


def _arguments(options: UpOptions, where: Locations) -> list[str]:
    given = {
        "--data-dir": str(where.root),
        "--host": options.host,
        "--port": str(options.port),
        "--auth-workers": str(options.auth_workers),
        "--database-url-file": _absolute(options.database_url_file),
        "--jwt-secret-file": _absolute(options.jwt_secret_file),
        "--trusted-hops": str(options.trusted_hops),
        "--console-origin": options.console_origin,
        **{f"--{service}-url": url for service, url in options.upstreams.items()},
    }
    pairs = [(name, value) for name, value in given.items() if value is not None]
    return ["up", *(part for pair in pairs for part in pair)]


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)

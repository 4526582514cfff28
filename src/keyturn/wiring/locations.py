"""Where a local stack keeps its things, and how a command finds the database and the master key.

The data folder is ``--data-dir``, else ``$KEYTURN_DATA_DIR``, else ``.keyturn`` in the current
folder. ``state.json`` (0600) exists while `keyturn up` runs: it holds ports, pids and the DSNs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from keyturn.adapters.files import write_private
from keyturn.adapters.folder_lock import holder
from keyturn.errors import KeyturnError, Unreachable, UsageError
from keyturn.secret import Secret

DEFAULT_FOLDER: Final = ".keyturn"
DATA_DIR_VARIABLE: Final = "KEYTURN_DATA_DIR"
# The first that is set wins; the password inside is why none of them is an option.
DATABASE_VARIABLES: Final = ("KEYTURN_DATABASE_URL", "GOTRUE_DB_DATABASE_URL", "DATABASE_URL")


class StateUnreadable(KeyturnError):
    """The state file of the data folder cannot be read."""

    code = "state_unreadable"


@dataclass(frozen=True)
class Locations:
    """Every path inside one data folder."""

    root: Path

    @property
    def state(self) -> Path:
        """What runs, where, and how to reach its database (0600)."""
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this folder."""
        return self.root / "up.lock"

    @property
    def master_key(self) -> Path:
        """The key that seals private keys (0600), made on the first run."""
        return self.root / "master.key"

    @property
    def console_password(self) -> Path:
        """The hash of the console's password (0600); missing when there is none."""
        return self.root / "console-password"

    @property
    def api_keys(self) -> Path:
        """The first publishable and secret API key in clear (0600), for local use."""
        return self.root / "api-keys.json"

    @property
    def postgres(self) -> Path:
        """The embedded cluster."""
        return self.root / "postgres"

    @property
    def envoy(self) -> Path:
        """The gateway's rendered configuration."""
        return self.root / "envoy"

    @property
    def logs(self) -> Path:
        """One bounded log file per part."""
        return self.root / "logs"


@dataclass(frozen=True)
class StackState:
    """What ``state.json`` says about a running stack; ``repr`` shows no DSN."""

    pid: int
    started_at: str
    """RFC 3339, UTC."""
    ready: bool
    data_dir: str
    api_url: str
    jwks_url: str
    console_url: str
    database_url: str = field(repr=False)
    """DSN of the superuser (embedded), or as it was given."""
    auth_database_url: str = field(repr=False)
    """DSN of role ``supabase_auth_admin``: what the key and API-key commands use."""
    embedded: bool = True
    parts: list[dict[str, Any]] = field(default_factory=list)
    """``{name, state, since, pid, restarts, last_exit}`` of each part."""
    ring: dict[str, Any] | None = None
    """``{version, keys: [{kid, alg, state}]}`` as the supervisor last saw it."""


def locations(data_dir: str | os.PathLike[str] | None = None) -> Locations:
    """Return the paths of ``data_dir``, else of ``$KEYTURN_DATA_DIR``, else of ``.keyturn``."""
    chosen = data_dir or os.environ.get(DATA_DIR_VARIABLE) or DEFAULT_FOLDER
    return Locations(Path(chosen).expanduser().absolute())


def read_state(where: Locations) -> StackState | None:
    """Return what the last `keyturn up` wrote, or None when there is none.

    Raises :class:`StateUnreadable` when the file is damaged or not ours to read.
    """
    try:
        content = where.state.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise StateUnreadable(
            f"{where.state} cannot be read: {problem.strerror}.",
            hint="Run the command as the user who runs `keyturn up`.",
        ) from problem
    try:
        return StackState(**_known_fields(json.loads(content)))
    except (ValueError, TypeError, AttributeError) as problem:
        raise StateUnreadable(
            f"{where.state} is not a state file of this version.",
            hint="Stop the stack, remove that file, and run `keyturn up` again.",
        ) from problem


def _known_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a newer version may have added."""
    return {
        name: value for name, value in document.items() if name in StackState.__dataclass_fields__
    }


def write_state(where: Locations, state: StackState) -> None:
    """Replace the state file (0600, atomically)."""
    document = {"schema_version": 1, **asdict(state)}
    write_private(where.state, json.dumps(document, indent=2).encode() + b"\n")


def database_from_environment(environment: Mapping[str, str] | None = None) -> Secret | None:
    """Return the DSN of the first of :data:`DATABASE_VARIABLES` that is set, or None."""
    variables = os.environ if environment is None else environment
    for name in DATABASE_VARIABLES:
        if variables.get(name):
            return Secret(variables[name])
    return None


def auth_database(where: Locations, *, explicit: bool = False) -> Secret:
    """Return the DSN for role ``supabase_auth_admin``.

    The environment comes first, unless the user named the data folder on the command line
    (``explicit``). Raises :class:`UsageError` when nothing says where the database is.
    """
    given = None if explicit else database_from_environment()
    if given is not None:
        return given
    state = read_state(where)
    if state is not None and holder(where.lock) is not None:
        return Secret(state.auth_database_url)
    if state is not None or where.postgres.is_dir():
        raise Unreachable(
            f"The stack of {where.root} is not running, so its database is not either.",
            hint="Start it with `keyturn up`, or set KEYTURN_DATABASE_URL.",
        )
    raise UsageError(
        f"No database is known: {where.state} does not exist and KEYTURN_DATABASE_URL is not set.",
        hint="Run `keyturn up` here, name its folder with --data-dir, or set KEYTURN_DATABASE_URL.",
    )

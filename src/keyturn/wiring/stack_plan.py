"""What `keyturn up` is asked to run, settled before anything starts: ports, addresses, environment.

Every mistake that can be seen without starting a process is raised from here.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keyturn.adapters.http_probe import free_ports, why_not_free
from keyturn.console.origin import Origin, read_origin
from keyturn.errors import Conflict, UsageError
from keyturn.gateway.upstreams import parse_upstream
from keyturn.secret import Secret
from keyturn.wiring.locations import DATABASE_VARIABLES, Locations, locations
from keyturn.wiring.settings import Settings, load
from keyturn.wiring.stack_options import UpOptions

_EVERY_ADDRESS: Final = frozenset({".".join("0000"), "::"})
_PORT_SECONDS: Final = 2.0
# Without a host they would be about the inbox, which wants no password.
_OF_MAIL_SERVER: Final = frozenset(
    f"GOTRUE_SMTP_{name}" for name in ("HOST", "PORT", "USER", "PASS", "PASS_FILE")
)
_PASSING: Final = frozenset({os.strerror(errno.EADDRINUSE)})
# The supervisor imports these keys once; its children have no use for them.
_NOT_FOR_CHILDREN: Final = (
    *DATABASE_VARIABLES,
    "GOTRUE_JWT_SECRET",
    "GOTRUE_JWT_SECRET_FILE",
    "GOTRUE_JWT_KEYS",
    "GOTRUE_JWT_KEYS_FILE",
)


class PortTaken(Conflict):
    """The gateway's port is in use."""

    code = "port_taken"


@dataclass(frozen=True)
class Plan:
    """Everything that is known before the first process starts."""

    where: Locations
    options: UpOptions
    api_url: str
    """Where clients on this machine reach the gateway."""
    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    """What the Auth server and the REST stand-in inherit."""
    database: Secret | None
    """The user's own PostgreSQL; None: the embedded one."""
    auth_port: int
    rest_port: int
    console_port: int
    mail_port: int
    """Where the inbox takes mail."""
    console_origin: Origin | None = None
    """Where the console is reached through a proxy."""

    @property
    def console_url(self) -> str:
        """Where people open the console."""
        return f"{self.console_origin or self.api_url}/"

    @property
    def auth_url(self) -> str:
        """The Auth server's public address: also the default issuer."""
        return f"{self.api_url}/auth/v1"

    @property
    def jwks_url(self) -> str:
        """The public JWKS."""
        return f"{self.auth_url}/.well-known/jwks.json"

    @property
    def issuer(self) -> str:
        """The ``iss`` of tokens."""
        return self.settings.issuer

    @property
    def runs_rest(self) -> bool:
        """Whether the REST stand-in runs, because no real one was given."""
        return "rest" not in self.options.upstreams

    def gateway_upstreams(self) -> dict[str, str]:
        """Return the gateway's service → URL."""
        own = {
            "auth": f"http://127.0.0.1:{self.auth_port}",
            "console": f"http://127.0.0.1:{self.console_port}",
        }
        if self.runs_rest:
            own["rest"] = f"http://127.0.0.1:{self.rest_port}"
        return {**own, **self.options.upstreams}


def make_plan(options: UpOptions, environment: Mapping[str, str] | None = None) -> Plan:
    """Settle everything; raises ``UsageError`` (``BadSettings`` too) and :class:`PortTaken`."""
    variables = dict(os.environ if environment is None else environment)
    for service, url in options.upstreams.items():
        parse_upstream(service, url)
    _check_port(options)
    where = locations(options.data_dir)
    api_url = _api_url(options.host, options.port)
    auth_port, rest_port, console_port, mail_port = free_ports(4)
    full = _environment(options, api_url, variables, mail_port)
    return Plan(
        where=where,
        options=options,
        api_url=api_url,
        settings=load(full),
        environment=_for_children(full, where),
        database=_database(options, variables),
        auth_port=auth_port,
        rest_port=rest_port,
        console_port=console_port,
        mail_port=mail_port,
        console_origin=read_origin(options.console_origin) if options.console_origin else None,
    )


def _check_port(options: UpOptions) -> None:
    """Raise :class:`PortTaken`, unless the port becomes free in a moment.

    The gateway of a supervisor that was killed may still be closing its sockets.
    """
    deadline = time.monotonic() + _PORT_SECONDS
    while (reason := why_not_free(options.host, options.port)) is not None:
        if reason not in _PASSING or time.monotonic() > deadline:
            raise PortTaken(
                f"Port {options.port} of {options.host} cannot be used: {reason}.",
                hint="Choose another one with --port.",
            )
        threading.Event().wait(0.05)


def _api_url(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in _EVERY_ADDRESS else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _environment(
    options: UpOptions, api_url: str, variables: dict[str, str], mail_port: int
) -> dict[str, str]:
    """Return the environment with the stack's own defaults below what the user says."""
    defaults = {
        "API_EXTERNAL_URL": f"{api_url}/auth/v1",
        "GOTRUE_JWT_ISSUER": f"{api_url}/auth/v1",
        "GOTRUE_MAILER_AUTOCONFIRM": "true",
        # Links end where something answers, and may lead to an application under development.
        "GOTRUE_SITE_URL": api_url,
        "GOTRUE_URI_ALLOW_LIST": "http://localhost:*/**,http://localhost:*",
        # For people; `keyturn serve` alone writes JSON.
        "KEYTURN_LOG_FORMAT": "text",
    }
    if not variables.get("GOTRUE_SMTP_HOST"):
        defaults |= {"GOTRUE_SMTP_HOST": "127.0.0.1", "GOTRUE_SMTP_PORT": str(mail_port)}
        variables = {name: v for name, v in variables.items() if name not in _OF_MAIL_SERVER}
    full = {**defaults, **variables}
    if options.jwt_secret_file is not None:
        full["GOTRUE_JWT_SECRET_FILE"] = options.jwt_secret_file
    return full


def _for_children(full: Mapping[str, str], where: Locations) -> dict[str, str]:
    kept = {name: value for name, value in full.items() if name not in _NOT_FOR_CHILDREN}
    if not kept.get("KEYTURN_MASTER_KEY"):
        kept.setdefault("KEYTURN_MASTER_KEY_FILE", str(where.master_key))
    kept["KEYTURN_DATA_DIR"] = str(where.root)
    return kept


def _database(options: UpOptions, variables: Mapping[str, str]) -> Secret | None:
    path, given = options.database_url_file, variables.get("KEYTURN_DATABASE_URL")
    if path is None:
        return Secret(given) if given else None
    if given:
        raise UsageError("KEYTURN_DATABASE_URL and --database-url-file are both given; keep one.")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"--database-url-file {path} cannot be read: {reason}.") from problem
    if not text:
        raise UsageError(f"--database-url-file {path} is empty.")
    return Secret(text)


def setting_warnings(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each variable that is set and changes nothing."""
    for name, meant in settings.unknown.items():
        yield f"{name} is no setting" + (f"; did you mean {meant}?" if meant else ".")
    for name, why in settings.idle.items():
        yield f"{name} has no effect: {why}."

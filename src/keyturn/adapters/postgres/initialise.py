"""Making a cluster: ``initdb`` beside the final folder, roles, configuration, rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyturn.adapters.files import write_private
from keyturn.adapters.postgres.child import run_tool
from keyturn.adapters.postgres.layout import Layout
from keyturn.adapters.postgres.roles import bootstrap_sql
from keyturn.secret import Secret

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
)
"""The whole environment of every PostgreSQL program: none of the caller's settings or secrets."""

_INITDB = (
    "--no-instructions",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=reject",
)
_SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "120",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] ",
    # Statements and details hold users' data; the error itself is enough for an operator.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "logging_collector": "off",
}
_ACCESS = """\
# Written by Keyturn at every start. Passwords only, this machine only.
local all all scram-sha-256
host  all all 127.0.0.1/32 scram-sha-256
host  all all ::1/128      scram-sha-256
"""


def create(
    layout: Layout, passwords: Mapping[str, Secret], entropy: Callable[[int], bytes]
) -> None:
    """Create the cluster unless it exists; an interrupted attempt leaves nothing that counts."""
    for leftover in layout.root.glob("data.tmp.*"):
        shutil.rmtree(leftover)
    if layout.data.exists():
        return
    install, account = layout.install, layout.account
    unfinished = layout.root / f"data.tmp.{os.getpid()}"
    unfinished.mkdir(mode=0o700)
    if account:
        account.give(unfinished)
    place = ("-D", layout.as_server(unfinished))
    settings = (f"--set={name}={value}" for name, value in _SETTINGS.items())
    initdb = (str(install.binary("initdb")), *place, *_INITDB, *settings)
    run_tool(initdb, ENVIRONMENT, account, cwd=unfinished)
    single = (str(install.binary("postgres")), "--single", *place, "postgres")
    statements = "\n".join(bootstrap_sql(passwords, entropy)) + "\n"
    run_tool(single, ENVIRONMENT, account, cwd=unfinished, stdin=statements)
    unfinished.rename(layout.data)


def restrict(layout: Layout) -> None:
    """Write ``pg_hba.conf``: who may connect is Keyturn's, the rest of the settings the user's."""
    path = layout.data / "pg_hba.conf"
    write_private(path, _ACCESS.encode())
    if layout.account:
        layout.account.give(path)

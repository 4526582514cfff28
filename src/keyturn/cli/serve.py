"""``keyturn serve``: the Auth server alone, for production."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from keyturn.cli.output import (
    EXIT_DONE,
    EXIT_FINDINGS,
    emit,
    exit_code,
    print_error,
    reports_errors,
)
from keyturn.errors import KeyturnError


@click.command("serve")
@click.option("--host", help="Address to listen on.  [env GOTRUE_API_HOST; default 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, 0 for a free one.  [env GOTRUE_API_PORT, PORT; default 9999]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Worker processes that share the port.  [env KEYTURN_WORKERS; default 1]",
)
@click.option(
    "--uds",
    type=click.Path(path_type=Path),
    help="Listen on this Unix socket instead, for this user only.",
)
@click.option(
    "--takeover-check",
    is_flag=True,
    help="Serve nothing and write nothing: say what would differ from the GoTrue that runs now.",
)
@click.option("--json", "as_json", is_flag=True, help="With --takeover-check: one JSON object.")
@reports_errors
def command(
    host: str | None,
    port: int | None,
    workers: int | None,
    uds: Path | None,
    takeover_check: bool,
    as_json: bool,
) -> None:
    """Run the Auth server on the PostgreSQL of KEYTURN_DATABASE_URL.

    It is stateless: run as many as you like on one database. The first start brings the database
    up to date, makes the first signing keys, or imports GOTRUE_JWT_SECRET and GOTRUE_JWT_KEYS.
    All other settings are environment variables (docs/reference/settings.md), most of them under
    GoTrue's own names. Stop it with SIGTERM; requests in flight may finish.

    With --takeover-check it reads GoTrue's environment and database in a read-only transaction and
    reports. Exit codes then: 0 nothing would differ, 1 something would, 4 no database.
    """
    given = {"GOTRUE_API_HOST": host, "GOTRUE_API_PORT": port, "KEYTURN_WORKERS": workers}
    chosen = {name: str(value) for name, value in given.items() if value is not None}
    environment = {**os.environ, **chosen}
    if takeover_check:
        sys.exit(_check(environment, as_json=as_json))
    if as_json:
        raise click.UsageError("--json goes with --takeover-check")
    from keyturn.wiring.serve import run
    from keyturn.wiring.settings import load

    sys.exit(run(load(environment), uds=uds, failed=_failed))


def _check(environment: dict[str, str], *, as_json: bool) -> int:
    import asyncio

    from keyturn.cli.takeover_text import payload, text
    from keyturn.wiring.takeover import check

    report = asyncio.run(check(environment))
    emit(payload(report), as_json, lambda: text(report))
    return EXIT_DONE if report.same else EXIT_FINDINGS


def _failed(error: KeyturnError) -> int:
    print_error(error, as_json=False)
    return exit_code(error)

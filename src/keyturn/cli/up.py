"""``keyturn up``: the whole Auth plane on this machine, in the foreground or the background."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from keyturn.cli.output import EXIT_INTERRUPTED, emit, json_option, paint, reports_errors, say
from keyturn.stack.log_lines import prefixed
from keyturn.wiring.stack_background import report_failure, report_ready, start_detached
from keyturn.wiring.stack_options import DEFAULT_PORT, Interrupted, Ready, UpOptions

_COLOURS: Final = {
    "postgres": "blue",
    "auth": "green",
    "rest": "magenta",
    "envoy": "cyan",
    "up": "dim",
}
_URL_SERVICES: Final = ("rest", "realtime", "storage", "functions")


@click.command("up", short_help="Run the whole Auth plane on this machine.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Where the gateway listens.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address the gateway listens on; 0.0.0.0 opens it to the network.",
)
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where everything is kept [default: $KEYTURN_DATA_DIR, else .keyturn].",
)
@click.option("--detach", is_flag=True, help="Return when ready and keep running.")
@click.option("--rest-url", metavar="URL", help="A PostgREST in place of the REST stand-in.")
@click.option("--realtime-url", metavar="URL", help="A Realtime behind the gateway.")
@click.option("--storage-url", metavar="URL", help="A Storage behind the gateway.")
@click.option("--functions-url", metavar="URL", help="An Edge Functions runtime.")
@click.option(
    "--auth-workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes of the Auth server.",
)
@click.option(
    "--database-url-file",
    metavar="FILE",
    help="Use the PostgreSQL whose URL is in FILE (or in KEYTURN_DATABASE_URL).",
)
@click.option(
    "--jwt-secret-file",
    metavar="FILE",
    help="First start: import the JWT_SECRET in FILE (or in GOTRUE_JWT_SECRET).",
)
@click.option(
    "--trusted-hops",
    type=click.IntRange(0, 16),
    default=0,
    show_default=True,
    metavar="N",
    help="Proxies of yours in front whose X-Forwarded-* headers are believed.",
)
@click.option(
    "--console-origin",
    metavar="URL",
    help="Show the console from elsewhere too, at this https:// address of your proxy.",
)
@click.option("--ready-fd", type=int, hidden=True)
@json_option
@reports_errors
def command(
    port: int,
    host: str,
    data_dir: str | None,
    detach: bool,
    auth_workers: int,
    database_url_file: str | None,
    jwt_secret_file: str | None,
    trusted_hops: int,
    console_origin: str | None,
    ready_fd: int | None,
    as_json: bool,
    **urls: str | None,
) -> None:
    """Start or resume PostgreSQL, the Auth server, the REST stand-in and the gateway.

    Prints addresses and API keys when all of it answers, then the logs; Ctrl-C stops everything.
    Settings with GoTrue's names (GOTRUE_JWT_EXP, GOTRUE_SITE_URL, …) are read from the environment.
    """
    options = UpOptions(
        data_dir=data_dir,
        host=host,
        port=port,
        auth_workers=auth_workers,
        upstreams={
            name: url for name in _URL_SERVICES if (url := urls.get(f"{name}_url")) is not None
        },
        database_url_file=database_url_file,
        jwt_secret_file=jwt_secret_file,
        trusted_hops=trusted_hops,
        console_origin=console_origin,
    )
    if ready_fd is not None:
        _in_background(options, ready_fd)
    elif detach:
        facts = start_detached(options)
        emit(facts, as_json, lambda: _summary(facts, f"It runs as pid {facts['pid']}."))
    else:
        _in_foreground(options, as_json)


def _in_foreground(options: UpOptions, as_json: bool) -> None:
    # Imported here: `--detach` and `--help` need neither a database driver nor a server.
    import asyncio

    from keyturn.wiring.stack_run import run_stack

    def on_ready(ready: Ready) -> None:
        facts = ready.as_json()
        emit(facts, as_json, lambda: _summary(facts, "Ctrl-C stops everything."))

    def on_stopping() -> None:
        say("stopping …")

    say("starting …")
    try:
        asyncio.run(run_stack(options, on_ready=on_ready, on_stopping=on_stopping, show=_show))
    except Interrupted:
        say("stopped before everything was ready")
        sys.exit(EXIT_INTERRUPTED)
    say("stopped")


def _in_background(options: UpOptions, descriptor: int) -> None:
    """Run as the child of `up --detach`: report once, then live on; print nothing secret."""
    import asyncio

    from keyturn.wiring.stack_run import run_stack

    reported = False

    def on_ready(ready: Ready) -> None:
        nonlocal reported
        reported = True
        report_ready(descriptor, ready)

    def ignore(*_: str) -> None:
        return

    try:
        asyncio.run(run_stack(options, on_ready=on_ready, on_stopping=ignore, show=ignore))
    except Exception as error:
        if not reported:
            report_failure(descriptor, error)
        raise


def _show(name: str, line: str) -> None:
    say(paint(prefixed(name, line), _COLOURS.get(name, "bold"), sys.stderr))


def _summary(facts: Mapping[str, Any], ending: str) -> str:
    for warning in facts["warnings"]:
        say(f"{paint('warning:', 'yellow', sys.stderr)} {warning}")
    rows = [
        ("API", facts["api_url"]),
        ("JWKS", facts["jwks_url"]),
        ("Console", facts["console_link"]),
        ("Database", facts["database_url"]),
        ("Publishable key", facts["publishable_key"] or _LOST),
        ("Secret key", facts["secret_key"] or _LOST),
        *((label, facts[name]) for name, label in _LEGACY_LABELS.items() if name in facts),
        ("Data folder", facts["data_dir"]),
    ]
    lines = "\n".join(f"  {paint(label.ljust(16), 'dim')} {value}" for label, value in rows)
    key = facts["publishable_key"] or "sb_publishable_…"
    headline = paint(f"Keyturn is ready ({facts['seconds']:.1f} s).", "green")
    return f"""{headline}

{lines}

  const supabase = createClient({json.dumps(facts["api_url"])}, {json.dumps(key)});

  Prove it with `keyturn check {facts["api_url"]}`. {ending}
"""


_LOST: Final = "revoked; make one with `keyturn apikeys create`"
_LEGACY_LABELS: Final = {
    "anon_key": "Legacy anon",
    "service_role_key": "Legacy service",
}

"""``keyturn console``: the console of an existing deployment folder, in a browser."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import click

from keyturn.cli.change_options import PASSWORD_VARIABLE
from keyturn.cli.output import emit, json_option, reports_errors, say
from keyturn.cli.whoami import actor_name, actor_option
from keyturn.errors import UsageError

_DEFAULT_PORT = 8100


@click.command("console", short_help="Migrate, rotate and diagnose a deployment in a browser.")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="As docker compose.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="As docker compose.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=_DEFAULT_PORT,
    show_default=True,
    help="Where it listens; 0 takes any that is free.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="A loopback address: the console is shown on this machine only.",
)
@click.option("--open/--no-open", "opens", default=None, help="Whether to open a browser.")
@click.option("--read-only", is_flag=True, help="Whoever uses the link may change nothing.")
@click.option("--link", is_flag=True, help="Print another link to the console that runs for DIR.")
@click.option(
    "--runner",
    default="auto",
    show_default=True,
    metavar="HOW",
    help="docker, docker-compose, podman-compose, or a command of yours, as for keyturn migrate.",
)
@click.option("--in-place", is_flag=True, help="Change the compose file, not an override.")
@click.option("--url", metavar="URL", help="The gateway; otherwise SUPABASE_PUBLIC_URL.")
@click.option("--no-probe", is_flag=True, help="Prove nothing on running services.")
@click.option(
    "--check-email",
    "email",
    metavar="EMAIL",
    help=f"Sign in as this user for proof, with {PASSWORD_VARIABLE}.",
)
@click.option("--access-log", metavar="FILE", help="Who still uses legacy keys, for phase 3.")
@click.option("--database-url-file", metavar="FILE", help="Look for legacy keys there as well.")
@actor_option
@json_option
@reports_errors
def command(folder: str, link: bool, as_json: bool, **given: Any) -> None:
    """Show a console for the Supabase docker folder DIR, until Ctrl-C.

    Its pages are the same plans, journal and findings as `keyturn migrate`, `rotate`, `rehearse`
    and `doctor`. It keeps no database, and changes nothing that was not shown first.

    The address that it prints signs in once, within ten minutes. From another machine forward the
    port: ssh -L 8100:127.0.0.1:8100 HOST.
    """
    actor, role = actor_name(given["actor"]), "read_only" if given["read_only"] else "full"
    if link:
        from keyturn.wiring.console_deployment import link_of_running

        _print(link_of_running(folder, actor=actor, role=role), as_json=as_json)  # type: ignore[arg-type]
        return
    if given["runner"] == "print":
        raise UsageError(
            "--runner print asks you at the terminal, which a page cannot.",
            hint="Use `keyturn migrate DIR --runner print`, or a command of yours as --runner.",
        )
    _serve(folder, given, actor, role, as_json=as_json)


def _serve(folder: str, given: dict[str, Any], actor: str, role: Any, *, as_json: bool) -> None:
    from keyturn.cli.change_options import change_options
    from keyturn.wiring.console_bench import ConsoleOptions
    from keyturn.wiring.console_deployment import DeploymentConsole

    options = ConsoleOptions(
        change_options(folder, given), given["access_log"], given["database_url_file"]
    )
    console = DeploymentConsole(options, given["host"], given["port"])
    try:
        made = console.link(actor, role)
        with _way_in(made.url, wanted=given["opens"]) as browse:

            def ready() -> None:
                _print(made, as_json=as_json)
                if not as_json:
                    say("Ctrl-C stops it.")
                browse()

            asyncio.run(console.serve(ready))
    finally:
        console.close()


def _print(link: Any, *, as_json: bool) -> None:
    emit({"url": link.url, "expires_at": link.expires_at}, as_json, link.url)
    sys.stdout.flush()
    if not as_json:
        say("It works once, within ten minutes.")


@contextmanager
def _way_in(url: str, *, wanted: bool | None) -> Iterator[Any]:
    """Yield what opens a browser; the link is in a file of ours, never in a command line."""
    if not (_has_screen() if wanted is None else wanted):
        yield lambda: None
        return
    import webbrowser

    with tempfile.TemporaryDirectory(prefix="keyturn-console-") as folder:
        page = Path(folder, "open.html")
        page.touch(mode=0o600)
        page.write_text(
            '<!doctype html><meta charset="utf-8"><title>Keyturn</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
        )
        yield lambda: webbrowser.open(page.as_uri())


def _has_screen() -> bool:
    graphical = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return graphical and sys.stdout.isatty()

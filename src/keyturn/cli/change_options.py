"""The options that every command has which changes a deployment, and how it talks meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from keyturn.cli.output import say
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.flows.ports.apply import Progress
    from keyturn.wiring.change import ChangeOptions, Talk

F = TypeVar("F", bound=Callable[..., Any])
PASSWORD_VARIABLE: Final = "KEYTURN_CHECK_PASSWORD"  # noqa: S105 - a variable's name

_READING: Final = (
    click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="As docker compose."),
    click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env."),
    click.option("--profile", "profiles", multiple=True, metavar="NAME", help="As docker compose."),
)
_RUNNING: Final = (
    click.option(
        "--runner",
        metavar="HOW",
        help="docker, docker-compose, podman-compose, print (you run the commands), or a command "
        'of yours: "ssh host redeploy {service}". Otherwise what the change began with, at first '
        "whichever is installed.",
    ),
    click.option("--url", metavar="URL", help="The gateway; otherwise SUPABASE_PUBLIC_URL."),
    click.option("--no-probe", is_flag=True, help="Prove nothing on running services."),
    click.option(
        "--check-email",
        "email",
        metavar="EMAIL",
        help=f"Sign in as this user for proof, with {PASSWORD_VARIABLE}; otherwise a throw-away "
        "user is made and deleted.",
    ),
    click.option("--wait", is_flag=True, help="Wait as long as a step must; otherwise exit 75."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask before the plan is carried out."),
)
_WRITING: Final = (
    click.option("--in-place", is_flag=True, help="Change the compose file, not an override."),
    click.option("-n", "--dry-run", is_flag=True, help="Show the plan and change nothing."),
    click.option("--out", "plan_file", metavar="FILE", help="Write the plan; apply it later."),
    click.option(
        "--output",
        "elsewhere",
        metavar="DIR",
        help="Write the changed files there instead, for a pull request.",
    ),
)


def options_for_reading(function: F) -> F:
    """Add what says which files are the deployment."""
    return _with(_READING, function)


def options_for_running(function: F) -> F:
    """Add what says how services are told and asked."""
    return _with((*_READING, *_RUNNING), function)


def options_for_changing(function: F) -> F:
    """Add everything."""
    return _with((*_READING, *_WRITING, *_RUNNING), function)


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def change_options(folder: str, given: dict[str, Any]) -> ChangeOptions:
    """Return the options as wiring takes them."""
    from keyturn.wiring.change import ChangeOptions

    names = ("files", "env_files", "profiles", "in_place", "runner", "url", "no_probe", "email")
    chosen = {name: given[name] for name in names if given.get(name) is not None}
    password = os.environ.get(PASSWORD_VARIABLE)
    if given.get("email") and not password:
        raise UsageError(f"There is no password for {given['email']}: set {PASSWORD_VARIABLE}.")
    return ChangeOptions(folder, **chosen, password=password)


def talk(*, as_json: bool, interactive: bool = True) -> Talk:
    """Return how a run speaks here."""
    from keyturn.cli.change_view import Teller, ndjson
    from keyturn.wiring.change import Talk

    show: Callable[[Progress], None] = ndjson if as_json else Teller(time.monotonic)

    async def confirm(question: str) -> bool:
        if not interactive or not sys.stdin.isatty():
            raise UsageError(f"{question} Nobody can answer: there is no terminal.")
        return await asyncio.to_thread(click.confirm, question, err=True)

    return Talk(show, say, confirm)


def ask(shown: str, question: str = "Carry this out?", *, as_json: bool) -> None:
    """Show what will be done and ask; raises ``UsageError`` where nobody can answer."""
    say(shown)
    if as_json or not sys.stdin.isatty():
        raise UsageError(
            "Nobody confirmed it, so nothing was done.",
            hint="Add --yes to carry it out, or --dry-run to look.",
        )
    click.confirm(question, abort=True, err=True)


folder_argument = click.argument("folder", default=".", metavar="[DIR]")


class ChangeGroup(click.Group):
    """A group whose first word may be a folder: then the command ``run`` is meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Put ``run`` in front of whatever is no command's name."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options before a folder as the options of ``run``."""
        help_asked = args and args[0] in ("-h", "--help")
        if not help_asked and (not args or args[0] not in self.commands):
            args = ["run", *args]
        return super().parse_args(ctx, args)

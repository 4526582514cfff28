"""The ``keyturn`` command: a group that imports a command only when it is called.

Servers and databases are heavy; ``keyturn --help`` and ``keyturn check`` must start at once.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from keyturn import __version__
from keyturn.cli import plain_characters
from keyturn.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, fail
from keyturn.errors import KeyturnError, UsageError

# name -> (module, one line for the overview); each module exports `command`
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("keyturn.cli.up", "Run the whole Auth plane on this machine."),
    "status": ("keyturn.cli.status", "Show the parts of a running stack."),
    "down": ("keyturn.cli.down", "Stop a running stack."),
    "console": (
        "keyturn.cli.console",
        "Migrate, rotate and diagnose a deployment in a browser.",
    ),
    "console-link": ("keyturn.cli.console_link", "Print a sign-in link for the console."),
    "console-password": ("keyturn.cli.console_password", "Set or remove the console's password."),
    "doctor": ("keyturn.cli.doctor", "Find out why a request gets 401, and what to do."),
    "rehearse": ("keyturn.cli.rehearse", "Try the whole migration on a copy, with users."),
    "migrate": ("keyturn.cli.migrate", "Take a deployment from HS256 to ES256, phase by phase."),
    "rotate": ("keyturn.cli.rotate", "Turn the signing key of a deployment."),
    "render": ("keyturn.cli.render", "Write the same keys for an env tab, Kubernetes, SOPS, …"),
    "schedule": ("keyturn.cli.schedule", "Write a timer that turns the key every so many days."),
    "deliver": ("keyturn.cli.deliver", "Show how a new key reaches each service."),
    "check": ("keyturn.cli.check", "Prove that a deployment signs, publishes and verifies."),
    "keys": ("keyturn.cli.keys", "List, turn and revoke signing keys."),
    "apikeys": ("keyturn.cli.apikeys", "List, create and revoke API keys."),
    "token": ("keyturn.cli.token", "Inspect a token, explain its refusal, sign one for a test."),
    "convert": ("keyturn.cli.convert", "Turn a key from any form into any other."),
    "serve": ("keyturn.cli.serve", "Run the Auth server alone, for production."),
    "standin-rest": ("keyturn.cli.standin", "Run the local REST stand-in alone."),
}

_EXTRA_HINT: Final = "Install the missing part with: pip install 'keyturn[local]'."


class MissingPart(KeyturnError):
    """A package that this command needs is not installed."""

    code = "missing_part"
    default_hint = _EXTRA_HINT


class SystemRefused(KeyturnError):
    """The operating system refused something."""

    code = "system_refused"

    @classmethod
    def of(cls, problem: OSError) -> SystemRefused:
        """Return ``problem`` as a sentence: which file, and why."""
        where = f"{problem.filename}: " if problem.filename else ""
        return cls(
            f"{where}{problem.strerror or type(problem).__name__}.",
            hint="Is this the user who owns these files, and is there space on the disk?",
        )


class LazyGroup(click.Group):
    """A group whose overview comes from :data:`COMMANDS`, without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: what a newcomer needs comes first."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of ``cmd_name``; None when there is no such command."""
        del ctx
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        try:
            module = importlib.import_module(row[0])
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("keyturn"):
                raise
            raise MissingPart(
                f"`keyturn {cmd_name}` needs the package {missing.name!r}, which is not installed."
            ) from missing
        found = module.command
        if not isinstance(found, click.Command):
            raise TypeError(f"{row[0]}.command is not a click command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which command was probably meant when the name is unknown."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        # Only a mistake needs it, and every command would pay for its import.
        import difflib

        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean `keyturn {close[0]}`?" if close else "`keyturn --help` lists them."
        raise UsageError(f"There is no command {name!r}.", hint=hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="keyturn", message="%(prog)s %(version)s")
def cli() -> None:
    """Keyturn turns the signing keys of a self-hosted Supabase while it is running.

    Start with `keyturn up`; it prints what to do next. Results go to stdout, talk to stderr, and
    `--json` makes any command print one JSON object.

    \b
    Exit codes: 0 done · 1 findings · 2 usage · 3 conflict, nothing changed
    4 unreachable · 5 refused as unsafe · 75 a wait is not over · 130 interrupted
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; every failure is one sentence, a hint and an exit code."""
    _forgive_missing_characters()
    args = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in args
    try:
        sys.exit(_run(args))
    except (KeyboardInterrupt, click.exceptions.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone away: `keyturn keys list | head -1`.
        sys.stderr.close()
        sys.exit(1)
    except click.ClickException as wrong:
        fail(usage_error(wrong), as_json=as_json)
    except KeyturnError as error:
        fail(error, as_json=as_json)
    except OSError as problem:
        fail(SystemRefused.of(problem), as_json=as_json)


def _run(args: list[str]) -> int:
    try:
        code = cli.main(args=args, prog_name="keyturn", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as wrong:
        click.echo(wrong.format_message())
        return EXIT_USAGE
    return code if isinstance(code, int) else 0


def _forgive_missing_characters() -> None:
    """Spell plainly what a terminal's encoding does not know instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=plain_characters.ERRORS)


def usage_error(wrong: click.ClickException) -> UsageError:
    """Turn click's complaint into ours, with the command whose help would explain it."""
    context = getattr(wrong, "ctx", None)
    path = context.command_path if isinstance(context, click.Context) else "keyturn"
    return UsageError(wrong.format_message(), hint=f"`{path} --help` shows what is possible.")

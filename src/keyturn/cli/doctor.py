"""``keyturn doctor``: what is wrong with the keys of a deployment, and what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli.output import (
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    exit_code,
    json_option,
    print_error,
    say,
)
from keyturn.errors import KeyturnError, UsageError

if TYPE_CHECKING:
    from keyturn.deploy.inventory import Kind
    from keyturn.doctor.report import Report
    from keyturn.wiring.doctor import DoctorOptions

FORMATS: Final = ("text", "json", "sarif", "markdown")
SERVICES: Final = ("auth", "rest", "realtime", "storage", "functions")
SEVERITIES: Final = ("critical", "error", "warning", "notice")
_STDIN: Final = "-"
_CREDENTIALS: Final = ("eyJ", "sb_")


@click.command("doctor", short_help="Find out why a request gets 401, and what to do.")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="As docker compose -f.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="As docker compose.")
@click.option("--probe", metavar="URL", help="Also ask the services behind this gateway.")
@click.option(
    "--probe-service-role", is_flag=True, help="Probe with the service_role keys as well."
)
@click.option(
    "--direct",
    multiple=True,
    metavar="SERVICE=URL",
    help="Probe this service past the gateway too: on loopback or the gateway's host.",
)
@click.option("--proxy", is_flag=True, help="Probe through the proxy of the environment.")
@click.option("--token-file", metavar="FILE", help="Follow this token or key; - reads stdin.")
@click.option(
    "--service",
    "services",
    multiple=True,
    type=click.Choice(SERVICES),
    help="With --token-file: only to this service.",
)
@click.option("--error", metavar="TEXT", help="Explain an error message.")
@click.option("--explain", metavar="ID", help="Explain a finding (KT012) or a cell (storage/…).")
@click.option("--database-url", metavar="URL", help="Also look here; without its password.")
@click.option("--database-url-file", metavar="FILE", help="The URL with password; - reads stdin.")
@click.option("--access-log", metavar="FILE", help="Also read this gateway log; - reads stdin.")
@click.option("--fix", is_flag=True, help="Show the safe changes, ask, and make them.")
@click.option("-y", "--yes", is_flag=True, help="With --fix: do not ask.")
@click.option(
    "--runner",
    default="auto",
    metavar="HOW",
    help="With --fix: how services are told, as for keyturn migrate.",
)
@click.option("--no-matrix", is_flag=True, help="Leave the matrix out.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="warning",
    show_default=True,
    help="Exit with 1 for findings of this severity or worse.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="markdown is for pasting into an issue, sarif for code scanning.",
)
@json_option
def command(folder: str, form: str, as_json: bool, **given: Any) -> None:
    """Read a Supabase docker folder (or a Kubernetes export) and say what is wrong with its keys.

    Reads what docker compose would read and changes nothing without --fix. With --probe it also
    asks the running services, with tokens that live a minute. Nothing leaves the machine
    otherwise, and no output contains a secret.

    \b
    keyturn doctor .                               every finding, with the lines to change
    keyturn doctor . --probe http://localhost:8000
    keyturn doctor . --token-file token            which step refuses this token, and why
    keyturn doctor --error "signing method HS256 is invalid"

    The database URL comes from --database-url-file or KEYTURN_DOCTOR_DATABASE_URL.

    Exits with 0 when nothing is found (or notices only), 1 with findings, 2 when the command or a
    file cannot be understood, 4 when what was to be probed does not answer.
    """
    form = "json" if as_json else form
    try:
        sys.exit(_answer(folder, form, given))
    except KeyturnError as error:
        print_error(error, as_json=form == "json")
        sys.exit(_code_of(error))


def _answer(folder: str, form: str, given: dict[str, Any]) -> int:
    _no_credential(folder, given["token_file"])
    _one_question(given)
    if given["error"] is not None:
        return _look_up(folder, form, given)
    if given["explain"] is not None:
        return _explain(folder, form, given)
    if given["token_file"] is not None:
        return _follow(folder, form, given)
    return _diagnose(folder, form, given)


def _code_of(error: KeyturnError) -> int:
    """Return 2 for files that cannot be read as well: they are input that was not understood."""
    from keyturn.deploy.place import Unreadable
    from keyturn.doctor.why import NotACredential

    unusable = isinstance(error, Unreadable | NotACredential)
    return EXIT_USAGE if unusable else exit_code(error)


def _no_credential(*words: str | None) -> None:
    """Refuse a token or key where a name belongs, without repeating it."""
    if any(word and word.startswith(_CREDENTIALS) for word in words):
        raise UsageError(
            "The token is on the command line, where others can read it.",
            hint="Put it into a file, or pipe it in and give --token-file -.",
        )


def _one_question(given: dict[str, Any]) -> None:
    names = [name for name in ("error", "explain", "token_file", "fix") if given[name]]
    if len(names) > 1:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in names)
        raise UsageError(f"{options} are different questions.", hint="Ask one at a time.")
    sources = ("token_file", "database_url_file", "access_log")
    if sum(given[name] == _STDIN for name in sources) > 1:
        raise UsageError("Only one thing can be read from standard input; give files for others.")
    if given["services"] and not given["token_file"]:
        raise UsageError("--service goes with --token-file.")


def _options(folder: str, given: dict[str, Any]) -> DoctorOptions:
    from keyturn.cli.handover import read_secret
    from keyturn.wiring.doctor import DoctorOptions, database_url

    if "://" in folder:
        raise UsageError(
            "doctor reads a folder; it asks a running deployment with --probe.",
            hint=f"`keyturn doctor DIR --probe {folder}`, or `keyturn check {folder}` without one.",
        )
    file = given["database_url_file"]
    return DoctorOptions(
        folder=folder,
        files=given["files"],
        env_files=given["env_files"],
        profiles=given["profiles"],
        probe=given["probe"],
        probe_service_role=given["probe_service_role"],
        direct=_direct(given["direct"], given["probe"]),
        proxy=given["proxy"],
        database=database_url(given["database_url"], read_secret(file) if file else None),
        access_log=given["access_log"],
        with_matrix=not given["no_matrix"],
    )


def _direct(words: tuple[str, ...], probe: str | None) -> dict[Kind, str]:
    """Read ``rest=http://127.0.0.1:3000`` options; raises ``UsageError``."""
    from keyturn.deploy.inventory import Kind

    if words and probe is None:
        raise UsageError("--direct goes with --probe.")
    found = {}
    for word in words:
        name, sign, url = word.partition("=")
        if name not in SERVICES or not sign or not url:
            hint = f"SERVICE is one of {', '.join(SERVICES)}."
            raise UsageError(
                "--direct wants SERVICE=URL, as rest=http://127.0.0.1:3000.", hint=hint
            )
        found[Kind(name)] = url
    return found


def _diagnose(folder: str, form: str, given: dict[str, Any]) -> int:
    from keyturn.cli import doctor_formats as formats
    from keyturn.wiring import doctor as wiring

    options = _options(folder, given)
    examined = wiring.run_diagnosis(options)
    report = examined.report
    if given["fix"]:
        report = _fix(report, options, form, given)
    else:
        click.echo(formats.report(report, form, folder=folder))
    for reason in examined.unreachable:
        say(f"not reached: {reason}")
    if examined.unreachable:
        return EXIT_UNREACHABLE
    return _verdict(report, given["fail_on"])


def _fix(report: Report, options: DoctorOptions, form: str, given: dict[str, Any]) -> Report:
    """Show the changes, make the safe ones when the user agrees, and return what is then left."""
    from keyturn.cli import doctor_formats as formats
    from keyturn.wiring import doctor as wiring

    fixes = wiring.run_fix(report, options)
    shown = formats.fixes(report, fixes, "text")
    if fixes.safe and _agreed(shown, form, yes=given["yes"]):
        fixes = wiring.run_fix(report, options, given["runner"])
    click.echo(formats.fixes(report, fixes, form))
    return wiring.run_diagnosis(options.files_only()).report if fixes.applied else report


def _agreed(shown: str, form: str, *, yes: bool) -> bool:
    """Whether the user wants the safe changes: said with --yes, or asked at the terminal."""
    if yes or form != "text" or not sys.stdin.isatty():
        return yes
    say(shown)
    return click.confirm("Make the safe changes?", err=True)


def _verdict(report: Report, least: str) -> int:
    counted = SEVERITIES[: SEVERITIES.index(least) + 1]
    found = any(finding.severity.value in counted for finding in report.findings)
    return EXIT_FINDINGS if found else EXIT_DONE


def _follow(folder: str, form: str, given: dict[str, Any]) -> int:
    from keyturn.cli import doctor_formats as formats
    from keyturn.cli.handover import read_text
    from keyturn.deploy.inventory import VERIFIERS, Kind
    from keyturn.wiring.doctor import run_explanation

    if given["token_file"] == _STDIN and sys.stdin.isatty():
        say("paste the token, then press Enter and Ctrl-D")
    text = read_text(given["token_file"]).strip()
    services = tuple(map(Kind, given["services"])) or VERIFIERS
    inventory, found = run_explanation(_options(folder, given), text, services)
    click.echo(formats.why(found, inventory, text, form))
    return EXIT_DONE if found.accepted else EXIT_FINDINGS


def _look_up(folder: str, form: str, given: dict[str, Any]) -> int:
    """Explain a message; a deployment in the folder, if there is one, says which cause it is."""
    from keyturn.cli import doctor_formats as formats
    from keyturn.deploy.place import Unreadable
    from keyturn.doctor.symptoms import look_up

    found = look_up(given["error"])
    report = None
    if found.found:
        from keyturn.wiring.doctor import run_diagnosis

        try:
            report = run_diagnosis(_options(folder, {**given, "no_matrix": True})).report
        except Unreadable:
            if folder != ".":
                raise
    click.echo(formats.lookup(found, report, form))
    return EXIT_DONE if found.found else EXIT_FINDINGS


def _explain(folder: str, form: str, given: dict[str, Any]) -> int:
    from keyturn.cli import doctor_formats as formats

    name = given["explain"].strip()
    if "/" in name:
        from keyturn.wiring.doctor import run_diagnosis

        report = run_diagnosis(_options(folder, given)).report
        click.echo(formats.cell(report, name, form))
        return EXIT_DONE
    click.echo(formats.rule(name, form))
    return EXIT_DONE

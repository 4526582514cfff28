"""``keyturn check URL``: prove that a deployment signs, publishes and verifies."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

import click

from keyturn.cli.output import EXIT_FINDINGS, emit, json_option, paint, reports_errors, say
from keyturn.flows.check import Report
from keyturn.flows.check_result import Check, Verdict, passed, summary
from keyturn.wiring.deployment_check import CheckOptions, run_check

_MARKS: Final = {
    Verdict.PASSED: ("ok", "green"),
    Verdict.FAILED: ("FAIL", "red"),
    Verdict.NOT_RUN: ("--", "dim"),
}


@click.command("check", short_help="Prove that a deployment signs, publishes and verifies.")
@click.argument("url")
@click.option("--email", help="Sign in as this user; without it a throw-away user is made.")
@click.option(
    "--password-file",
    metavar="FILE",
    help="Read the user's password from FILE (- is standard input).",
)
@click.option("--apikey-file", metavar="FILE", help="Read the API key from FILE.")
@click.option("--table", metavar="NAME", help="Query this table with the token.")
@click.option("--data-dir", metavar="DIR", help="Take API keys from the stack that runs here.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    default=10.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
@json_option
@reports_errors
def command(
    url: str,
    email: str | None,
    password_file: str | None,
    apikey_file: str | None,
    table: str | None,
    data_dir: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Verify the deployment whose gateway is at URL, one line per check.

    Signs in with a password, shows the token, verifies it against the published JWKS, looks at
    caching, queries a table, and tries forged tokens. The API key comes from --apikey-file,
    KEYTURN_API_KEY, or the stack that runs in the data folder; the password from --password-file
    or KEYTURN_CHECK_PASSWORD. A throw-away user is deleted when KEYTURN_SECRET_KEY is set.

    Exits with 0 when all checks hold, 1 when one does not, 4 when nothing answers.
    """
    options = CheckOptions(
        url=url,
        email=email,
        password_file=password_file,
        api_key_file=apikey_file,
        table=table,
        data_dir=data_dir,
        timeout=timeout,
    )
    report = asyncio.run(run_check(options, _ignore if as_json else _print_line))
    emit(_payload(url, report), as_json, lambda: _closing(report))
    if not passed(report.checks):
        sys.exit(EXIT_FINDINGS)


def _ignore(check: Check) -> None:
    del check


def _print_line(check: Check) -> None:
    word, style = _MARKS[check.verdict]
    time = f"{check.seconds * 1000:6.0f} ms" if check.seconds else " " * 9
    click.echo(f"{paint(word.rjust(4), style)} {time}  {check.name}: {check.detail}")
    for name in ("header", "claims"):
        if name in check.facts:
            click.echo(f"{'':15} {name} {json.dumps(check.facts[name])}")
    if check.hint:
        click.echo(f"{'':15} {paint('hint:', 'cyan')} {check.hint}")


def _closing(report: Report) -> str:
    if report.note:
        say(report.note)
    line = summary(report.checks)
    return paint(line, "green" if passed(report.checks) else "red")


def _payload(url: str, report: Report) -> dict[str, object]:
    return {
        "url": url,
        "ok": passed(report.checks),
        "summary": summary(report.checks),
        "note": report.note,
        "checks": [
            {
                "name": check.name,
                "verdict": check.verdict.value,
                "detail": check.detail,
                "seconds": round(check.seconds, 4),
                "hint": check.hint,
                "facts": dict(check.facts),
            }
            for check in report.checks
        ],
    }

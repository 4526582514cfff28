"""``keyturn rehearse DIR``: the whole migration and a rotation on a copy, with people using it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from keyturn.cli.output import (
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_UNSAFE,
    emit,
    json_option,
    reports_errors,
    say,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyturn.flows.rehearse_report import Report

_TITLES: Final = {
    "keyturn": "Rehearsal: migration and rotation as keyturn does them",
    "article": "Rehearsal: the source article to the letter",
    "script": "Rehearsal: the official script, run again as a rotation",
}


@click.command("rehearse", short_help="Try the whole migration on a copy, with users.")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="As docker compose -f.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="As docker compose.")
@click.option("--naive", is_flag=True, help="Rehearse the article and the official script instead.")
@click.option("--report", metavar="FILE", help="Also write a Markdown report; - is stdout.")
@click.option(
    "--users",
    type=click.IntRange(1, 200),
    default=3,
    show_default=True,
    help="Signed-in users, each with a WebSocket.",
)
@click.option(
    "--keep-legacy",
    type=click.IntRange(0, 50),
    default=0,
    show_default=True,
    metavar="N",
    help="Applications and cron jobs that never leave the legacy keys.",
)
@click.option(
    "--signed-url-life",
    type=click.IntRange(60, 365 * 24 * 3600),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Of signed URLs made before anything is changed.",
)
@json_option
@reports_errors
def command(
    folder: str,
    files: tuple[str, ...],
    env_files: tuple[str, ...],
    profiles: tuple[str, ...],
    naive: bool,
    report: str | None,
    users: int,
    keep_legacy: int,
    signed_url_life: int,
    as_json: bool,
) -> None:
    """Perform the migration and two rotations on a copy of DIR, without Docker, within a minute.

    Local services start with the environment that your files give them and answer as yours would:
    Auth is Keyturn's own server on an embedded PostgreSQL, the others stand-ins. Users, anonymous
    clients, servers, cron jobs, signed URLs and WebSockets use them through every phase, while the
    clock runs fast. DIR itself is only read.

    \b
    keyturn rehearse .                     what would be refused, and why
    keyturn rehearse . --keep-legacy 1     what phase 3 does to whoever does not move
    keyturn rehearse . --naive             what the guides would break
    keyturn rehearse . --report rehearsal.md

    Exits with 0 when nothing that worked before was refused and nothing forged was accepted, 1 when
    something was, 5 when a phase is not possible for this deployment.
    """
    from keyturn.cli.rehearse_progress import Progress
    from keyturn.flows.rehearse_crowd import People
    from keyturn.wiring.rehearsal_run import RehearsalOptions, run_rehearsal

    people = People(users=users, keep_legacy=keep_legacy, url_life=signed_url_life)
    options = RehearsalOptions(folder, files, env_files, profiles, naive, people)
    progress = Progress()
    try:
        reports = run_rehearsal(options, progress)
    finally:
        progress.close()
    if report is not None:
        _write(report, reports)
    if report != "-":
        emit(_payload(reports), as_json, lambda: _text(reports))
    sys.exit(_code(reports))


def _text(reports: Mapping[str, Report]) -> str:
    from keyturn.cli.rehearse_text import text

    return "\n\n".join(text(report, _TITLES[name]) for name, report in reports.items())


def _payload(reports: Mapping[str, Report]) -> dict[str, object]:
    if "keyturn" in reports:
        return reports["keyturn"].as_dict()
    return {
        "naive": True,
        "requests": sum(report.requests for report in reports.values()),
        "refused": sum(report.refused for report in reports.values()),
        "ways": {name: report.as_dict() for name, report in reports.items()},
    }


def _write(path: str, reports: Mapping[str, Report]) -> None:
    from keyturn.cli.rehearse_markdown import markdown

    document = markdown(reports)
    if path == "-":
        click.echo(document, nl=False)
        return
    Path(path).write_text(document, encoding="utf-8")
    say(f"The report is in {path}.")


def _code(reports: Mapping[str, Report]) -> int:
    if not all(report.ok for report in reports.values()):
        return EXIT_FINDINGS
    return EXIT_DONE if all(report.complete for report in reports.values()) else EXIT_UNSAFE

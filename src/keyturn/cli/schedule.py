"""``keyturn schedule``: a rotation every so many days, as a systemd timer or a line for cron."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli.change_options import change_options
from keyturn.cli.handover import hand_over
from keyturn.cli.output import EXIT_WAIT, emit, json_option, reports_errors, say
from keyturn.errors import UsageError, WaitNotOver

if TYPE_CHECKING:
    from keyturn.migrate.render_schedule import File, Job
    from keyturn.wiring.change import ChangeOptions

_DAYS: Final = re.compile(r"([1-9]\d{0,3})(d|w)", re.ASCII)
_UNITS: Final = {"d": 1, "w": 7}
SHORTEST_DAYS: Final = 1
LONGEST_DAYS: Final = 730
_NEXT: Final = {
    "systemd": "Put them into /etc/systemd/system, then: systemctl daemon-reload && "
    "systemctl enable --now {name}.timer",
    "cron": "Add the line to the crontab of the user who may change the files: crontab -e",
}


@click.command("schedule", short_help="Write a systemd timer or a cron line that turns the key.")
@click.argument("folder", required=False, metavar="[DIR]")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF ROTATE]")
@click.option("--every", required=True, metavar="DAYS", help="90d, 12w: how old a key may get.")
@click.option("--as", "form", type=click.Choice(["systemd", "cron"]), default="systemd",
              show_default=True, help="What to write.")  # fmt: skip
@click.option("--data-dir", metavar="DIR", help="Turn the key of this `keyturn up` instead.")
@click.option("--output", "out", metavar="DIR", help="Write the files there, else print them.")
@click.option("--name", default="keyturn-rotate", show_default=True, help="Of the units.")
@click.option("--user", help="Whom systemd runs it as; otherwise root.")
@click.option("--program", metavar="FILE", help="The keyturn to be run; otherwise this one.")
@click.option("--due", is_flag=True, help="Only say whether it is time: exit 0, or 75 for not yet.")
@click.option("-q", "--quiet", is_flag=True, help="With --due: say nothing when it is not time.")
@json_option
@reports_errors
def command(folder: str | None, as_json: bool, **given: Any) -> None:
    """Write what turns the signing key of the deployment DIR every so many days.

    The timer fires daily and asks whether the key is old enough; `keyturn rotate DIR --yes --wait`
    then turns it. A wait that is not over (exit 75) is tried again the next day; whatever else
    goes wrong fails visibly and is never retried in silence.

    \b
    keyturn schedule DIR --every 90d                              print a service and a timer
    keyturn schedule DIR --every 90d --output units -- --url URL  with options for rotate
    keyturn schedule DIR --every 12w --as cron
    keyturn schedule --data-dir D --every 30d                     for a running `keyturn up`
    """
    days = _days(given["every"])
    if (folder is None) == (given["data_dir"] is None):
        raise UsageError("Give either the deployment's folder or --data-dir.")
    if given["data_dir"] is not None and given["options"]:
        raise UsageError("Options for `rotate` belong to a deployment's folder.")
    if given["due"]:
        return _say_due(folder, days, given, as_json=as_json)
    if folder is not None:
        from keyturn.wiring.schedule import of_deployment

        of_deployment(_deployment(folder, given["options"]))
    return _write(_job(folder, days, given), given["form"], given["out"], as_json=as_json)


def _days(text: str) -> int:
    found = _DAYS.fullmatch(text)
    days = int(found[1]) * _UNITS[found[2]] if found else 0
    if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        raise UsageError(
            f"--every {text!r} is no number of days between {SHORTEST_DAYS} and {LONGEST_DAYS}.",
            hint="Write 90d, or 12w for weeks.",
        )
    return days


def _say_due(folder: str | None, days: int, given: dict[str, Any], *, as_json: bool) -> None:
    from keyturn.adapters.system import now
    from keyturn.flows.due import due
    from keyturn.wiring.schedule import of_deployment, of_stack

    if folder is not None:
        kid, since = of_deployment(_deployment(folder, given["options"]))
    else:
        kid, since = asyncio.run(of_stack(given["data_dir"]))
    try:
        found = due(kid, since, days, now())
    except WaitNotOver:
        if given["quiet"] and not as_json:
            sys.exit(EXIT_WAIT)
        raise
    payload = {"due": True, "kid": found.kid, "since": found.since}
    emit(payload, as_json, found.sentence)


def _deployment(folder: str, options: tuple[str, ...]) -> ChangeOptions:
    """Return what ``rotate`` would read; raises for options that it does not know or must not get.

    Which files are the deployment decides both whether it is time and what is turned.
    """
    from keyturn.cli.rotate import run as rotate

    given = rotate.make_context("keyturn rotate", [folder, *options]).params
    if any(given.get(name) for name in ("revoke", "dry_run", "plan_file", "elsewhere", "every")):
        raise UsageError(
            "--revoke, --dry-run, --out, --output and a second --every are nothing for a schedule."
        )
    names = ("files", "env_files", "profiles", "in_place", "runner")
    return change_options(folder, {name: given[name] for name in names})


def _job(folder: str | None, days: int, given: dict[str, Any]) -> Job:
    from keyturn.migrate.render_schedule import Job

    program, every = _program(given["program"]), f"{days}d"
    if folder is not None:
        where = str(Path(folder).resolve())
        options = given["options"]
        reading = ("--", *options) if options else ()
        due = (program, "schedule", where, "--every", every, "--due", "--quiet", *reading)
        turn = (program, "rotate", where, "--yes", "--wait", *options)
    else:
        where = str(Path(given["data_dir"]).resolve())
        due = (program, "schedule", "--data-dir", where, "--every", every, "--due", "--quiet")
        reason = f"scheduled: every {days} days"
        turn = (program, "keys", "rotate", "--data-dir", where, "--reason", reason)
    _on_one_line(*due, *turn, given["name"], given["user"] or "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}", given["name"]):
        raise UsageError(f"{given['name']!r} is no name for a unit: letters, digits, - _ .")
    return Job(given["name"], where, due, turn, days, given["user"])


def _program(given: str | None) -> str:
    found = given or (sys.argv[0] if Path(sys.argv[0]).name == "keyturn" else None)
    path = shutil.which(found or "keyturn")
    if path is None:
        raise UsageError(
            f"{found or 'keyturn'} is no program that can be run.",
            hint="Give the whole path of the installed command: --program /usr/local/bin/keyturn.",
        )
    return str(Path(path).absolute())


def _on_one_line(*words: str) -> None:
    if any(letter < " " for word in words for letter in word):
        raise UsageError("A path or option with a line break cannot stand in a schedule.")


def _write(job: Job, form: str, out: str | None, *, as_json: bool) -> None:
    from keyturn.migrate.render_schedule import cron, systemd

    files = systemd(job) if form == "systemd" else (cron(job),)
    following = _NEXT[form].format(name=job.name)
    if out is not None:
        for one in files:
            hand_over(one.content.encode(), str(Path(out) / one.name), private=False)
    payload = {
        "files": [{"name": one.name, "content": one.content} for one in files],
        "folder": out,
        "next": following,
    }
    emit(payload, as_json, lambda: _shown(files, out))
    if not as_json:
        say(following)


def _shown(files: tuple[File, ...], out: str | None) -> str:
    if out is not None:
        return "\n".join(str(Path(out) / one.name) for one in files)
    if len(files) == 1:
        return files[0].content.rstrip("\n")
    return "\n\n".join(f"# --- {one.name} ---\n{one.content.rstrip()}" for one in files)

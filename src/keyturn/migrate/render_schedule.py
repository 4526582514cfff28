"""A rotation on a schedule: a systemd service with its timer, or a line for cron.

Neither can say "every 90 days": a calendar has months, and a monotonic timer forgets across a
reboot. So the timer fires daily, `keyturn schedule … --due` says whether the key is old enough, and
only then is it turned. What exits with 75 (a wait is not over) is no failure: the next day tries
again. Everything else fails visibly (`systemctl --failed`, or a mail of cron's).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

EXIT_WAIT: Final = 75
_SYSTEMD_SAFE: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./-"
)
# Anything but "due" and "not yet" must not pass for "not due": systemd skips quietly below 255.
_JUDGE: Final = '"$@"; s=$?; case $s in 0|75) exit $s;; esac; exit 255'


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run, and how often."""

    name: str
    """Of the units: letters, digits, ``-``, ``_``, ``.``."""
    subject: str
    """What is turned, for people."""
    due: tuple[str, ...]
    """The command that ends with 0 when it is time, with 75 when it is not."""
    turn: tuple[str, ...]
    """The command that turns the key."""
    every_days: int
    user: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """One file to be put in place."""

    name: str
    content: str


def systemd(job: Job) -> tuple[File, File]:
    """Return the service and the timer; both pass ``systemd-analyze verify`` of systemd 252."""
    user = f"User={job.user}\n" if job.user else ""
    service = f"""\
# Written by `keyturn schedule`: turns the key of {_comment(job.subject)} every \
{job.every_days} days.
[Unit]
Description=Turn the signing key when it is {job.every_days} days old
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
{user}ExecCondition={systemd_line(("/bin/sh", "-c", _JUDGE, "sh", *job.due))}
ExecStart={systemd_line(job.turn)}
# 75: a wait is not over. The timer tries again tomorrow; anything else is a failure.
SuccessExitStatus={EXIT_WAIT}
TimeoutStartSec=infinity
"""
    timer = f"""\
# Written by `keyturn schedule`: asks daily whether the key is {job.every_days} days old.
[Unit]
Description=Ask daily whether the signing key is {job.every_days} days old

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"""
    return File(f"{job.name}.service", service), File(f"{job.name}.timer", timer)


def cron(job: Job) -> File:
    """Return a line for a user's crontab (no user column)."""
    due, turn = (_cron_line(one) for one in (job.due, job.turn))
    content = f"""\
# Written by `keyturn schedule`: turns the key of {_comment(job.subject)} every \
{job.every_days} days.
# The first command ends with {EXIT_WAIT} until the key is old enough; cron mails what it prints \
otherwise.
17 3 * * * {due} && {turn}
"""
    return File(f"{job.name}.cron", content)


def systemd_line(words: tuple[str, ...]) -> str:
    """Return the words as systemd splits them again (systemd.syntax(7), systemd.service(5)).

    ``%`` begins a specifier and ``$`` a variable, so both are doubled, within quotes as well.
    """
    return " ".join(_systemd_word(word) for word in words)


def _systemd_word(word: str) -> str:
    doubled = word.replace("%", "%%").replace("$", "$$")
    if word and set(word) <= _SYSTEMD_SAFE:
        return doubled
    escaped = doubled.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cron_line(words: tuple[str, ...]) -> str:
    """Quoted for the shell; cron itself takes an unescaped ``%`` for the end of the command."""
    return shlex.join(words).replace("%", "\\%")


def _comment(text: str) -> str:
    return " ".join(text.split())

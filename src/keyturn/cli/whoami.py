"""Options that every command on keys shares: where, who and why."""

from __future__ import annotations

import os
import pwd

import click

data_dir_option = click.option(
    "--data-dir", metavar="DIR", help="Folder of a running `keyturn up`; default: the environment."
)
reason_option = click.option("--reason", metavar="TEXT", help="Why; kept in the audit log.")
actor_option = click.option(
    "--actor", metavar="NAME", help="On whose behalf; kept in the audit log."
)


def os_user() -> str:
    """Return the name of the user who runs this process, from the system and not from the env."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def actor_name(given: str | None) -> str:
    """Return the audit log's name: the system's user, and whom that user acts for."""
    return f"{given} (by {os_user()})" if given else os_user()

"""Starting a PostgreSQL program: as the right user, without secrets, never outliving its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from keyturn.adapters.postgres.errors import ClusterBroken
from keyturn.adapters.postgres.layout import Account
from keyturn.flows.ports.processes import Command

_HINTS = {
    # A container that runs as a bare number.
    "could not look up effective user ID": "PostgreSQL wants a name for the user that runs it: "
    "give this uid one in /etc/passwd, run as another user, or bring a database "
    "(KEYTURN_DATABASE_URL or --database-url-file).",
}
"""What a program says → what to do about it."""

_FOLLOW = Path(__file__).with_name("follow_parent.py")


def run_tool(
    argv: Sequence[str],
    env: Mapping[str, str],
    account: Account | None,
    *,
    cwd: Path,
    stdin: str = "",
) -> None:
    """Run a short program in ``cwd`` to its end; raises :class:`ClusterBroken` with its last words.

    ``cwd`` is entered before root is given up: the account need not reach it by name.
    """
    done = subprocess.run(
        list(argv),
        env=dict(env),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        hint = next((hint for said, hint in _HINTS.items() if said in words), None)
        raise ClusterBroken(
            f"{Path(argv[0]).name} ended with {done.returncode}: {words}", hint=hint
        )


def following(
    argv: Sequence[str], account: Account | None, on_parent_death: signal.Signals
) -> tuple[str, ...]:
    """Return ``argv`` so that it drops root for ``account`` and ends with its parent (Linux).

    The kernel watches the *thread* that starts the program: start it from one that lives as long
    as the process.
    """
    identity = (str(account.uid), str(account.gid)) if account else ("-1", "-1")
    head = (sys.executable, "-I", "-S", str(_FOLLOW), str(int(on_parent_death)))
    return (*head, *identity, *argv)


def spawn(command: Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a server whose output goes to ``log``, away from the terminal's signals."""
    return subprocess.Popen(
        list(command.argv),
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=command.cwd,
        start_new_session=True,
    )

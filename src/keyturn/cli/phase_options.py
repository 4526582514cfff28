"""Options of ``keyturn migrate`` that belong to one phase: none may be given and do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from keyturn.cli.output import say
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.jose.keys import SigningKey
    from keyturn.migrate.run import Run

_PHASES: Final = {
    "jwks_cache": ("--jwks-cache", "phase 2"),
    "access_log": ("--access-log", "phase 3"),
    "database_url_file": ("--database-url-file", "phase 3"),
    "i_know": ("--i-know", "phase 3"),
}


def check_used(given: dict[str, Any], verb: str) -> None:
    """Say which options the plan of ``verb`` makes no use of; refuse a key that it would ignore."""
    if verb != "phase 1" and (given["key_file"] or given["alg"]):
        raise UsageError(
            f"A key of your own is brought in phase 1, and this is {verb}: it uses the key that "
            "is published already.",
            hint="Leave --key-file and --alg out.",
        )
    for name, (option, phase) in _PHASES.items():
        if given[name] and verb != phase:
            say(f"note: {option} is for {phase}; {verb} makes no use of it")


def check_going_on(runs: Sequence[Run], given: dict[str, Any], key: SigningKey | None) -> None:
    """Refuse another key than that of the phase under way; say which options come too late."""
    if not runs or runs[-1].settled or not runs[-1].plan.verb.startswith("phase "):
        return
    if given["dry_run"] or given["elsewhere"] or given["plan_file"]:
        return
    run = runs[-1]
    if key is not None or given["alg"]:
        _check_key(run, given, key)
    for name, (option, _) in _PHASES.items():
        if given[name]:
            say(f"note: {option} comes too late: “{run.plan.title}” goes on as it began")
    if given["in_place"]:
        say("note: --in-place comes too late: the files to write are those of the plan")


def _check_key(run: Run, given: dict[str, Any], key: SigningKey | None) -> None:
    from keyturn.migrate.deployment_keys import named
    from keyturn.wiring.chosen import KEY

    before = next(iter(run.chosen.get(KEY, ())), None)
    if key is not None and before is not None and named(key).kid == before:
        return
    what = f"the key in {given['key_file']}" if key is not None else f"--alg {given['alg']}"
    with_key = f"with the key {before}" if before is not None else "without a key of yours"
    raise UsageError(
        f"“{run.plan.title}” is under way; it began {with_key}, and {what} would not be used.",
        hint="Leave it out to go on, or take the change back first: keyturn migrate rollback DIR.",
    )

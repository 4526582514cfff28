"""What in a user's own files outranks what is rendered for them.

Whoever is given documents puts them where other things stand already. A file in the folder that
Auth watches lies over its whole environment: what is rendered is planned as if those lines were
taken out, and that they must be is said. The rest is only said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from keyturn.deploy.edit import Edit, RemoveVariable, SetSetting, SetVariable
from keyturn.deploy.inventory import Inventory, Kind, Layout
from keyturn.deploy.render_names import carries_key
from keyturn.deploy.rewrite import rewrite
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.setting import Origin, Setting
from keyturn.deploy.source import Source
from keyturn.flows.change import Deployment

_VARIABLES: Final = {"GOTRUE_JWT_KEYS": "JWT_KEYS", "GOTRUE_JWT_SECRET": "JWT_SECRET"}
"""Where the official compose file takes from what a watched file may set."""
_OWN: Final = frozenset({"JWT_KEYS"})
"""Nobody but Auth reads these, so they may be given another value."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A deployment whose environment decides."""

    deployment: Deployment
    original: Source
    """The user's files without the lines that outrank, and otherwise as they are."""


def cleared(deployment: Deployment) -> Cleared:
    """Return the deployment with Auth's keys moved out of the folder that it watches.

    They go into its environment, so that nothing changes but where they are read.
    """
    there = deployment.inventory
    moved = [one for one in _watched(there) if _may_move(there, one)]
    auth = there.of_kind(Kind.AUTH)
    if auth is None or not moved:
        return Cleared(deployment, deployment.source)
    away = tuple(RemoveVariable(one.name, one.place.file) for one in moved)
    edits: list[Edit] = [*away]
    for one in moved:
        variable = _VARIABLES[one.name]
        if one.value is not None:
            edits.append(SetVariable(variable, one.value))
        edits.append(SetSetting(auth.name, one.name, f"${{{variable}}}"))
    try:
        made = rewrite(deployment.source, deployment.ask, edits, deployment.style)
    except CannotRewrite:
        return Cleared(deployment, deployment.source)
    files = {one.place.file for one in moved}
    kept = {path: content for path, content in made.files.items() if path in files}
    return Cleared(
        replace(deployment, source=Overlay(deployment.source, dict(made.files))),
        Overlay(deployment.source, kept),
    )


def outranked(there: Inventory) -> Iterator[str]:
    """Yield a sentence for everything in the files that is stronger than what is rendered."""
    for one in _watched(there):
        variable = _VARIABLES.get(one.name)
        instead = f"put the new value of {variable} there" if variable else "change it there"
        yield (
            f"{one.name} at {one.place} outranks what is rendered: it stands in the folder that "
            f"Auth watches (--config-dir), whose files lie over its environment. Take the line "
            f"out in the same commit, or {instead}; until then Auth goes on signing with what it "
            "says."
        )
    yield from _pre_config(there)
    for name, places in there.duplicates.items():
        if carries_key(name):
            yield (
                f"{name} stands in {places[-1].file} more than once (lines "
                f"{', '.join(str(one.line) for one in places)}); the last one counts, so the "
                "rendered line must replace that one, or come after it."
            )


def _pre_config(there: Inventory) -> Iterator[str]:
    rest = there.of_kind(Kind.REST)
    setting = rest.get("PGRST_DB_PRE_CONFIG") if rest is not None else None
    if setting is not None and setting.is_set:
        yield (
            f"PGRST_DB_PRE_CONFIG at {setting.place} names a function of the database. If it sets "
            "pgrst.jwt_secret, that outranks PGRST_JWT_SECRET: give it the rendered JWT_JWKS as "
            "well, then NOTIFY pgrst, 'reload config'."
        )


def _watched(there: Inventory) -> tuple[Setting, ...]:
    auth = there.of_kind(Kind.AUTH)
    if auth is None:
        return ()
    return tuple(
        one
        for one in auth.settings.values()
        if one.origin is Origin.WATCHED and (carries_key(one.name) or one.name in _VARIABLES)
    )


def _may_move(there: Inventory, one: Setting) -> bool:
    variable = _VARIABLES.get(one.name)
    if variable is None or there.layout is not Layout.COMPOSE:
        return False
    held = there.variable(variable)
    return variable in _OWN or held is None or not held.value or held.value == one.value

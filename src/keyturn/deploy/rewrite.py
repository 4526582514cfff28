"""A list of edits becomes new file contents: the pure half of the one path that changes files.

Variables come first, then settings, then whole files, so that a text never names what is not there
yet. The result is read again as Compose would read it; whatever changed without having been asked
for makes the whole rewriting fail (:mod:`keyturn.deploy.rewrite_readback`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keyturn.deploy.edit import (
    Edit,
    RemoveSetting,
    RemoveVariable,
    ReplaceFile,
    SetHealthcheck,
    SetSetting,
    SetVariable,
    UncommentSetting,
)
from keyturn.deploy.opened import raw
from keyturn.deploy.place import Place
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite_dialect import Dialect, is_trap
from keyturn.deploy.rewrite_dotenv import read_by_python_dotenv, remove_variable, set_variable
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.rewrite_readback import affected, causes, only_intended
from keyturn.deploy.rewrite_settings import SettingsWriter
from keyturn.deploy.source import Ask, Source
from keyturn.secret import Secret


@dataclass(frozen=True, slots=True)
class Style:
    """How the user wants it."""

    in_place: bool = False
    """Change the compose files themselves, also where an override file would be loaded."""
    dialect: Dialect = Dialect.COMPOSE


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What would be written, and what it means."""

    files: Mapping[str, Secret] = field(repr=False)
    """Path → whole new content; only files that change, in the order in which to write them."""
    modes: Mapping[str, int]
    """Permission bits that are asked for; a file that is not here keeps its own."""
    affected: tuple[str, ...]
    """The services that get something else than before, in the order of the compose file."""
    notes: tuple[str, ...] = ()
    """Sentences for people: why a file was chosen."""
    compose_files: frozenset[str] = frozenset()
    """Those of the deployment, an override that is new included; the others are not YAML."""
    causes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """For each affected service: the settings that change, and the mounted files."""


def rewrite(
    source: Source, ask: Ask, edits: Sequence[Edit], style: Style | None = None
) -> Rewriting:
    """Return the new contents for ``edits``.

    Raises :class:`CannotRewrite` with the place and the remedy when an edit cannot be made safely,
    and :class:`~keyturn.deploy.place.Unreadable` when the deployment cannot be read at all.
    """
    style = style or Style()
    before = inventory(source, ask)
    overlay = Overlay(source)
    writer = SettingsWriter(overlay, ask, in_place=style.in_place, dialect=style.dialect)
    for edit in sorted(edits, key=_order):
        _apply(edit, overlay, ask, writer)
    if not style.dialect.nests:
        _flatten(overlay, ask, writer, affected(before, inventory(overlay, ask)))
    after = inventory(overlay, ask)
    only_intended(before, after, (*edits, *writer.flattened))
    touched = affected(before, after)
    return Rewriting(
        dict(sorted(overlay.changed.items(), key=lambda one: _rank(one[0], writer))),
        dict(overlay.modes),
        touched,
        tuple(dict.fromkeys(writer.notes)),
        frozenset(writer.compose_files),
        {one: causes(before.services.get(one), after.services[one]) for one in touched},
    )


def _order(edit: Edit) -> int:
    match edit:
        case SetVariable() | RemoveVariable():
            return 0
        case ReplaceFile():
            return 2
        case _:
            return 1


def _rank(path: str, writer: SettingsWriter) -> int:
    """Env files before the mounted ones, compose files last: nothing names what is not there."""
    if path in writer.env_files:
        return 0
    return 2 if path in writer.compose_files else 1


def _apply(edit: Edit, overlay: Overlay, ask: Ask, writer: SettingsWriter) -> None:
    match edit:
        case SetVariable(name=name, value=value, file=file):
            _not_outranked(name, ask, file)
            path = writer.env_file(file, name)
            _understood(name, value, path, writer.dialect)
            overlay.put(path, set_variable(overlay.read(path) or b"", name, value, file=path))
        case RemoveVariable(name=name, file=file):
            path = writer.env_file(file, name)
            content = overlay.read(path)
            if content is not None:
                overlay.put(path, remove_variable(content, name, file=path))
        case ReplaceFile(path=path, content=content, mode=mode):
            overlay.put(path, raw(content))
            if mode is not None:
                overlay.modes[path] = mode
        case SetSetting(service=service, name=name, template=template):
            writer.give(service, name, template)
        case UncommentSetting(service=service, name=name):
            writer.uncomment(service, name)
        case RemoveSetting(service=service, name=name):
            writer.remove(service, name)
        case SetHealthcheck(service=service, old=old, new=new):
            writer.healthcheck(service, old, new)


def _not_outranked(name: str, ask: Ask, file: str) -> None:
    if name in ask.environment:
        raise CannotRewrite(
            Place(file, 1),
            f"{name} is set in the environment of whoever runs Compose, which outranks this file.",
            hint=f"Run `unset {name}` (and look where it is exported), then try again.",
        )


def _understood(name: str, value: Secret, path: str, dialect: Dialect) -> None:
    text = raw(value).decode("utf-8", "surrogateescape")
    if dialect is not Dialect.COMPOSE and not read_by_python_dotenv(text):
        raise CannotRewrite(
            Place(path, 1),
            f"the value for {name} has quotes, $ or backslashes that {dialect.value} misreads.",
            hint="Use a value of letters and digits, or `docker compose` v2.",
        )


def _flatten(overlay: Overlay, ask: Ask, writer: SettingsWriter, services: Iterable[str]) -> None:
    """Rewrite what an old reader would misread in the services that are created anew anyway."""
    found = inventory(overlay, ask)
    for name in services:
        for setting in found.services[name].settings.values():
            if setting.template and is_trap(setting.template):
                writer.give(name, setting.name, setting.template)

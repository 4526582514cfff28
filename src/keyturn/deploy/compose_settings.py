"""The environment that one service of a compose file gets, setting by setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy import dotenv
from keyturn.deploy.compose_merge import environment
from keyturn.deploy.inventory import Document, Kind, Note
from keyturn.deploy.names import speakable
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.redaction import shown
from keyturn.deploy.setting import Origin, Setting
from keyturn.deploy.source import join
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_scalars import canonical
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, items
from keyturn.secret import Secret

READS_FILES: Final = frozenset({Kind.STUDIO, Kind.DATABASE})
"""Images whose entrypoint takes ``NAME_FILE`` for ``NAME``."""


def secret(value: str) -> Secret:
    """Return the text as a secret, byte for byte as it stood in the file."""
    return Secret(value.encode("utf-8", "surrogateescape"))


def settings(
    service: Tree, variables: Variables, read: Callable[[str], str | None], notes: list[Note]
) -> Mapping[str, Setting]:
    """Return the settings of a service: its ``env_file`` first, ``environment`` over it.

    ``read`` gives the text of a file. Raises :class:`Unreadable` where Compose would refuse.
    """
    own = service.get("environment")
    direct = {
        name: _entered(name, entry, variables)
        for name, entry in (environment(own).entries.items() if own is not None else ())
        if speakable(name)
    }
    found: dict[str, Setting] = {}

    def lookup(name: str) -> str | None:
        outer = variables.lookup(name)
        return text(direct.get(name)) if outer is None else outer

    for node in items(service.get("env_file")):
        earlier = {name: text(one) or "" for name, one in found.items()}
        read_with = _Reading(lookup, earlier, variables, read, notes)
        found.update(_env_file(node, read_with))
    return found | direct


def _entered(name: str, entry: Entry, variables: Variables) -> Setting:
    value = entry.value
    if not isinstance(value, Scalar):
        raise Unreadable(value.place, f"the value of {name} must be a text, a number or a boolean")
    if value.is_null:
        return Setting(name, None, entry.place, None, Origin.PROCESS, (variables.variable(name),))
    known = frozenset(one.name for one in value.variables)
    template = None if value.template is None else shown(name, value.template, known)
    given = value.text if value.template is not None else canonical(value)
    return Setting(name, secret(given), entry.place, template, value.origin, value.variables)


@dataclass(frozen=True, slots=True)
class _Reading:
    """With what an ``env_file`` is read."""

    lookup: Callable[[str], str | None]
    earlier: Mapping[str, str] = field(repr=False)
    variables: Variables
    read: Callable[[str], str | None]
    notes: list[Note]


def _env_file(node: Node, by: _Reading) -> dict[str, Setting]:
    file = node.text("path") if isinstance(node, Tree) else getattr(node, "text", None)
    if not file:
        raise Unreadable(node.place, "an env_file needs a path")
    file = join("", file)
    content = by.read(file)
    if content is None:
        if not isinstance(node, Tree) or node.text("required") != "false":
            message = f"{file} is named as env_file and not there; Compose does not start so"
            by.notes.append(Note("missing_file", message, node.place))
        return {}
    if isinstance(node, Tree) and node.text("format") == "raw":
        found = dotenv.raw(file, content)
    else:
        found = dotenv.parse(file, content, by.lookup, by.earlier)
    return {one.name: _from_file(one, by.variables) for one in found if speakable(one.name)}


def _from_file(one: dotenv.Definition, variables: Variables) -> Setting:
    named = tuple(variables.variable(name) for name in (one.found.names if one.found else ()))
    return Setting(one.name, secret(one.value), one.place, None, Origin.ENV_FILE, named)


def with_files(
    kind: Kind | None,
    found: Mapping[str, Setting],
    content: Callable[[str], Document | None],
) -> Mapping[str, Setting]:
    """Return the settings with those that a ``NAME_FILE`` brings; ``content`` reads a target."""
    if kind not in READS_FILES:
        return found
    brought: dict[str, Setting] = {}
    for name, one in found.items():
        plain = name.removesuffix("_FILE")
        target = text(one)
        if plain == name or plain in found or not target:
            continue
        document = content(target)
        if document is not None and document.text is not None:
            value = secret(document.text.removesuffix("\n"))
            place = Place(document.path, 1) if document.path else one.place
            brought[plain] = Setting(plain, value, place, None, Origin.FILE, one.variables)
    return {**found, **brought}

"""The environment that one service of a compose file gets, setting by setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from keyturn.deploy import dotenv
from keyturn.deploy.compose_merge import environment
from keyturn.deploy.inventory import Document, Kind, Note
from keyturn.deploy.names import speakable
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.redaction import shown
from keyturn.deploy.setting import Origin, Setting
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
        return text(direct.get(name) or found.get(name)) if outer is None else outer

    for node in items(service.get("env_file")):
        found.update(_env_file(node, lookup, variables, read, notes))
    return found | direct


def _entered(name: str, entry: Entry, variables: Variables) -> Setting:
    value = entry.value
    if not isinstance(value, Scalar):
        raise Unreadable(value.place, f"the value of {name} must be a text, a number or a boolean")
    if value.is_null:
        return Setting(name, None, entry.place, None, Origin.PROCESS, (variables.variable(name),))
    template = None if value.template is None else shown(name, value.template)
    given = value.text if value.template is not None else canonical(value)
    return Setting(name, secret(given), entry.place, template, value.origin, value.variables)


def _env_file(
    node: Node,
    lookup: Callable[[str], str | None],
    variables: Variables,
    read: Callable[[str], str | None],
    notes: list[Note],
) -> dict[str, Setting]:
    file = node.text("path") if isinstance(node, Tree) else getattr(node, "text", None)
    if not file:
        raise Unreadable(node.place, "an env_file needs a path")
    required = not isinstance(node, Tree) or node.text("required") != "false"
    content = read(file)
    if content is None:
        if required:
            message = f"{file} is named as env_file and not there; Compose does not start so"
            notes.append(Note("missing_file", message, node.place))
        return {}
    is_raw = isinstance(node, Tree) and node.text("format") == "raw"
    found = dotenv.raw(file, content) if is_raw else dotenv.parse(file, content, lookup)
    return {one.name: _from_file(one, variables) for one in found if speakable(one.name)}


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

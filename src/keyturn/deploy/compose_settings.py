"""The environment that one service of a compose file gets, setting by setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keyturn.deploy import dotenv
from keyturn.deploy.compose_merge import environment
from keyturn.deploy.inventory import Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.redaction import shown
from keyturn.deploy.setting import Origin, Setting
from keyturn.deploy.source import join
from keyturn.deploy.variables import Variables
from keyturn.deploy.yaml_scalars import canonical
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Tree, items
from keyturn.secret import Secret

ReadText = Callable[[str], str | None]


def secret(text: str) -> Secret:
    """Return the text as a secret, byte for byte as it stood in the file."""
    return Secret(text.encode("utf-8", "surrogateescape"))


def setting(name: str, scalar: Scalar, place: Place) -> Setting:
    """Return what a scalar of a compose file gives a container."""
    text = scalar.text if scalar.template is not None else canonical(scalar)
    template = None if scalar.template is None else shown(name, scalar.template)
    return Setting(name, secret(text), place, template, scalar.origin, scalar.variables)


def settings(
    service: Tree, variables: Variables, folder: str, read: ReadText, notes: list[Note]
) -> Mapping[str, Setting]:
    """Return the settings of a service: its ``env_file`` first, ``environment`` over it."""
    found: dict[str, Setting] = {}
    for node in items(service.get("env_file")):
        found.update(_env_file(node, variables, folder, read, notes))
    own = service.get("environment")
    if own is not None:
        for name, entry in environment(own).entries.items():
            found[name] = _entered(name, entry, variables)
    return found


def _entered(name: str, entry: Entry, variables: Variables) -> Setting:
    value = entry.value
    if not isinstance(value, Scalar):
        raise Unreadable(value.place, f"the value of {name} must be a text, a number or a boolean")
    if not value.is_null:
        return setting(name, value, entry.place)
    outer = variables.variable(name)
    return Setting(name, outer.value, entry.place, None, outer.origin, (outer,))


def _env_file(
    node: Node, variables: Variables, folder: str, read: ReadText, notes: list[Note]
) -> Mapping[str, Setting]:
    path = (
        node.text("path")
        if isinstance(node, Tree)
        else node.text
        if isinstance(node, Scalar)
        else None
    )
    if path is None:
        raise Unreadable(node.place, "an env_file needs a path")
    required = not isinstance(node, Tree) or node.text("required") not in (
        "false",
        "False",
        "FALSE",
    )
    raw = isinstance(node, Tree) and node.text("format") == "raw"
    file = join(folder, path)
    text = read(file)
    if text is None:
        if required:
            notes.append(
                Note("missing_file", f"{file} is named as env_file and not there", node.place)
            )
        return {}
    found = dotenv.raw(file, text) if raw else dotenv.parse(file, text, variables.lookup)
    return {one.name: _from_file(one, variables) for one in found}


def _from_file(one: dotenv.Definition, variables: Variables) -> Setting:
    named = tuple(variables.variable(name) for name in (one.found.names if one.found else ()))
    return Setting(one.name, secret(one.value), one.place, None, Origin.ENV_FILE, named)

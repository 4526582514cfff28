"""A compose file as nodes with positions, and the text of a new scalar.

PyYAML only says *where* things stand; nothing is ever dumped. Indices count from the start of the
text that is given, which must not begin with a BOM.
"""

from __future__ import annotations

import json
from typing import TypeAlias

import yaml

from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import line_number

Plain: TypeAlias = "tuple[str, str] | list[Plain] | dict[str, Plain]"
"""A document without positions: scalars are ``(tag, value)``."""

_STRING = "tag:yaml.org,2002:str"
_DEEPEST = 100
_MOST_NODES = 200_000
_LOADER = yaml.CSafeLoader


def compose(text: str, file: str) -> yaml.MappingNode:
    """Return the root mapping of ``text``.

    Raises :class:`CannotRewrite` when it is no YAML, or anything but one mapping.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CannotRewrite(
            Place(file, mark.line + 1 if mark else 1),
            "this is not YAML.",
            hint="Correct the file first; `keyturn doctor` shows what is wrong with it.",
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise CannotRewrite(
            Place(file, 1), "this is not a compose file.", hint="Name the right file with -f."
        )
    services = member(root, "services")
    for mapping in (root, *(services[1:] if services else ())):
        _no_twins(mapping, file)
    return root


def _no_twins(node: yaml.Node, file: str) -> None:
    """Refuse a mapping with one key twice: Compose does, and no position would be the right one."""
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        name = str(key.value)
        if name in seen and name != "<<":
            raise CannotRewrite(
                Place(file, key.start_mark.line + 1),
                "the same key stands twice in this mapping.",
                hint="Keep the one that you mean; Compose refuses the file as it is.",
            )
        seen.add(name)


def member(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return key and value of ``name`` in a mapping; None when it is not there."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)


def is_flow(node: yaml.Node) -> bool:
    """Whether the collection is written with brackets or braces."""
    return bool(getattr(node, "flow_style", False))


def is_alias(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether ``value`` stands elsewhere and ``key`` only refers to it (``key: *anchor``)."""
    return bool(value.start_mark.index < key.end_mark.index)


def spot(text: str, file: str, node: yaml.Node) -> Place:
    """Return the place of a node, for people."""
    return Place(file, line_number(text, node.start_mark.index), node.start_mark.column + 1)


def plain(root: yaml.Node, file: str) -> Plain:
    """Return a node without positions, aliases resolved; ``<<`` stays a key like any other.

    Raises :class:`CannotRewrite` when it refers to itself, or grows too large by its aliases.
    """
    left = _MOST_NODES

    def stripped(node: yaml.Node, depth: int) -> Plain:
        nonlocal left
        left -= 1
        if depth > _DEEPEST or left < 0:
            raise CannotRewrite(
                Place(file, node.start_mark.line + 1),
                "the aliases of this file refer to themselves, or make it too large.",
                hint="Write out what the aliases stand for.",
            )
        if isinstance(node, yaml.ScalarNode):
            return node.tag, node.value
        if isinstance(node, yaml.SequenceNode):
            return [stripped(one, depth + 1) for one in node.value]
        _no_twins(node, file)
        return {str(key.value): stripped(value, depth + 1) for key, value in node.value}

    return stripped(root, 0)


def scalar(value: str, like: str | None = None) -> str:
    """Return ``value`` as a YAML scalar on one line that is read back as exactly this text.

    ``like`` is the text of the scalar that it replaces: its quotes are kept where they can be.
    """
    single, double = "'" + value.replace("'", "''") + "'", json.dumps(value, ensure_ascii=False)
    quotes = (single, double) if '"' in value or "\\" in value else (double, single)
    kept = {"'": single, '"': double}.get((like or "")[:1], value)
    forms = (kept, value, *quotes, double)
    return next(form for form in forms if _reads_as(form, value))


def _reads_as(form: str, value: str) -> bool:
    if "\n" in form or "\r" in form:
        return False
    try:
        node = yaml.compose(f"k: {form}\nz: 1\n", Loader=_LOADER)
    except yaml.YAMLError:
        return False
    found = member(node, "k")
    return (
        node is not None
        and found is not None
        and len(node.value) == 2
        and isinstance(found[1], yaml.ScalarNode)
        and (found[1].tag, found[1].value) == (_STRING, value)
    )

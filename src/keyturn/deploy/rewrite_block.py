"""Where a service's ``environment:`` stands in a compose file, line by line.

Only block style is known here. A flow mapping, an alias or an anchor's copy is refused with its
place: changing those would mean guessing how far the change reaches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import line_end, line_start
from keyturn.deploy.rewrite_yaml import compose, is_alias, is_flow, member, spot


@dataclass(frozen=True, slots=True)
class Item:
    """One ``NAME: value`` or ``- NAME=value``."""

    name: str
    key: yaml.Node
    value: yaml.Node
    """For a list, the whole scalar ``NAME=value`` and the same as ``key``."""


@dataclass(frozen=True, slots=True)
class Block:
    """An ``environment:`` in block style."""

    listed: bool
    """``- NAME=value`` instead of ``NAME: value``."""
    column: int
    """Of the names, or of the dashes; from 0."""
    items: tuple[Item, ...]
    start: int
    """The line after ``environment:``."""
    end: int
    """Where a comment would not belong to it any more."""

    def find(self, name: str) -> Item | None:
        """Return the item ``name``."""
        return next((one for one in self.items if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Found:
    """A service of a compose file; ``environment`` is None where it has none."""

    key: yaml.Node
    node: yaml.MappingNode
    environment: Block | None
    environment_key: yaml.Node | None


def names_service(text: str, file: str, service: str) -> bool:
    """Whether the file defines ``service``."""
    services = member(compose(text, file), "services")
    return services is not None and member(services[1], service) is not None


def service_of(text: str, file: str, service: str) -> Found:
    """Return where ``service`` stands.

    Raises :class:`CannotRewrite` when the file does not define it in block style.
    """
    root = compose(text, file)
    services = member(root, "services")
    found = member(services[1], service) if services else None
    if services is None or found is None:
        raise CannotRewrite(
            spot(text, file, root),
            f"there is no service {service} in this file.",
            hint="Name the file that defines it with -f.",
        )
    key, node = found
    if not isinstance(node, yaml.MappingNode) or is_alias(key, node) or is_flow(node):
        raise CannotRewrite(
            spot(text, file, key),
            f"the service {service} is not written as a block of its own.",
            hint="Write it line by line, or let Keyturn use an override file.",
        )
    environment = member(node, "environment")
    if environment is None or _is_null(environment[1]):
        return Found(key, node, None, environment[0] if environment else None)
    return Found(key, node, _block(text, file, environment), environment[0])


def end_of(text: str, node: yaml.Node) -> int:
    """Return the line start behind the last line of ``node``, blank and comment lines apart.

    libyaml ends a block scalar at the next token; white space before that is not the node's.
    """
    end = node.end_mark.index
    while end > node.start_mark.index and text[end - 1].isspace():
        end -= 1
    if isinstance(node, yaml.CollectionNode) and node.value and not is_flow(node):
        last = node.value[-1]
        inner = last[1] if isinstance(last, tuple) else last
        own = last[0] if isinstance(last, tuple) and is_alias(*last) else inner
        return end_of(text, own)
    return line_end(text, end)


def commented(text: str, block: Block, name: str) -> list[tuple[int, int, str]]:
    """Return the lines on which ``name`` is commented out: start, end, and the line without ``#``.

    Lines within a multi-line value are no comments.
    """
    form = rf"-[ \t]*[\"']?{re.escape(name)}=" if block.listed else _key_form(name)
    pattern = re.compile(rf"[ \t]*#[ \t]*({form}.*)")
    scalars = [(one.value.start_mark.index, one.value.end_mark.index) for one in block.items]
    found, at = [], block.start
    while at < block.end:
        end = line_end(text, at)
        match = pattern.fullmatch(text[at:end].rstrip("\r\n"))
        within = any(
            start < at < stop and "\n" in text[start:stop].rstrip() for start, stop in scalars
        )
        if match and not within:
            found.append((at, end, match[1]))
        at = end
    return found


def _key_form(name: str) -> str:
    return rf"(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')[ \t]*:(?=\s|$)"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _block(text: str, file: str, found: tuple[yaml.Node, yaml.Node]) -> Block:
    key, value = found
    if is_alias(key, value) or is_flow(value) or not isinstance(value, yaml.CollectionNode):
        raise CannotRewrite(
            spot(text, file, key),
            "this environment is not a block of its own lines.",
            hint="Write one setting per line, or let Keyturn use an override file.",
        )
    listed = isinstance(value, yaml.SequenceNode)
    items = tuple(_items(text, file, value))
    column = value.start_mark.column if listed else value.value[0][0].start_mark.column
    start = line_end(text, key.end_mark.index)
    last = value.value[-1]
    inner = end_of(text, last if listed else last[0] if is_alias(*last) else last[1])
    return Block(listed, column, items, start, _trailing_comments(text, inner, column))


def _items(text: str, file: str, value: yaml.CollectionNode) -> list[Item]:
    items: list[Item] = []
    for one in value.value:
        key, held = one if isinstance(one, tuple) else (one, one)
        if not isinstance(key, yaml.ScalarNode):
            raise CannotRewrite(
                spot(text, file, key),
                "this is not a setting that Keyturn understands.",
                hint="Write it as NAME: value or as - NAME=value.",
            )
        name = key.value.partition("=")[0] if key is held else key.value
        if name != "<<" and any(name == other.name for other in items):
            raise CannotRewrite(
                spot(text, file, key),
                f"{name} stands twice in this environment.",
                hint="Keep the line that you mean; Compose refuses the file as it is.",
            )
        items.append(Item(name, key, held))
    return items


def _trailing_comments(text: str, at: int, column: int) -> int:
    """Return the end of the comments below the last item that are indented like the items."""
    end = at
    while at < len(text):
        line = text[at : line_end(text, at)]
        body = line.strip()
        indented = len(line) - len(line.lstrip(" "))
        if body and (not body.startswith("#") or indented < column):
            break
        at = line_end(text, at)
        end = at if body else end
    return max(end, line_start(text, end))

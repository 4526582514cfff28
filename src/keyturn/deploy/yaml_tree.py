"""YAML with places: a tree of plain values in which every scalar knows its file, line and column.

Built from libyaml's events, so nesting and aliases cannot exhaust the stack. Scalars follow
compose-go (YAML 1.2 with go-yaml's habits): ``yes`` and ``on`` are text, a key that stands twice
is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import yaml

from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.setting import Origin, Variable

MAX_DEPTH: Final = 100
MAX_NODES: Final = 200_000
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_MARKS = ("!reset", "!override")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text, number, boolean or null."""

    text: str = field(repr=False)
    place: Place
    plain: bool = True
    """Not quoted, so it can be a number, a boolean or null."""
    mark: str | None = None
    template: str | None = field(default=None, repr=False)
    """The text before interpolation, where there was something to interpolate."""
    variables: tuple[Variable, ...] = ()
    origin: Origin = Origin.LITERAL
    more_lines: int = 0
    """How many lines after the first belong to it."""

    @property
    def is_null(self) -> bool:
        """Whether it is YAML's null."""
        return self.plain and self.template is None and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value; ``place`` is that of the key."""

    value: Node
    place: Place


@dataclass(frozen=True, slots=True)
class Tree:
    """A mapping."""

    entries: Mapping[str, Entry]
    place: Place
    mark: str | None = None

    def get(self, *path: str) -> Node | None:
        """Return the node at ``path``, None where there is none."""
        node: Node | None = self
        for key in path:
            entry = node.entries.get(key) if isinstance(node, Tree) else None
            if entry is None:
                return None
            node = entry.value
        return node

    def tree(self, *path: str) -> Tree | None:
        """Return the mapping at ``path``, None where there is none."""
        node = self.get(*path)
        return node if isinstance(node, Tree) else None

    def text(self, *path: str) -> str | None:
        """Return the text at ``path``, None where there is no scalar or null."""
        node = self.get(*path)
        return node.text if isinstance(node, Scalar) and not node.is_null else None


Node = Scalar | Sequence | Tree


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the members of a list; a single scalar counts as a list of one, null as none."""
    if isinstance(node, Sequence):
        return node.items
    return () if node is None or (isinstance(node, Scalar) and node.is_null) else (node,)


class _Builder:
    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.file = file
        self.events = events
        self.anchors: dict[str, Node] = {}
        self.nodes = 0

    def place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1)

    def documents(self) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                yield self.node(next(self.events), 0)

    def node(self, event: yaml.Event, depth: int) -> Node:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise Unreadable(self.place(event), "the file is nested too deeply or too large")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        built = self._built(event, depth)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = built
        return built

    def _alias(self, event: yaml.AliasEvent) -> Node:
        found = self.anchors.get(event.anchor or "")
        if found is None:
            raise Unreadable(self.place(event), "an alias names an anchor that is not defined")
        return found

    def _built(self, event: yaml.Event, depth: int) -> Node:
        place = self.place(event)
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style in (None, "") and event.tag != "tag:yaml.org,2002:str"
            return Scalar(
                event.value, place, plain, _mark(event.tag), more_lines=_more_lines(event)
            )
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), place, _mark(event.tag))
        return self._tree(place, _mark(getattr(event, "tag", None)), depth)

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self.node(event, depth + 1)

    def _tree(self, place: Place, mark: str | None, depth: int) -> Tree:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if not isinstance(key, Scalar):
                raise Unreadable(self.place(event), "the key of a mapping must be a text")
            if key.text == "<<" and key.plain:
                merged.append(value)
            elif key.text in entries:
                raise Unreadable(key.place, "the same key stands twice in this mapping")
            else:
                entries[key.text] = Entry(value, key.place)
        return Tree(self._with_merged(entries, merged), place, mark)

    def _with_merged(self, entries: dict[str, Entry], merged: list[Node]) -> dict[str, Entry]:
        for node in merged:
            for part in node.items if isinstance(node, Sequence) else (node,):
                if not isinstance(part, Tree):
                    raise Unreadable(part.place, "only a mapping can be merged with <<")
                for name, entry in part.entries.items():
                    entries.setdefault(name, entry)
        return entries


def _more_lines(event: yaml.ScalarEvent) -> int:
    if event.start_mark is None or event.end_mark is None:
        return 0
    # The end of a block scalar is the start of the line after it.
    return max(0, event.end_mark.line - event.start_mark.line - (event.style in ("|", ">")))


def _mark(tag: str | None) -> str | None:
    return tag if tag in _MARKS else None


def documents(file: str, content: bytes) -> tuple[Node, ...]:
    """Return the documents of a YAML file.

    Raises :class:`Unreadable` with the place of what is wrong, never with what stands there.
    """
    text = _text(file, content)
    try:
        return tuple(_Builder(file, yaml.parse(text, Loader=yaml.CSafeLoader)).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1)
        raise Unreadable(place, _sentence(error.problem or error.context)) from None
    except yaml.YAMLError as error:
        raise Unreadable(
            _reader_place(file, text, error), "not YAML: a forbidden character"
        ) from None


def _text(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise Unreadable(Place(file, line, column), "the file is not UTF-8 here") from None


_QUOTED: Final = re.compile(r"(['\"]).*\1")
_SIGNS_ONLY: Final = re.compile(r"[^'\"]*(?:'[^\w\s'\"]'[^'\"]*)*")


def _sentence(problem: str | None) -> str:
    # Between quotes libyaml repeats what it found, which can be a secret, or names a sign.
    said = problem or "it cannot be parsed"
    return "not YAML: " + (said if _SIGNS_ONLY.fullmatch(said) else re.sub(_QUOTED, "…", said))


def _reader_place(file: str, text: str, error: yaml.YAMLError) -> Place:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return Place(file, 1)
    before = text.encode("utf-8", "surrogatepass")[:position]
    return Place(file, before.count(b"\n") + 1, position - before.rfind(b"\n"))


def unmarked(node: Node) -> Node:
    """Return the node without ``!override``."""
    return replace(node, mark=None)

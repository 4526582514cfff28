"""How Compose lays one file over another, and a service over the one that it extends."""

from __future__ import annotations

from dataclasses import replace

from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Sequence, Tree, items

_REPLACED = (("command",), ("entrypoint",), ("healthcheck", "test"))
"""Lists of a service that are not joined."""
_BY_TARGET = (("volumes",), ("configs",), ("secrets",))
"""Lists of a service in which a later member replaces an earlier one of the same target."""


def merged(base: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """Return ``over`` laid over ``base``; ``path`` is where both stand, from the file's root."""
    if over_mark(over) == "!override":
        return replace(over, mark=None)
    within = path[2:] if path[:1] == ("services",) else ()
    if within == ("environment",):
        return _trees(environment(base), environment(over), path)
    if within in _REPLACED:
        return over
    if within in (("env_file",), ("profiles",), ("dns",)):
        return _joined(base, over)
    if within in _BY_TARGET:
        return _by_target(base, over)
    if isinstance(base, Tree) and isinstance(over, Tree):
        return _trees(base, over, path)
    if isinstance(base, Sequence) and isinstance(over, Sequence):
        return _joined(base, over)
    return (
        base if isinstance(over, Scalar) and over.is_null and not isinstance(base, Scalar) else over
    )


def over_mark(node: Node) -> str | None:
    """Return the node's ``!reset`` or ``!override``."""
    return node.mark


def _trees(base: Tree, over: Tree, path: tuple[str, ...]) -> Tree:
    entries = dict(base.entries)
    for name, entry in over.entries.items():
        before = entries.get(name)
        if over_mark(entry.value) == "!reset":
            entries.pop(name, None)
        elif before is None:
            entries[name] = Entry(cleaned(entry.value), entry.place)
        else:
            entries[name] = Entry(merged(before.value, entry.value, (*path, name)), entry.place)
    return Tree(entries, over.place)


def _joined(base: Node, over: Node) -> Sequence:
    return Sequence((*items(base), *items(over)), over.place)


def _by_target(base: Node, over: Node) -> Sequence:
    by_target = {target(item): item for item in (*items(base), *items(over))}
    return Sequence(tuple(by_target.values()), over.place)


def target(item: Node) -> str:
    """Return where in the container a member of ``volumes``, ``configs``, ``secrets`` lands."""
    if isinstance(item, Tree):
        return item.text("target") or item.text("source") or ""
    if not isinstance(item, Scalar):
        return ""
    parts = item.text.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def environment(node: Node) -> Tree:
    """Return ``environment:`` as a mapping, whichever of its two forms it has.

    A name without a value (``- NAME``, ``NAME:``) becomes a null: Compose looks it up outside.
    """
    if isinstance(node, Tree):
        return node
    entries: dict[str, Entry] = {}
    for item in items(node):
        if isinstance(item, Scalar):
            name, equals, value = item.text.partition("=")
            template = item.template.partition("=")[2] if item.template else None
            entries[name] = Entry(
                replace(item, text=value, template=template, plain=not equals), item.place
            )
    return Tree(entries, node.place)


def cleaned(node: Node) -> Node:
    """Return the node without what ``!reset`` takes away and without its marks."""
    if isinstance(node, Tree):
        entries = {
            name: Entry(cleaned(entry.value), entry.place)
            for name, entry in node.entries.items()
            if over_mark(entry.value) != "!reset"
        }
        return replace(node, entries=entries, mark=None)
    return replace(node, mark=None)

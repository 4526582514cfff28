"""Relative paths of a compose file, made relative to the deployment's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from keyturn.deploy.source import join
from keyturn.deploy.yaml_tree import Entry, Node, Scalar, Sequence, Tree


def resolved(layer: Tree, folder: str) -> Tree:
    """Return the layer with paths that count from ``folder`` made to count from the top."""
    if not folder:
        return layer

    def path(node: Node) -> Node:
        return replace(node, text=join(folder, node.text)) if isinstance(node, Scalar) else node

    def volume(node: Node) -> Node:
        if isinstance(node, Tree):
            return _with(node, "source", lambda one: _bind(one, folder))
        return _bind(node, folder)

    def env_file(node: Node) -> Node:
        return _with(node, "path", path) if isinstance(node, Tree) else path(node)

    def service(node: Node) -> Node:
        with_env = _with(node, "env_file", lambda one: _each(one, env_file))
        return _with(with_env, "volumes", lambda one: _each(one, volume))

    def resource(node: Node) -> Node:
        return _with(node, "file", path)

    done: Node = _with(layer, "services", lambda one: _values(one, service))
    for name in ("configs", "secrets"):
        done = _with(done, name, lambda one: _values(one, resource))
    return done if isinstance(done, Tree) else layer


def _bind(node: Node, folder: str) -> Node:
    if not isinstance(node, Scalar) or not node.text.startswith("."):
        return node
    source, colon, rest = node.text.partition(":")
    moved = join(folder, source)
    return replace(node, text=("" if moved.startswith("/") else "./") + moved + colon + rest)


def _with(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node, Tree) or key not in node.entries:
        return node
    entry = node.entries[key]
    return replace(node, entries={**node.entries, key: Entry(change(entry.value), entry.place)})


def _each(node: Node, change: Callable[[Node], Node]) -> Node:
    if isinstance(node, Sequence):
        return replace(node, items=tuple(change(item) for item in node.items))
    return change(node)


def _values(node: Node, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node, Tree):
        return node
    return replace(
        node, entries={name: Entry(change(e.value), e.place) for name, e in node.entries.items()}
    )

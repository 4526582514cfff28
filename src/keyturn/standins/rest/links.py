"""Which foreign keys an embedding can mean (PostgREST's "Resource embedding")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from keyturn.flows.ports.rest import Catalogue, ForeignKey, Relation
from keyturn.standins.rest.errors import ambiguous_relationship, no_relationship

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Link:
    """One way from a parent to rows of ``target``."""

    kind: Literal["many-to-one", "one-to-one", "one-to-many", "many-to-many"]
    target: Relation
    pairs: tuple[Pair, ...]
    """(parent column, column of the target or of the junction)."""
    hints: frozenset[str]
    """What ``!hint`` may say to choose this one."""
    constraint: str
    junction: Relation | None = None
    junction_pairs: tuple[Pair, ...] = ()
    """(junction column, target column)."""
    described: str = ""

    @property
    def to_one(self) -> bool:
        """Whether there is at most one row."""
        return self.kind in ("many-to-one", "one-to-one")


def find_link(catalogue: Catalogue, parent: Relation, name: str, hint: str | None) -> Link:
    """Return the one link that ``name!hint`` means; raises PGRST200 or PGRST201."""
    found = list(_candidates(catalogue, parent, name))
    if hint is not None:
        found = [link for link in found if hint in link.hints]
    if not found:
        raise no_relationship(parent.schema, parent.name, name, hint)
    if len(found) == 1:
        return found[0]
    choices = [
        {
            "embedding": f"{parent.name} with {link.target.name}",
            "cardinality": link.kind,
            "relationship": link.described,
        }
        for link in found
    ]
    names = [link.junction.name if link.junction else link.constraint for link in found]
    raise ambiguous_relationship(parent.name, name, choices, names)


def _candidates(catalogue: Catalogue, parent: Relation, name: str) -> Iterator[Link]:
    for key in catalogue.foreign_keys:
        if key.source == parent.key:
            link = _outward(catalogue, parent, key, name)
            if link is not None:
                yield link
        if key.target == parent.key and key.source == (parent.schema, name):
            link = _inward(catalogue, key)
            if link is not None:
                yield link
    yield from _through(catalogue, parent, name)


def _outward(catalogue: Catalogue, parent: Relation, key: ForeignKey, name: str) -> Link | None:
    by_key = name in (key.constraint, *_single(key.columns))
    # A self-reference by table name means the children; the parent is reached by the key's name.
    by_table = key.target == (parent.schema, name) and key.target != key.source
    target = catalogue.relations.get(key.target)
    if target is None or not (by_key or by_table):
        return None
    return Link(
        "one-to-one" if key.one_to_one else "many-to-one",
        target,
        tuple(zip(key.columns, key.target_columns, strict=True)),
        frozenset({key.constraint, target.name, *_single(key.columns)}),
        key.constraint,
        described=_described(key),
    )


def _inward(catalogue: Catalogue, key: ForeignKey) -> Link | None:
    target = catalogue.relations.get(key.source)
    if target is None:
        return None
    return Link(
        "one-to-one" if key.one_to_one else "one-to-many",
        target,
        tuple(zip(key.target_columns, key.columns, strict=True)),
        frozenset({key.constraint, *_single(key.columns), *_single(key.target_columns)}),
        key.constraint,
        described=_described(key),
    )


def _through(catalogue: Catalogue, parent: Relation, name: str) -> Iterator[Link]:
    """Yield links over a junction whose primary key holds both of its foreign keys."""
    target = catalogue.relations.get((parent.schema, name))
    if target is None:
        return
    for first in catalogue.foreign_keys:
        if first.target != parent.key:
            continue
        junction = catalogue.relations.get(first.source)
        if junction is None:
            continue
        for second in catalogue.foreign_keys:
            if second is first or second.source != first.source or second.target != target.key:
                continue
            if set(first.columns) | set(second.columns) <= set(junction.primary_key):
                yield _over_junction(first, second, junction, target)


def _over_junction(
    first: ForeignKey, second: ForeignKey, junction: Relation, target: Relation
) -> Link:
    return Link(
        "many-to-many",
        target,
        tuple(zip(first.target_columns, first.columns, strict=True)),
        frozenset({junction.name}),
        second.constraint,
        junction,
        tuple(zip(second.columns, second.target_columns, strict=True)),
        f"{junction.name} using {first.constraint}({', '.join(first.columns)}) "
        f"and {second.constraint}({', '.join(second.columns)})",
    )


def _single(columns: tuple[str, ...]) -> tuple[str, ...]:
    return columns if len(columns) == 1 else ()


def _described(key: ForeignKey) -> str:
    return (
        f"{key.constraint} using {key.source[1]}({', '.join(key.columns)}) "
        f"and {key.target[1]}({', '.join(key.target_columns)})"
    )

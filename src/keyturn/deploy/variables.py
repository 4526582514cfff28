"""What the process and the env files define together, and how a text is resolved with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keyturn.deploy import yaml_tree
from keyturn.deploy.dotenv import Definition
from keyturn.deploy.interpolation import InvalidTemplate, Substituted, substitute
from keyturn.deploy.inventory import Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.setting import Origin, Variable
from keyturn.secret import Secret


@dataclass(slots=True)
class Variables:
    """The project's variables; the process outranks the files, a later definition an earlier."""

    process: Mapping[str, str] = field(repr=False)
    defined: dict[str, Definition] = field(default_factory=dict)
    all_places: defaultdict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    unset: dict[str, Place] = field(default_factory=dict)
    """Variables that were needed and are not set, with the first place that needs them."""

    def add(self, definitions: Iterable[Definition]) -> None:
        """Take what one env file defines."""
        for one in definitions:
            self.defined[one.name] = one
            self.all_places[one.name].append(one.place)

    def lookup(self, name: str) -> str | None:
        """Return the value of ``name``, None when it is not set."""
        value = self.process.get(name)
        if value is not None:
            return value
        found = self.defined.get(name)
        return found.value if found else None

    def variable(self, name: str) -> Variable:
        """Return ``name`` with where it comes from."""
        defined = self.defined.get(name)
        value = self.lookup(name)
        secret = None if value is None else Secret(value.encode("utf-8", "surrogateescape"))
        if name in self.process:
            return Variable(name, secret, Origin.PROCESS, None)
        return Variable(name, secret, Origin.DOT_ENV, defined.place if defined else None)

    def resolved(self, scalar: yaml_tree.Scalar) -> yaml_tree.Scalar:
        """Return the scalar with its variables replaced.

        Raises :class:`Unreadable` where Compose refuses the text.
        """
        if "$" not in scalar.text:
            return scalar
        try:
            found = substitute(scalar.text, self.lookup)
        except InvalidTemplate as error:
            raise Unreadable(scalar.place, str(error)) from None
        for name in found.unset:
            self.unset.setdefault(name, scalar.place)
        named = tuple(self.variable(name) for name in found.names)
        template = scalar.text if named else None
        return replace(
            scalar,
            text=found.text,
            template=template,
            variables=named,
            origin=_origin(found, named),
            plain=scalar.plain and template is None,
        )

    def tree(self, node: yaml_tree.Node) -> yaml_tree.Node:
        """Return the whole tree with its variables replaced."""
        return _Resolution(self).node(node)

    def notes(self) -> tuple[Note, ...]:
        """Return Compose's warnings about variables that are not set."""
        return tuple(
            Note("unset_variable", f"{name} is not set; Compose takes it as empty", place)
            for name, place in self.unset.items()
        )


class _Resolution:
    """Walks a tree once, however often its parts are referred to by aliases."""

    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.done: dict[int, yaml_tree.Node] = {}

    def node(self, node: yaml_tree.Node) -> yaml_tree.Node:
        found = self.done.get(id(node))
        if found is None:
            found = self.done[id(node)] = self._node(node)
        return found

    def _node(self, node: yaml_tree.Node) -> yaml_tree.Node:
        match node:
            case yaml_tree.Scalar():
                return self.variables.resolved(node)
            case yaml_tree.Sequence():
                return replace(node, items=tuple(self.node(item) for item in node.items))
            case yaml_tree.Tree():
                entries = {
                    name: yaml_tree.Entry(self.node(entry.value), entry.place)
                    for name, entry in node.entries.items()
                }
                return replace(node, entries=entries)


def _origin(found: Substituted, named: tuple[Variable, ...]) -> Origin:
    """Say where a text's value comes from: the first variable that is set, else its default."""
    if not named:
        return Origin.LITERAL
    first = next((one for one in named if one.value), None)
    if first is not None:
        return first.origin
    return Origin.DEFAULT if found.defaulted else Origin.DOT_ENV

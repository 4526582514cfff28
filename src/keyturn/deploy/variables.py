"""What the process and the env files define together, and how a text is resolved with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keyturn.deploy import yaml_tree
from keyturn.deploy.dotenv import Definition
from keyturn.deploy.interpolation import InvalidTemplate, Substituted, substitute
from keyturn.deploy.inventory import Note
from keyturn.deploy.names import speakable
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.setting import Origin, Variable
from keyturn.secret import Secret


@dataclass(slots=True)
class Variables:
    """The project's variables; the process outranks the files, a later definition an earlier."""

    process: Mapping[str, str] = field(repr=False)
    defined: dict[str, Definition] = field(default_factory=dict)
    all_places: defaultdict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    unset: dict[str, Place] = field(default_factory=dict, repr=False)
    """Variables that were needed and are not set, with the first place that needs them."""
    asked: dict[str, None] = field(default_factory=dict)
    """Variables that the compose files name."""

    def add(self, definitions: Iterable[Definition]) -> None:
        """Take what one env file defines."""
        for one in definitions:
            self.defined[one.name] = one
            self.all_places[one.name].append(one.place)
            for name in one.found.unset if one.found else ():
                self.unset.setdefault(name, one.place)

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
        self.asked |= dict.fromkeys(found.names)
        named = tuple(self.variable(name) for name in found.names)
        return replace(
            scalar,
            text=found.text,
            template=scalar.text,
            variables=named,
            origin=_origin(found, named),
            plain=False,
        )

    def tree(self, node: yaml_tree.Node) -> yaml_tree.Node:
        """Return the whole tree with its variables replaced."""
        return _Resolution(self).node(node)

    def notes(self) -> dict[str, Note]:
        """Return Compose's warnings about variables that are not set, by variable."""
        return {name: _unset(name, place) for name, place in self.unset.items()}

    def known(self) -> dict[str, Variable]:
        """Return what the files define, and what the process gives of what is asked for."""
        names = dict.fromkeys(self.defined) | dict.fromkeys(
            name for name in self.asked if name in self.process
        )
        return {name: self.variable(name) for name in names if speakable(name)}

    def duplicates(self) -> dict[str, tuple[Place, ...]]:
        """Return what is defined more than once in one file, with all places."""
        found: dict[str, tuple[Place, ...]] = {}
        for name, places in self.all_places.items():
            same = [one for one in places if one.file == places[-1].file]
            if len(same) > 1 and speakable(name):
                found[name] = tuple(same)
        return found


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
                    name: entry
                    if name == "content" and "target" in node.entries
                    else yaml_tree.Entry(self.node(entry.value), entry.place)
                    for name, entry in node.entries.items()
                }
                # Coolify writes the `content` of a mount to a file before Compose sees the rest.
                return replace(node, entries=entries)


def _origin(found: Substituted, named: tuple[Variable, ...]) -> Origin:
    """Say where a text's value comes from: the first variable that is set, else its default."""
    if not named:
        return Origin.LITERAL
    first = next((one for one in named if one.value), None)
    if first is not None:
        return first.origin
    return Origin.DEFAULT if found.defaulted else Origin.DOT_ENV


def _unset(name: str, place: Place) -> Note:
    if speakable(name, braced=False):
        return Note("unset_variable", f"{name} is not set; Compose takes it as empty", place)
    return Note(
        "unset_variable",
        "a $ here starts the name of a variable that is not set, so Compose cuts that part out;"
        " a $ that belongs to the value is written $$ (in an env file also '…')",
        place,
    )

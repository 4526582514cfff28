"""Compose's ``$`` language, in compose files and env files alike.

``$A``, ``${A}``, ``${A:-d}``, ``${A-d}``, ``${A:?e}``, ``${A?e}``, ``${A:+x}``, ``${A+x}``, nested,
and ``$$`` for one dollar. The rules, brace counting included, are compose-go's ``template``
package (v2), because a deployment is what Compose makes of it and not what its author meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from keyturn.deploy.names import speakable

Lookup = Callable[[str], str | None]
"""From a variable's name to its value; None: it is not set."""

_DOLLAR = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)"
    r"|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\}|(?P<invalid>)))",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\$\$|\$(\{?)([_a-z][_a-z0-9]*)", re.IGNORECASE)
_OPERATORS = (":?", "?", ":-", "-", ":+", "+")


class InvalidTemplate(Exception):
    """The text cannot be interpolated; the message names no value."""


@dataclass(frozen=True, slots=True)
class Substituted:
    """What became of a text."""

    text: str = field(repr=False)
    names: tuple[str, ...] = ()
    """Every variable that the text names (as :func:`names` gives them)."""
    defaulted: bool = False
    """Whether some part came from the default of an interpolation."""
    unset: tuple[str, ...] = field(default=(), repr=False)
    """Variables that were needed, not set and without a default: Compose warns. Such a name can
    be a piece of a secret in which a ``$`` stands; see :func:`keyturn.deploy.names.speakable`."""


@dataclass(slots=True)
class _Substitution:
    lookup: Lookup
    unset: dict[str, None] = field(default_factory=dict)
    defaulted: bool = False
    depth: int = 0

    def expand(self, template: str) -> str:
        if self.depth > 50:
            raise InvalidTemplate("the interpolations are nested too deeply")
        self.depth += 1
        text = _DOLLAR.sub(self._replacement, template)
        self.depth -= 1
        return text

    def _replacement(self, match: re.Match[str]) -> str:
        whole = match.group()
        end = first_closing_brace(whole)
        expression, rest = (whole, "") if end < 0 else (whole[: end + 1], whole[end + 1 :])
        # The first match was greedy; what decides is the part up to its own closing brace.
        found = _DOLLAR.match(expression)
        if found is None or found["invalid"] is not None:
            raise InvalidTemplate("an interpolation is not closed, or does not start with a name")
        if found["escaped"]:
            return "$"
        if found["named"]:
            return self._plain(found["named"])
        return self._braced(found["braced"], _operator(whole), rest)

    def _plain(self, name: str) -> str:
        value = self.lookup(name)
        if value is None:
            self.unset[name] = None
        return value or ""

    def _braced(self, body: str, operator: str, rest: str) -> str:
        if operator not in body:
            # Compose drops what follows here; the pattern leaves nothing to drop.
            return self._plain(body)
        name, _, argument = body.partition(operator)
        return self._operated(name, operator, argument) + self.expand(rest)

    def _operated(self, name: str, operator: str, argument: str) -> str:
        value = self.lookup(name)
        present = bool(value) if operator.startswith(":") else value is not None
        match operator[-1]:
            case "?":
                if not present:
                    shown = name if speakable(name) else "that stands here"
                    raise InvalidTemplate(f"the variable {shown} is required and has no value")
                return value or ""
            case "+":
                return self.expand(argument) if present else value or ""
            case _:
                if present:
                    return value or ""
                self.defaulted = self.defaulted or bool(argument)
                return self.expand(argument)


def _operator(text: str) -> str:
    """Return the operator that stands first in ``text``; Compose looks nowhere else."""
    places = [(text.find(sign), order) for order, sign in enumerate(_OPERATORS) if sign in text]
    return _OPERATORS[min(places)[1]] if places else _OPERATORS[0]


def first_closing_brace(text: str) -> int:
    """Return where the brace that was opened first closes, -1 when it does not.

    Compose skips the character after an opening brace, so the pair ``{}`` counts as one open.
    """
    opened = index = 0
    while index < len(text):
        if text[index] == "}":
            opened -= 1
            if opened == 0:
                return index
        elif text[index] == "{":
            opened += 1
            index += 1
        index += 1
    return -1


def substitute(template: str, lookup: Lookup) -> Substituted:
    """Return ``template`` with its variables replaced.

    Raises :class:`InvalidTemplate` where Compose refuses the file.
    """
    if "$" not in template:
        return Substituted(template)
    work = _Substitution(lookup)
    text = work.expand(template)
    return Substituted(text, names(template, lookup), work.defaulted, tuple(work.unset))


def names(template: str, lookup: Lookup | None = None) -> tuple[str, ...]:
    """Return the variables that a text names, those within defaults included.

    A name that can be a piece of a secret (``pa$Xy7word``) is left out, unless ``lookup`` knows it.
    """
    found = dict.fromkeys((m[2], bool(m[1])) for m in _NAMED.finditer(template) if m[2])
    return tuple(
        dict.fromkeys(
            name
            for name, braced in found
            if speakable(name, braced=braced) or (lookup is not None and lookup(name) is not None)
        )
    )

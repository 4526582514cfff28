"""How a health probe names the key that it sends, in the forms that compose files and charts use.

A token in the text itself (``kompose``, ``helm template``), a variable of Compose's
(``${ANON_KEY}``), one of the container's shell (``$ANON_KEY``, in a compose file ``$${ANON_KEY}``),
and Kubernetes' ``$(ANON_KEY)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from keyturn.deploy.opened import text
from keyturn.deploy.redaction import HIDDEN
from keyturn.deploy.setting import Setting
from keyturn.secret import Secret

TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_SHELL: Final = re.compile(rf"\$\{{({_NAME})(?::?[-?+][^{{}}]*)?\}}|\$({_NAME})")
_ANY: Final = re.compile(rf"{_SHELL.pattern}|\$\(({_NAME})\)")
_REFERENCE: Final = re.compile(rf"\$?\$(?:\{{({_NAME})\}}|({_NAME}))")
_SHELLS: Final = frozenset({"sh", "ash", "bash", "dash"})


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a probe's text that is a key, or names the setting that holds one."""

    start: int
    end: int
    name: str | None
    """The container's setting; None: the token itself stands there."""
    token: str = field(repr=False)


def is_token(value: Secret | Setting | None) -> bool:
    """Whether a value is a JWT, by its looks."""
    return TOKEN.fullmatch((text(value) or "").strip()) is not None


def spans(plain: str, settings: Mapping[str, Setting]) -> tuple[Span, ...]:
    """Return where ``plain`` sends a token or names a setting that holds one, in order."""
    found = [Span(one.start(), one.end(), None, one.group()) for one in TOKEN.finditer(plain)]
    for one in _ANY.finditer(plain):
        name = one[1] or one[2] or one[3]
        if is_token(settings.get(name)):
            found.append(Span(one.start(), one.end(), name, (text(settings[name]) or "").strip()))
    return tuple(sorted(found, key=lambda span: span.start))


def runs_shell(words: Sequence[str]) -> bool:
    """Whether a command is a script for a shell: ``/bin/sh -c …``, or Compose's ``CMD-SHELL``."""
    if not words:
        return False
    return words[0] == "CMD-SHELL" or (
        words[0].rpartition("/")[2] in _SHELLS and any(_is_c(one) for one in words[1:3])
    )


def _is_c(word: str) -> bool:
    return re.fullmatch(r"-[a-z]*c", word) is not None


def as_the_shell_reads(line: Setting, settings: Mapping[str, Setting], sign: str) -> Setting:
    """Return a probe that a shell runs, with the container's own variables in their places.

    ``sign``: what the file writes before the shell's dollar, another one in a compose file. What
    depends on such a variable depends on whatever gives it to the container.
    """
    plain = text(line) or ""
    used: dict[str, Setting] = {}

    def given(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        found = settings.get(name)
        if found is None or found.value is None:
            return match.group()
        whole = match.group() in (f"${name}", f"${{{name}}}")
        used[sign + (match.group() if whole else f"${{{name}}}")] = found
        return text(found) or ""

    value = _SHELL.sub(given, plain)
    if not used:
        return line
    template = f"{line.template or HIDDEN}{HIDDEN.join(used)}{HIDDEN}"
    variables = (*line.variables, *(v for one in used.values() for v in one.variables))
    held = Secret(value.encode("utf-8", "surrogateescape"))
    return replace(line, value=held, template=template, variables=variables)


def reference(check: Setting | None, settings: Mapping[str, Setting]) -> str | None:
    """Return how a compose file's healthcheck names the key that it sends, as it stands there.

    None: it sends none, or the token itself stands there.
    """
    if check is None:
        return None
    held = {one.name: one.value for one in check.variables}
    held |= {name: one.value for name, one in settings.items()}
    for one in _REFERENCE.finditer(check.template or ""):
        name = one[1] or one[2]
        if name == "ANON_KEY" or is_token(held.get(name)):
            return one.group()
    return None

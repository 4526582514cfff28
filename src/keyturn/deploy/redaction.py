"""What of a text that interpolates may be shown: its variables and its shape, no literal secret."""

from __future__ import annotations

import re
from typing import Final

from keyturn.deploy.names import speakable

_HARMLESS: Final = re.compile(r"(?:[\[\]{}\":,\s]|default|keys)*|-?\d{1,5}|true|false|public")
_SECRET_NAME: Final = re.compile(
    r"(?i)secret|key|token|pass|pwd|jwks|jwt|credential|auth|dsn|ur[il]"
)
_INTERPOLATION: Final = re.compile(r"\$\$|\$[_a-zA-Z][_a-zA-Z0-9]*|\$\{[_a-zA-Z][_a-zA-Z0-9]*|\}")
_OPERATOR: Final = re.compile(r":?[-+?]")
_LONG: Final = re.compile(r"[A-Za-z0-9+/_=.-]{16,}")
_USER: Final = re.compile(r"(://)[^\s/@]*(@?)")
_WHOLE: Final = re.compile(r"\$[_a-zA-Z][_a-zA-Z0-9]*|\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_WORDS: Final = re.compile(r"(?i)(?:\b(?:authorization: )?bearer |\bapikey: )$")
HIDDEN: Final = "…"


def shown(name: str, template: str, known: frozenset[str] = frozenset()) -> str:
    """Return the template with every literal part hidden that could be a secret.

    ``known``: names that are variables beyond doubt.

    Variables, operators and JSON brackets stay: ``${JWT_JWKS:-{"keys":[]}}`` is shown whole,
    ``${JWT_SECRET:-hunter2}`` as ``${JWT_SECRET:-…}``.
    """
    sensitive = bool(_SECRET_NAME.search(name))
    parts: list[str] = []
    at = depth = 0
    for match in _INTERPOLATION.finditer(template):
        parts.append(_literal(template[at : match.start()], sensitive, depth))
        parts.append(_named(match.group(), known))
        depth += match.group().startswith("${") - (match.group() == "}" and depth > 0)
        at = match.end()
    parts.append(_literal(template[at:], sensitive, depth))
    return "".join(parts)


def _named(text: str, known: frozenset[str]) -> str:
    """Return a variable's name as it stands, unless it can be a piece of a secret."""
    if text.lstrip("${") in known:
        return text
    loose = text.startswith("$") and not text.startswith(("$$", "${"))
    if loose and not speakable(text[1:], braced=False):
        return f"${HIDDEN}"
    return f"${{{HIDDEN}" if text.startswith("${") and not speakable(text[2:]) else text


def _literal(text: str, sensitive: bool, depth: int) -> str:
    operator = _OPERATOR.match(text) if depth else None
    sign, rest = (operator.group(), text[operator.end() :]) if operator else ("", text)
    if _HARMLESS.fullmatch(rest):
        return sign + rest
    if sensitive or depth:
        return sign + HIDDEN
    return sign + _USER.sub(rf"\1{HIDDEN}\2", _LONG.sub(HIDDEN, rest))


def skeleton(template: str) -> str:
    """Return a command line's template with only its interpolations and the word before each."""
    parts: list[str] = []
    at = 0
    for match in _WHOLE.finditer(template):
        before = _WORDS.search(template[at : match.start()])
        parts.append(HIDDEN + (before.group() if before else ""))
        parts.append(shown("command", match.group()))
        at = match.end()
    return "".join(parts) + (HIDDEN if at < len(template) else "")

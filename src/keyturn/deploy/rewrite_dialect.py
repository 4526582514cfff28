"""What the programs that read compose files get wrong, and how to write so that all agree.

docker-compose 1.29 and podman-compose before 1.6.0 end an interpolation at the first closing brace:
``${JWT_JWKS:-{"keys":[]}}`` gets one ``}`` too many and ``${A:-${B}}`` stays half literal (the
official file's own header; services.md §13 row 1). For them a default that holds a brace is left
out, which is the same text as long as the variable is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

_DEFAULT: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?-(.*)\}")


class Dialect(StrEnum):
    """Which program will read the files."""

    COMPOSE = "compose"
    """``docker compose``, the Go implementation, at any version 2."""
    COMPOSE_V1 = "compose-v1"
    """``docker-compose`` 1.x."""
    PODMAN = "podman"
    """``podman-compose``."""

    @property
    def nests(self) -> bool:
        """Whether braces within an interpolation's default are understood."""
        return self is Dialect.COMPOSE

    @property
    def replaces_lists(self) -> bool:
        """Whether a healthcheck's test in an override file replaces the one below it."""
        return self is not Dialect.PODMAN


def is_trap(template: str) -> bool:
    """Whether an old reader would misread ``template``: a brace within a default."""
    return any(sign in inner for inner in _defaults(template) for sign in "{}")


def flat(template: str, is_set: Callable[[str], bool]) -> str | None:
    """Return ``template`` as every reader understands it, None when there is no such text.

    ``is_set`` says whether a variable has a value; then its default is not needed.
    """
    match = _DEFAULT.fullmatch(template)
    if match is None:
        return None
    name, default = match[1], match[2]
    if is_set(name):
        return f"${{{name}}}"
    if default.startswith("${") and not is_trap(default):
        return default
    return default.replace("$$", "$") if "$" not in default.replace("$$", "") else None


def _defaults(template: str) -> list[str]:
    found, at = [], 0
    while (start := template.find("${", at)) >= 0:
        depth, index = 1, start + 2
        while index < len(template) and depth:
            depth += {"{": 1, "}": -1}.get(template[index], 0)
            index += 1
        found.append(template[start + 2 : index - 1])
        at = index
    return found

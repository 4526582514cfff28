"""One value that a service is given, with everything about where it comes from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from keyturn.deploy.place import Place
from keyturn.secret import Secret
from keyturn.secret_access import reveal

FINGERPRINT_CHARACTERS = 6


class Origin(StrEnum):
    """Which kind of place gave a value."""

    LITERAL = "literal"
    """Written out in the compose file or manifest."""
    DOT_ENV = ".env"
    """From ``.env`` or ``--env-file`` by interpolation."""
    PROCESS = "environment"
    """From the environment of whoever runs Compose; it outranks ``.env``."""
    ENV_FILE = "env_file"
    """From a file named under the service's ``env_file:``."""
    DEFAULT = "default"
    """From the ``:-`` part of an interpolation."""
    FILE = "file"
    """From the file that a ``*_FILE`` setting names."""
    WATCHED = "watched"
    """From a file in the folder that Auth watches (``--config-dir``); it outranks the rest."""
    KUBERNETES = "kubernetes"
    """From a Secret or ConfigMap."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is defined in ``.env``, or that a setting's text names."""

    name: str
    value: Secret | None = field(repr=False)
    """None: it is not set, which Compose treats as empty (with a warning)."""
    origin: Origin
    place: Place | None
    """Where it is defined (the last definition wins); None when unset or from the process."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable of one service, as the container would get it."""

    name: str
    value: Secret | None = field(repr=False)
    """None: named without a value and not set anywhere, so the container does not get it."""
    place: Place
    """Its line in the compose file, the ``env_file`` or the manifest."""
    template: str | None
    """The text there when it interpolates, ``${JWT_JWKS:-${JWT_SECRET}}``; None for a literal."""
    origin: Origin
    variables: tuple[Variable, ...] = ()
    """What the text names, in order; the first one set is where a fix goes."""

    @property
    def is_set(self) -> bool:
        """Whether the container gets it with a value that is not empty."""
        return bool(self.value)

    @property
    def changed_at(self) -> tuple[str, Place]:
        """Return the name and place that a change of the value belongs to.

        That is the variable which gives it, where it is defined in a file; else the setting itself.
        """
        for variable in self.variables:
            if variable.value and variable.place is not None:
                return variable.name, variable.place
        return self.name, self.place

    @property
    def fingerprint(self) -> str | None:
        """Return six hex digits that are equal for equal values; None when there is no value."""
        return fingerprint(self.value)

    def as_dict(self) -> dict[str, object]:
        """Return what may be shown: no value, and no literal text."""
        return {
            "name": self.name,
            "set": self.is_set,
            "fingerprint": self.fingerprint,
            "origin": self.origin.value,
            "place": self.place.as_dict(),
            "template": self.template,
            "variables": [
                {"name": v.name, "set": bool(v.value), "place": v.place and v.place.as_dict()}
                for v in self.variables
            ],
        }


@dataclass(frozen=True, slots=True)
class CommentedOut:
    """A setting that stands in the file behind a ``#``: ``#GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}``."""

    name: str
    place: Place
    template: str | None


def fingerprint(value: Secret | None) -> str | None:
    """Return the first six hex digits of SHA-256, None for no or an empty value."""
    if not value:
        return None
    return hashlib.sha256(reveal(value)).hexdigest()[:FINGERPRINT_CHARACTERS]

"""The changes that Keyturn can make to a deployment, as values: doctor proposes, migrate applies.

A plan is a sequence of these. What they look like in a file (which quotes, which line) is decided
by the writer, so a proposal can be shown without being done.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.secret import Secret


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Give ``name`` this value in ``.env`` (or another env file): replace, uncomment or append."""

    name: str
    value: Secret = field(repr=False)
    file: str = ".env"


@dataclass(frozen=True, slots=True)
class RemoveVariable:
    """Take ``name`` out of ``.env``, all its definitions."""

    name: str
    file: str = ".env"


@dataclass(frozen=True, slots=True)
class SetSetting:
    """Give a service the environment variable ``name`` with this text.

    ``template`` is what stands in the compose file, so a reference (``${JWT_JWKS}``) and never a
    secret itself.
    """

    service: str
    name: str
    template: str


@dataclass(frozen=True, slots=True)
class UncommentSetting:
    """Take the ``#`` from a setting that the compose file already carries commented out."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoveSetting:
    """Take the environment variable ``name`` from a service."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class SetHealthcheck:
    """Replace ``old`` by ``new`` in a healthcheck's text; both name variables only."""

    service: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ReplaceFile:
    """Replace a whole file that Keyturn renders (a gateway's configuration, a main script)."""

    path: str
    content: Secret = field(repr=False)
    mode: int | None = None
    """None: keep the mode of the old file, 0600 for a new one."""


Edit = (
    SetVariable
    | RemoveVariable
    | SetSetting
    | UncommentSetting
    | RemoveSetting
    | SetHealthcheck
    | ReplaceFile
)


def describe(edit: Edit) -> str:
    """Return one line for people that names what changes and no value."""
    match edit:
        case SetVariable(name=name, file=file):
            return f"set {name} in {file}"
        case RemoveVariable(name=name, file=file):
            return f"remove {name} from {file}"
        case SetSetting(service=service, name=name, template=template):
            return f"give {service} {name}: {template}"
        case UncommentSetting(service=service, name=name):
            return f"uncomment {name} of {service}"
        case RemoveSetting(service=service, name=name):
            return f"take {name} from {service}"
        case SetHealthcheck(service=service, old=old, new=new):
            return f"in the healthcheck of {service}, write {new} for {old}"
        case ReplaceFile(path=path):
            return f"write {path} anew"

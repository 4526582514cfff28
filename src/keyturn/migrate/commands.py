"""What a plan consists of: one small thing each, that can be begun, finished and undone.

No command holds a secret: the new content of a file is kept beside the journal (0600) under the
command's id, and here stands only its checksum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was or will be: SHA-256 of its bytes in hex, and its permission bits."""

    sha256: str
    mode: int | None = None
    """None: not known, or whatever the file has."""


class Way(StrEnum):
    """How a running service is told, without creating its container anew."""

    SIGNAL = "signal"
    """``argument`` is one signal: ``SIGUSR2`` makes PostgREST read ``@file`` and the database."""
    EXEC = "exec"
    """``argument`` is a command that runs in the container: ``kong reload``."""
    WATCH = "watch"
    """Nothing is said: it watches its file. ``argument`` is within how many seconds it has read
    it again."""


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Replace one file, atomically, keeping its owner."""

    id: str
    step: int
    path: str
    before: Stamp | None
    """None: there is no such file, and undoing removes it."""
    after: Stamp
    changes: tuple[str, ...] = ()
    """What changes in it, in words without values."""
    why: str = ""
    in_place: bool = False
    """The file keeps its inode: a container that runs on has it mounted by itself."""


@dataclass(frozen=True, slots=True)
class RecreateService:
    """``up -d --no-deps --force-recreate SERVICE``, then wait until it is healthy."""

    id: str
    step: int
    service: str
    notice: str = ""
    """What users will notice; empty: nothing."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReloadService:
    """Tell a running service that its files changed."""

    id: str
    step: int
    service: str
    way: Way
    argument: tuple[str, ...]
    notice: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask whether it works; ``name`` says which question, the prober knows how to ask it."""

    id: str
    step: int
    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Never a secret."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Go on only when ``seconds`` have passed since the command ``since`` was done."""

    id: str
    step: int
    seconds: int
    since: str | None
    """None: since the run began."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """Something that the user must know or do at this point."""

    id: str
    step: int
    text: str
    why: str = ""


Command = WriteFile | RecreateService | ReloadService | Probe | WaitUntil | Tell
ServiceCommand = RecreateService | ReloadService


def describe(command: Command) -> str:
    """Return one line for people."""
    match command:
        case WriteFile(path=path, before=before):
            return f"write {path}" if before is not None else f"create {path}"
        case RecreateService(service=service):
            return f"recreate {service}"
        case ReloadService(service=service, way=Way.WATCH, argument=argument):
            return f"let {service} read its files again (within {argument[0]} s, by itself)"
        case ReloadService(service=service, argument=argument):
            return f"reload {service} ({' '.join(argument)})"
        case Probe(name=name):
            return f"prove: {name}"
        case WaitUntil(seconds=seconds):
            return f"wait {length(seconds)}"
        case Tell(text=text):
            return f"note: {text}"


def length(seconds: int) -> str:
    """Return a length of time for people: ``2 h``, ``20 min``, ``19 min 5 s``."""
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)

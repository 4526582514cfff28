"""A deployment that exists only in memory, and short ways to ask about it."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.deploy.inventory import Inventory, Note
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask


class Memory:
    """A source of files by path."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {
            path: content.encode("utf-8", "surrogateescape")
            if isinstance(content, str)
            else content
            for path, content in files.items()
        }

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files or any(one.startswith(f"{path}/") for one in self.files)

    def names(self, folder: str) -> tuple[str, ...]:
        start = f"{folder}/" if folder else ""
        inside = (one[len(start) :] for one in self.files if one.startswith(start))
        return tuple(sorted({one.partition("/")[0] for one in inside}))

    def mode(self, path: str) -> int | None:
        return 0o600 if path in self.files else None


def read(files: Mapping[str, str | bytes], /, **ask: object) -> Inventory:
    """Read the files; keyword arguments are those of :class:`Ask`."""
    return inventory(Memory(files), Ask(**ask))  # type: ignore[arg-type]


def given(
    files: Mapping[str, str | bytes], service: str = "a", /, **ask: object
) -> dict[str, str | None]:
    """Return what the container of ``service`` gets."""
    found = read(files, **ask).services[service].settings
    return {name: text(one) for name, one in found.items()}


def compose(environment: str, **files: str | bytes) -> dict[str, str | bytes]:
    """Return a deployment of one service ``a`` whose ``environment:`` is this YAML."""
    block = "".join(f"      {line}\n" for line in environment.splitlines())
    return {"compose.yaml": f"services:\n  a:\n    image: x\n    environment:\n{block}", **files}


def codes(notes: tuple[Note, ...]) -> list[str]:
    """Return the codes of notes, without that of the unknown image ``x``."""
    return [one.code for one in notes if one.code != "unknown_service"]

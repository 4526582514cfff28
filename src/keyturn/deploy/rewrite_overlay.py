"""A deployment as it would be: the files as they are, with some of them replaced."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.deploy.opened import raw
from keyturn.deploy.source import Source
from keyturn.secret import Secret


@dataclass(slots=True)
class Overlay:
    """A :class:`~keyturn.deploy.source.Source` with ``changed`` laid over ``below``."""

    below: Source
    changed: dict[str, Secret] = field(default_factory=dict, repr=False)
    modes: dict[str, int] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """Return the new content where there is one."""
        return raw(self.changed[path]) if path in self.changed else self.below.read(path)

    def exists(self, path: str) -> bool:
        """Whether the file is there, or will be."""
        return path in self.changed or self.below.exists(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names in ``folder``, new files included."""
        head = f"{folder}/" if folder else ""
        new = {p.removeprefix(head).partition("/")[0] for p in self.changed if p.startswith(head)}
        return tuple(sorted({*self.below.names(folder), *new}))

    def mode(self, path: str) -> int | None:
        """Return the permission bits that the file has or will have."""
        found = self.modes.get(path)
        return self.below.mode(path) if found is None else found

    def put(self, path: str, content: bytes) -> None:
        """Replace ``path``; what equals the file as it is counts as no change."""
        if self.below.read(path) == content:
            self.changed.pop(path, None)
        else:
            self.changed[path] = Secret(content)

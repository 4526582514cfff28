"""A new file that appears complete, or not at all, and never in the place of another one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def create_new(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Create ``path``; raises ``FileExistsError`` when it exists, also when somebody was faster.

    Unlike a rename, the final hard link fails over an existing file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""SQL by name: one statement or function per file in the ``sql`` folder beside the code."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def load(package: str, name: str) -> str:
    """Return the text of ``<package>/sql/<name>.sql``; read once per process.

    ``name`` may hold a folder (``"rest/tables"``) and may end in ``.sql``. Raises
    ``FileNotFoundError`` when there is no such file, which is a fault of the installation.
    """
    relative = name if name.endswith(".sql") else f"{name}.sql"
    entry = resources.files(package).joinpath("sql", *relative.split("/"))
    return entry.read_text(encoding="utf-8")

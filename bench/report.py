"""Lines of a report: printed as they are measured, and kept for a Markdown file."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """One line that says where the numbers are from."""
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}, {platform.system()} {platform.machine()}."


@dataclass
class Report:
    """Sections of ``name  value  note`` rows."""

    sections: list[tuple[str, list[tuple[str, str, str]]]] = field(default_factory=list)

    def section(self, title: str) -> None:
        """Begin a section."""
        self.sections.append((title, []))
        print(f"\n{title}", flush=True)

    def row(self, name: str, value: str, note: str = "") -> None:
        """Print and keep one result."""
        self.sections[-1][1].append((name, value, note))
        print(f"  {name:<44} {value:>16}  {note}", flush=True)

    def markdown(self) -> str:
        """The whole report as a document."""
        lines = [
            "# Benchmarks",
            "",
            "Written by `make bench ARGS=--write`. Machines are noisy: read the ratios, which were",
            "measured in one run with client, server and database sharing the same cores.",
            "",
            machine(),
        ]
        for title, rows in self.sections:
            lines += ["", f"## {title}", "", "| what | result | note |", "|---|---:|---|"]
            lines += [f"| {name} | {value} | {note} |" for name, value, note in rows]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write the document."""
        path.write_text(self.markdown())
        print(f"\nwritten: {path}", file=sys.stderr)

"""Lines of a report: printed as they are measured, and kept as one part of a Markdown file."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

TITLES = {
    "stack": "The running stack",
    "accounts": "Accounts",
    "verify": "The verifier",
    "doctor": "Doctor",
    "pages": "The console's pages",
}
HEAD = """# Benchmarks

Written by `make bench`; `make bench ARGS="--only verify"` renews one part and keeps the other.
Machines are noisy: read the ratios, which were measured in one run, in turns, with
everything on the same cores.
"""
_PART = re.compile(r"<!-- begin (\w+) -->\n(.*?)<!-- end \1 -->\n", re.DOTALL)


def machine() -> str:
    """One line that says where the numbers are from."""
    where = f"{os.cpu_count()} cores{_processor()}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}, {platform.system()} {platform.machine()}."


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        return ""
    return f" of {found[1]}" if found else ""


@dataclass
class Report:
    """One part of the document (a name of ``TITLES``): notes, and sections of rows."""

    part: str
    notes: list[str] = field(default_factory=list)
    sections: list[tuple[str, list[tuple[str, str, str]]]] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Print and keep a paragraph that stands before the sections."""
        self.notes.append(text)
        print(text, flush=True)

    def section(self, title: str) -> None:
        """Begin a section."""
        self.sections.append((title, []))
        print(f"\n{title}", flush=True)

    def row(self, name: str, value: str, note: str = "") -> None:
        """Print and keep one result."""
        self.sections[-1][1].append((name, value, note))
        print(f"  {name:<44} {value:>16}  {note}", flush=True)

    def markdown(self) -> str:
        """The part as Markdown."""
        lines = [f"## {TITLES[self.part]}", "", machine()]
        for note in self.notes:
            lines += ["", note]
        for title, rows in self.sections:
            lines += ["", f"### {title}", "", "| what | result | note |", "|---|---:|---|"]
            lines += [f"| {name} | {value} | {note} |" for name, value, note in rows]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write this part into the document; the other parts stay as they are."""
        parts = dict(_PART.findall(path.read_text())) if path.exists() else {}
        parts[self.part] = self.markdown()
        texts = [
            f"<!-- begin {part} -->\n{parts[part]}<!-- end {part} -->\n"
            for part in TITLES
            if part in parts
        ]
        path.write_text("\n".join([HEAD, *texts]))
        print(f"\nwritten: {self.part} of {path}", file=sys.stderr)

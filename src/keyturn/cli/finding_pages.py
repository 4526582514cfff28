"""Writes ``docs/findings``: one page per finding of doctor; a test compares them.

``python -m keyturn.cli.finding_pages docs/findings`` writes them anew.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from keyturn.cli.written_pages import write
from keyturn.doctor.catalogue import RULES
from keyturn.doctor.finding_page import index, page


def pages() -> Mapping[str, str]:
    """Return the name and the text of every page."""
    return {"README.md": index(RULES), **{f"{rule.id}.md": page(rule) for rule in RULES}}


if __name__ == "__main__":
    write(Path(sys.argv[1]), pages())

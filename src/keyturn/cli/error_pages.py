"""Writes ``docs/errors``: one page per message that doctor can explain; a test compares them.

``python -m keyturn.cli.error_pages docs/errors`` writes them anew and removes what is no message
any more.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from keyturn.cli.written_pages import write
from keyturn.doctor.catalogue import RULES
from keyturn.doctor.symptom_page import index, page, rules_by_slug
from keyturn.doctor.symptoms import SYMPTOMS


def pages() -> Mapping[str, str]:
    """Return the name and the text of every page."""
    rules = rules_by_slug(RULES)
    named = {f"{one.slug}.md": page(one, rules.get(one.slug, ())) for one in SYMPTOMS}
    return {"README.md": index(), **named}


if __name__ == "__main__":
    write(Path(sys.argv[1]), pages())

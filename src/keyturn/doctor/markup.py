"""Foreign text in Markdown: as code, and as prose that must not become markup or a mention."""

from __future__ import annotations


def code(text: str) -> str:
    """Return ``text`` as code; one that holds a backtick gets a longer fence (CommonMark §6.1)."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def inline(text: str) -> str:
    """Return ``text`` on one line without tags, mentions or borders of a table's cell."""
    return " ".join(text.split()).replace("<", "&lt;").replace("@", "@\u200b").replace("|", "\\|")

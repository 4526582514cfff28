"""Real deployments beside the checkout, where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"


def corpus_entries() -> list[Path]:
    """Return the folders of the corpus, oldest first."""
    return sorted(one for one in CORPUS.iterdir() if one.is_dir()) if CORPUS.is_dir() else []

"""The supervisor's log book: every line in its file and on the terminal, whatever breaks."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

from keyturn.wiring.locations import Locations
from keyturn.wiring.stack_logs import LogBook


async def test_each_part_has_its_file_and_all_are_shown(tmp_path: Path) -> None:
    """Lines keep their order; our own records carry the time and come from any thread."""
    shown: list[tuple[str, str]] = []
    book = LogBook(Locations(tmp_path), lambda name, line: shown.append((name, line)))
    book.open()
    for number in range(3):
        book.line("auth", f"line {number}")
    await asyncio.to_thread(logging.getLogger("keyturn.ring").warning, "the ring is away")
    await asyncio.sleep(0)
    book.line("envoy", "last words")
    book.close()

    assert (tmp_path / "logs" / "auth.log").read_text() == "line 0\nline 1\nline 2\n"
    assert (tmp_path / "logs" / "envoy.log").read_text() == "last words\n"
    own = (tmp_path / "logs" / "up.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ WARNING keyturn.ring: .* away\n", own)
    assert [name for name, _ in shown] == ["auth", "auth", "auth", "up", "envoy"]


async def test_a_lost_terminal_or_disk_stops_nothing(tmp_path: Path) -> None:
    """Where lines cannot be kept or shown they are lost, and the rest goes on."""
    (tmp_path / "logs").write_text("a file where the folder should be")

    def gone(name: str, line: str) -> None:
        raise BrokenPipeError

    book = LogBook(Locations(tmp_path), gone)
    book.line("auth", "lost")
    await asyncio.sleep(0)
    book.close()

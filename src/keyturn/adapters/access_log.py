"""Reads an access log of any size, plain or gzip, a file or standard input, line by line."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Final, cast

from keyturn.doctor.access_log_formats import parse
from keyturn.doctor.access_log_tally import Tally
from keyturn.doctor.facts import LogFacts, Unknown
from keyturn.flows.ports.doctor import STANDARD_INPUT

LONGEST_LINE: Final = 32_768
"""Bytes; a longer line is counted as unreadable and not kept in memory."""
_GZIP: Final = b"\x1f\x8b"


def read(path: str) -> LogFacts | Unknown:
    """Implement :class:`keyturn.flows.ports.doctor.AccessLog`."""
    try:
        if path == STANDARD_INPUT:
            return _telling(_read(sys.stdin.buffer), "the log on standard input")
        with open(path, "rb") as stream:
            return _telling(_read(stream), path)
    except OSError as problem:
        return Unknown(f"{path} cannot be read: {problem.strerror or problem}.")


def _telling(facts: LogFacts, name: str) -> LogFacts | Unknown:
    """Return the facts, or why they say nothing: no line of the log could be read."""
    if facts.lines > facts.unreadable or facts.cut_short:
        return facts
    if not facts.lines:
        return Unknown(f"{name} is empty.")
    return Unknown(
        f"none of the {facts.lines} lines of {name} is in a format that Keyturn reads: "
        "combined (Kong, nginx), Envoy's, Caddy's."
    )


def _read(raw: BinaryIO) -> LogFacts:
    tally, cut_short = Tally(), None
    with ExitStack() as held:
        try:
            for text in _lines(_unpacked(raw, held)):
                _count(tally, text)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            cut_short = "The log could not be read to its end: its gzip data is cut or damaged."
    return tally.facts(cut_short)


def _unpacked(raw: BinaryIO, held: ExitStack) -> BinaryIO:
    """Return the log's text as bytes; all that is asked of the result is ``readline``."""
    buffered = held.enter_context(io.BufferedReader(_Chunks(raw)))
    if not buffered.peek(2).startswith(_GZIP):
        return buffered
    return cast(BinaryIO, held.enter_context(gzip.GzipFile(fileobj=buffered)))


class _Chunks(io.RawIOBase):
    """Any byte stream as a raw one, so that its beginning can be looked at first."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what fits."""
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield each line that is not empty, None for one that is too long."""
    while raw := stream.readline(LONGEST_LINE):
        if raw.endswith(b"\n") or len(raw) < LONGEST_LINE:
            if raw := raw.strip():
                yield raw
            continue
        while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _count(tally: Tally, raw: bytes | None) -> None:
    line = None if raw is None else parse(raw.decode("utf-8", "replace"))
    if line is None:
        tally.unreadable()
    else:
        tally.add(line)

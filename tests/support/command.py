"""The command line inside this process: what it printed and how it ended."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from keyturn.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


class RunWith(Protocol):
    """Runs ``keyturn`` with arguments and a standard input."""

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Return what it printed and its exit code."""
        ...


def runner(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *before: str,
) -> RunWith:
    """Return a function that runs ``keyturn``; ``before`` are arguments of every call."""

    def call(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        try:
            main((*before, *arguments))
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0
        else:
            code = 0
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call

"""Golden reports: what a user sees of each deployment, line by line.

``KEYTURN_WRITE_GOLDEN=1`` writes them anew; look at the diff before committing it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.cli_doctor.faults import CASES, broken
from tests.support.command import RunWith

GOLDEN = Path(__file__).parent / "golden"
WRITE = bool(os.environ.get("KEYTURN_WRITE_GOLDEN"))
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_FINGERPRINT = re.compile(r"\([0-9a-f]{6}(?=[:)])")
_SHORT_KID = re.compile(r"\b[0-9a-f]{8}…")


def normalised(text: str, folder: Path) -> str:
    """Give every fresh kid and fingerprint a name by order of appearance."""
    text = text.replace(str(folder), "DIR")
    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        # As long as the original, so that lines wrap alike.
        return names.setdefault(match[0], f"kid-{len(names) + 1:0>32}")

    return _FINGERPRINT.sub("(######", _SHORT_KID.sub("kid…", _UUID.sub(name, text)))


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_the_golden_one(
    name: str, doctor: RunWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deployment"
    broken(name, folder)
    monkeypatch.chdir(folder)
    parts = [normalised(doctor(*more).out, folder) for more in ((), ("--fix",))]
    report = "\n---- --fix ----\n".join(parts)
    path = GOLDEN / f"{name}.txt"
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(report, encoding="utf-8")
    assert report == path.read_text(encoding="utf-8")


def test_there_is_no_golden_report_of_nothing() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)

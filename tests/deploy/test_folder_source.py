"""The one adapter that reads a deployment from disk, and only reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.deployments import healthy

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.files import MAX_BYTES
from keyturn.deploy.place import Unreadable
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"\xff")
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / ".env").chmod(0o640)
    source = FolderSource(tmp_path)
    assert source.read("sub/a") == b"\xff"
    assert source.read("sub") is None
    assert source.read("gone") is None
    assert source.read("\0") is None
    assert source.exists("sub")
    assert not source.exists("gone")
    assert not source.exists("\0")
    assert source.names("") == (".env", "sub")
    assert source.names("gone") == ()
    assert source.names(".env") == ()
    assert source.mode(".env") == 0o640
    assert source.mode("gone") is None
    assert source.read(str(tmp_path / ".env")) == b"A=1"
    assert FolderSource(tmp_path / "sub").read("../.env") == b"A=1"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert FolderSource(tmp_path).read("pipe") is None


def test_of_a_huge_file_only_the_start_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(MAX_BYTES * 100)
    content = FolderSource(tmp_path).read("huge")
    assert content is not None
    assert len(content) == MAX_BYTES + 1


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, to whom nothing is forbidden, so the refusal is the library's."""
    made = healthy(tmp_path)
    forbidden = {".env"}
    really = Path.open

    def refuse(self: Path, *arguments: str, **options: str) -> object:
        if self.name in forbidden:
            raise PermissionError(13, "Permission denied", str(self))
        return really(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Unreadable, match=r"^\.env: .*may not read") as caught:
        inventory(FolderSource(made.folder), Ask())
    assert caught.value.hint is not None
    forbidden.clear()
    forbidden.add("lds.template.yaml")
    found = inventory(FolderSource(made.folder), Ask())
    (note,) = [one for one in found.notes if one.code == "missing_file"]
    assert "may not read" in note.message


def test_reading_changes_nothing(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_mode) for p in tmp_path.rglob("*")}
    made.inventory()
    assert {p: (p.stat().st_mtime_ns, p.stat().st_mode) for p in tmp_path.rglob("*")} == before

"""Files on disk: whole or not at all, owner, mode and links kept, nothing left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.flows.ports.apply import CannotWrite
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret

ROOT = os.geteuid() == 0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"old")
    (tmp_path / ".env").chmod(0o640)
    files = DeploymentWriter(tmp_path)
    files.check_writable(".env")
    files.write(".env", Secret("new"), None)
    stamp = files.stamp(".env")
    assert stamp is not None
    assert (stamp.sha256, stamp.mode) == (digest(b"new"), 0o640)
    assert names(tmp_path) == [".env"]


def test_a_new_file_is_private_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        DeploymentWriter(tmp_path).write("a/b/new.yml", Secret("x"), None)
    finally:
        os.umask(before)
    assert mode(tmp_path / "a/b/new.yml") == 0o600


def test_a_mode_that_is_asked_for_is_set(tmp_path: Path) -> None:
    (tmp_path / "kong.yml").write_bytes(b"old")
    DeploymentWriter(tmp_path).write("kong.yml", Secret("new"), 0o444)
    assert mode(tmp_path / "kong.yml") == 0o444


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/env").write_bytes(b"old")
    (tmp_path / "deployment").mkdir()
    (tmp_path / "deployment/.env").symlink_to("../real/env")
    files = DeploymentWriter(tmp_path / "deployment")
    files.write(".env", Secret("new"), None)
    assert (tmp_path / "deployment/.env").is_symlink()
    assert (tmp_path / "real/env").read_bytes() == b"new"
    assert names(tmp_path / "real") == ["env"]


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"old")
    os.chown(path, 12345, 54321)
    DeploymentWriter(tmp_path).write(".env", Secret("new"), None)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    DeploymentWriter(tmp_path).write(".env", Secret("new"), None)
    assert os.getxattr(path, "user.note") == b"mine"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("file", r"\.env is read-only"),
        ("folder", r"\.env stands in a read-only folder"),
        ("directory", r"\.env is not a regular file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_starts(
    tmp_path: Path, what: str, says: str
) -> None:
    path = tmp_path / ".env"
    if what == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"old")
    (path if what == "file" else tmp_path).chmod(0o500 if what == "folder" else 0o444)
    try:
        with pytest.raises(CannotWrite, match=says) as refusal:
            DeploymentWriter(tmp_path).check_writable(".env")
        assert refusal.value.hint
    finally:
        tmp_path.chmod(0o700)


def test_a_file_of_somebody_else_is_not_called_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes(b"old")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK and access(path, how))
    with pytest.raises(CannotWrite, match="may not be written by this user") as refusal:
        DeploymentWriter(tmp_path).check_writable(".env")
    assert "owner of the file" in (refusal.value.hint or "")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match=r"\.env could not be written: No space left"):
        DeploymentWriter(tmp_path).write(".env", Secret("new"), None)
    assert names(tmp_path) == [".env"]
    assert (tmp_path / ".env").read_bytes() == b"old"


def test_what_a_crash_left_is_tidied(tmp_path: Path) -> None:
    files = DeploymentWriter(tmp_path)
    (tmp_path / ".env").write_bytes(b"old")
    (tmp_path / "..env.keyturn-new").write_bytes(b"half")
    files.tidy(".env")
    assert names(tmp_path) == [".env"]
    files.remove(".env")
    files.remove(".env")
    assert names(tmp_path) == []
    assert files.stamp(".env") is None


def test_a_file_that_a_container_has_mounted_by_itself_keeps_its_inode(tmp_path: Path) -> None:
    target = tmp_path / "jwks.json"
    target.write_bytes(b"a longer old text")
    target.chmod(0o640)
    with target.open("rb") as mounted:
        files = DeploymentWriter(tmp_path)
        files.write("jwks.json", Secret("new"), None, in_place=True)
        assert mounted.read() == b"new"
    assert (mode(target), names(tmp_path)) == (0o640, ["jwks.json"])


def test_a_file_cut_short_in_its_place_counts_as_written_and_is_finished(tmp_path: Path) -> None:
    """The new content lies beside it, whole, before the first byte of the old one goes."""
    target, beside = tmp_path / "jwks.json", tmp_path / ".jwks.json.keyturn-now"
    target.write_bytes(b"new te\x00\x00old")
    beside.write_bytes(b"new text")
    beside.chmod(0o600)
    inode = target.stat().st_ino
    files = DeploymentWriter(tmp_path)
    stamp = files.stamp("jwks.json")
    assert stamp is not None
    assert stamp.sha256 == digest(b"new text")
    files.tidy("jwks.json")
    assert (target.read_bytes(), target.stat().st_ino) == (b"new text", inode)
    assert names(tmp_path) == ["jwks.json"]

"""A secret lands in a new file, whole and private, or nowhere."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keyturn.adapters.new_file import create_new


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_new(path, b"first")
    with pytest.raises(FileExistsError):
        create_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_of_many_writers_one_wins_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def write(number: int) -> bool:
        try:
            create_new(path, bytes([number]) * 1000)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = [number for number, done in enumerate(threads.map(write, range(24))) if done]
    assert len(won) == 1
    assert path.read_bytes() == bytes(won) * 1000


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody who can write to the folder cannot send the secret elsewhere."""
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_new(tmp_path / "key", b"secret")
    assert not (tmp_path / "elsewhere").exists()

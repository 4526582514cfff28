"""How commands find the data folder, the database and the state of a stack."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from keyturn.adapters.folder_lock import FolderLock
from keyturn.errors import Unreachable, UsageError
from keyturn.secret import Secret
from keyturn.wiring.local_keys import read_local_keys, write_local_keys
from keyturn.wiring.locations import (
    DATABASE_VARIABLES,
    Locations,
    StackState,
    StateUnreadable,
    auth_database,
    locations,
    read_state,
    write_state,
)

STATE = StackState(
    pid=1,
    started_at="2026-11-23T22:00:00Z",
    ready=True,
    data_dir="/somewhere",
    api_url="http://127.0.0.1:8000",
    jwks_url="http://127.0.0.1:8000/auth/v1/.well-known/jwks.json",
    console_url="http://127.0.0.1:8000/",
    database_url="postgresql://postgres:pw@127.0.0.1/postgres",
    auth_database_url="postgresql://supabase_auth_admin:pw@127.0.0.1/postgres",
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database and no data folder come from the environment of the test run."""
    for name in (*DATABASE_VARIABLES, "KEYTURN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_data_folder_is_the_option_then_the_variable_then_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest word wins, and the answer is absolute."""
    monkeypatch.chdir(tmp_path)
    assert locations().root == tmp_path / ".keyturn"
    monkeypatch.setenv("KEYTURN_DATA_DIR", "elsewhere")
    assert locations().root == tmp_path / "elsewhere"
    assert locations("/given").root == Path("/given")


def test_state_is_private_and_comes_back(tmp_path: Path) -> None:
    """What was written is read again; only the owner may read it; repr shows no DSN."""
    where = Locations(tmp_path)
    write_state(where, STATE)

    assert read_state(where) == STATE
    assert stat.S_IMODE(where.state.stat().st_mode) == 0o600
    assert "pw" not in repr(STATE)


def test_a_newer_version_may_have_written_more(tmp_path: Path) -> None:
    """Members that this version does not know are left out."""
    where = Locations(tmp_path)
    write_state(where, STATE)
    document = json.loads(where.state.read_text())
    where.state.write_text(json.dumps({**document, "from_the_future": 1}))

    assert read_state(where) == STATE


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": 1}', "\ufeff{}", "\x00"])
def test_a_damaged_state_file_is_named(tmp_path: Path, content: str) -> None:
    """A broken file is an error with a way out, never a crash."""
    where = Locations(tmp_path)
    where.state.write_text(content)

    with pytest.raises(StateUnreadable) as caught:
        read_state(where)
    assert str(where.state) in caught.value.message


def test_the_database_is_the_variable_then_the_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment wins, unless a folder was named on the command line."""
    where = Locations(tmp_path)
    write_state(where, STATE)
    lock = FolderLock(where.lock)
    lock.acquire()
    assert auth_database(where) == Secret(STATE.auth_database_url)

    monkeypatch.setenv("DATABASE_URL", "postgres://third")
    monkeypatch.setenv("KEYTURN_DATABASE_URL", "postgres://first")
    assert auth_database(where) == Secret("postgres://first")
    assert auth_database(where, explicit=True) == Secret(STATE.auth_database_url)
    lock.release()


def test_what_a_killed_stack_left_behind_is_not_believed(tmp_path: Path) -> None:
    """The state file of a supervisor that was killed does not lead to a dead database."""
    where = Locations(tmp_path)
    write_state(where, STATE)

    with pytest.raises(Unreachable, match="is not running"):
        auth_database(where)


def test_without_any_database_the_way_out_is_named(tmp_path: Path) -> None:
    """A stack that was never started, and one that is stopped, are told apart."""
    where = Locations(tmp_path)
    with pytest.raises(UsageError, match="KEYTURN_DATABASE_URL is not set"):
        auth_database(where)

    where.postgres.mkdir()
    with pytest.raises(Unreachable, match="is not running"):
        auth_database(where)


def test_local_keys_are_private_and_forgiving(tmp_path: Path) -> None:
    """The file is 0600; a damaged or foreign one counts as empty."""
    where = Locations(tmp_path)
    assert read_local_keys(where) == {}
    write_local_keys(where, {"publishable_key": "a", "secret_key": "b", "other": "c"})

    assert read_local_keys(where) == {"publishable_key": "a", "secret_key": "b"}
    assert stat.S_IMODE(where.api_keys.stat().st_mode) == 0o600
    for content in ("[1]", "{", '{"secret_key": 1}'):
        where.api_keys.write_text(content)
        assert read_local_keys(where) == {}

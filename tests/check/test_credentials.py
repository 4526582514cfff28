"""Where `keyturn check` takes API key, user and password from."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from keyturn.adapters.folder_lock import FolderLock
from keyturn.errors import UsageError
from keyturn.wiring.deployment_check import CheckOptions, target_of
from keyturn.wiring.local_keys import write_local_keys
from keyturn.wiring.locations import Locations, StackState, write_state

URL = "http://127.0.0.1:8000"


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A data folder whose stack listens on port 8000."""
    where = Locations(tmp_path)
    FolderLock(where.lock).acquire()
    write_state(where, StackState(1, "", True, "", URL, "", "", "dsn", "dsn"))
    write_local_keys(where, {"publishable_key": "local-pub", "secret_key": "local-sec"})
    return tmp_path


@pytest.mark.parametrize("url", [URL, URL + "/", "http://localhost:8000"])
def test_the_stack_that_runs_here_lends_its_keys(running: Path, url: str) -> None:
    """When the address is that of the local stack nothing has to be given."""
    target = target_of(CheckOptions(url, data_dir=str(running)), {})

    assert (target.api_key, target.secret_key) == ("local-pub", "local-sec")
    assert target.throw_away


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001", "http://example.com:8000", "http://[::1", "x"]
)
def test_another_address_gets_no_local_key(running: Path, url: str) -> None:
    """A secret key is never sent to a host that it is not for."""
    target = target_of(CheckOptions(url, data_dir=str(running)), {})

    assert (target.api_key, target.secret_key) == (None, None)


def test_files_then_environment_then_local(running: Path, tmp_path: Path) -> None:
    """What was said most directly wins."""
    environment = {"KEYTURN_API_KEY": "env-pub", "KEYTURN_SECRET_KEY": "env-sec"}
    given = tmp_path / "key"
    given.write_text("file-pub\n")

    options = CheckOptions(URL, data_dir=str(running))
    assert target_of(options, environment).api_key == "env-pub"
    assert target_of(options, environment).secret_key == "env-sec"
    options = CheckOptions(URL, data_dir=str(running), api_key_file=str(given))
    assert target_of(options, environment).api_key == "file-pub"


def test_a_named_user_needs_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password comes from the environment, a file or standard input, never from argv."""
    options = CheckOptions(URL, email="a@b.c", data_dir=str(tmp_path))
    with pytest.raises(UsageError, match=r"no password for a@b\.c"):
        target_of(options, {})
    assert target_of(options, {"KEYTURN_CHECK_PASSWORD": "pw"}).password == "pw"

    monkeypatch.setattr("sys.stdin", io.StringIO("piped\n"))
    piped = CheckOptions(URL, email="a@b.c", password_file="-", data_dir=str(tmp_path))
    assert target_of(piped, {}).password == "piped"
    assert not target_of(options, {"KEYTURN_CHECK_PASSWORD": "pw"}).throw_away


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The option and the reason are in the message."""
    with pytest.raises(UsageError, match=r"--apikey-file .*nowhere cannot be read: No such file"):
        target_of(CheckOptions(URL, api_key_file=str(tmp_path / "nowhere")), {})


def test_throw_away_users_are_never_the_same(tmp_path: Path) -> None:
    """Two checks at the same moment do not meet."""
    options = CheckOptions(URL, data_dir=str(tmp_path))
    one, other = target_of(options, {}), target_of(options, {})

    assert one.email != other.email
    assert one.password != other.password
    assert "password" not in repr(one)

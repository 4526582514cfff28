"""The last good key set across restarts, and files that must not be believed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.verifier.issuer import AUDIENCE, HOST, ISSUER, NEW, OLD, Issuer, token, until

from keyturn import Alarm, AlarmKind, CachePolicy, KeysUnavailable, Verifier
from keyturn.jose.jwks import public_jwks
from keyturn.wiring.verifier_remote import RemoteKeys


class Restarts:
    """Verifiers of one issuer, one after the other, with one file."""

    def __init__(self, issuer: Issuer, path: Path) -> None:
        self.issuer, self.path = issuer, path
        self.alarms: list[Alarm] = []
        self._open: list[Verifier] = []

    def start(self, cache: CachePolicy | None = None) -> Verifier:
        """A new process, as far as the verifier is concerned."""
        verifier = Verifier.remote(
            self.issuer.url,
            issuer=ISSUER,
            audience=AUDIENCE,
            algorithms={"ES256", "HS256"},
            legacy_secret="a-secret-that-is-long-enough-for-hs256",
            allow_http_hosts={HOST},
            cache=cache,
            last_good=self.path,
            on_alarm=self.alarms.append,
        )
        self._open.append(verifier)
        return verifier

    def stop(self) -> None:
        """End all of them, and wait for what they still write."""
        while self._open:
            verifier = self._open.pop()
            verifier.close()
            keys = verifier._keys
            assert isinstance(keys, RemoteKeys)
            if keys._worker is not None:
                keys._worker.join(5)

    def edit(self, **members: object) -> None:
        """Change members of the file, keeping its mode."""
        stored = json.loads(self.path.read_text())
        self.path.write_text(json.dumps({**stored, **members}))


@pytest.fixture
def restarts(issuer: Issuer, tmp_path: Path) -> Iterator[Restarts]:
    """One issuer and one file in a folder that does not exist yet."""
    one = Restarts(issuer, tmp_path / "state" / "jwks.json")
    yield one
    one.stop()


@pytest.fixture
def saved(restarts: Restarts) -> Restarts:
    """A verifier has run and ended; the endpoint is dead since."""
    restarts.start().verify_now(token(OLD))
    restarts.stop()
    restarts.issuer.status = 503
    return restarts


def test_a_restart_does_not_need_the_endpoint(saved: Restarts) -> None:
    verifier = saved.start()
    assert verifier.verify_now(token(OLD))["sub"] == "u"
    assert verifier.health().origin == "file"
    assert saved.alarms == []


def test_the_file_is_private_and_holds_no_secret(saved: Restarts) -> None:
    assert saved.path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in saved.path.parent.iterdir()] == ["jwks.json"]
    stored = json.loads(saved.path.read_text())
    assert stored["jwks"] == public_jwks([OLD.verifying_key()])


def test_a_file_is_confirmed_by_the_endpoint_when_that_is_alive(restarts: Restarts) -> None:
    restarts.issuer.headers["etag"] = '"1"'
    restarts.start().verify_now(token(OLD))
    restarts.stop()
    verifier = restarts.start()
    verifier.verify_now(token(OLD))
    until(lambda: verifier.health().origin == "fetched")
    assert restarts.issuer.requests[-1]["if-none-match"] == '"1"'


def test_a_file_is_not_used_beyond_the_hard_cap(saved: Restarts) -> None:
    confirmed = json.loads(saved.path.read_text())["confirmed_at"]
    saved.edit(confirmed_at=confirmed - 600 - 86_400 + 30)
    assert saved.start().verify_now(token(OLD))["sub"] == "u"
    saved.edit(confirmed_at=confirmed - 600 - 86_400 - 30)
    with pytest.raises(KeysUnavailable):
        saved.start().verify_now(token(OLD))


def unbelieved(saved: Restarts, why: str) -> None:
    """The file is not used, and its owner is told why."""
    with pytest.raises(KeysUnavailable):
        saved.start().verify_now(token(OLD))
    first = saved.alarms[0]
    assert (first.kind, why in first.message) == (AlarmKind.LAST_GOOD_FILE, True)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_believed(saved: Restarts, mode: int) -> None:
    saved.path.chmod(mode)
    unbelieved(saved, "by others")


def test_a_link_is_not_followed(saved: Restarts) -> None:
    elsewhere = saved.path.with_name("planted.json")
    saved.path.rename(elsewhere)
    saved.path.symlink_to(elsewhere)
    unbelieved(saved, "cannot be read")


def test_a_pipe_does_not_hang_the_start(saved: Restarts) -> None:
    saved.path.unlink()
    os.mkfifo(saved.path, 0o600)
    unbelieved(saved, "not a file")


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"schema_version":1}', "[" * 10**5])
def test_a_broken_file_is_not_believed(saved: Restarts, text: str) -> None:
    saved.path.write_text(text)
    unbelieved(saved, "not a saved key set")


@pytest.mark.parametrize("members", [{"source": "https://other.example"}, {"schema_version": 2}])
def test_a_file_of_another_issuer_is_not_believed(
    saved: Restarts, members: dict[str, object]
) -> None:
    saved.edit(**members)
    unbelieved(saved, "another address")


def test_a_file_from_the_future_is_not_believed(saved: Restarts) -> None:
    saved.edit(confirmed_at=4e9)
    unbelieved(saved, "future")


def test_a_secret_that_was_written_into_the_file_verifies_nothing(saved: Restarts) -> None:
    saved.edit(jwks={"keys": [{"kty": "oct", "kid": "x", "k": "c2VjcmV0" * 8}]})
    verifier = saved.start()
    assert [key.kid for key in verifier.health().keys] == [None]  # the legacy secret of its own


def test_what_is_invalidated_does_not_come_back_with_a_restart(saved: Restarts) -> None:
    saved.start().invalidate()
    assert not saved.path.exists()


def test_what_is_pushed_is_there_after_a_restart(saved: Restarts) -> None:
    saved.start().push(public_jwks([NEW.verifying_key()]))
    saved.stop()
    assert saved.start().verify_now(token(NEW))["sub"] == "u"


def test_a_place_that_cannot_be_written_costs_an_alarm_and_no_token(
    issuer: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("not a folder")
    restarts = Restarts(issuer, tmp_path / "occupied" / "jwks.json")
    assert restarts.start().verify_now(token(OLD))["sub"] == "u"
    restarts.stop()
    assert {alarm.kind for alarm in restarts.alarms} == {AlarmKind.LAST_GOOD_FILE}

"""What runs, beside the files: access logs, a database that does not answer, and readiness."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.command import RunWith
from tests.support.deployments import NOW, Deployment, healthy


@pytest.fixture
def sound(tmp_path: Path) -> Deployment:
    """A deployment in which nothing is wrong."""
    return healthy(tmp_path / "sound")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two hours in which one verifier caches the JWKS and another asks all the time."""
    lines = []
    for second in range(0, 7200, 5):
        moment = f"{NOW + timedelta(seconds=second):%d/%b/%Y:%H:%M:%S +0000}"
        get = '"GET /auth/v1/.well-known/jwks.json HTTP/1.1" 200 300 "-"'
        lines.append(f'10.0.0.9 - - [{moment}] {get} "python-httpx/0.27"')
        if second % 600 == 0:
            lines.append(f'10.0.0.7 - - [{moment}] {get} "jose/5.2"')
    path = tmp_path / "access.log"
    path.write_text("\n".join(lines))
    return path


def test_who_fetches_the_jwks_is_drawn_and_counted(
    doctor: RunWith, sound: Deployment, log: Path
) -> None:
    text = doctor(str(sound.folder), "--access-log", str(log)).out
    assert "1 client fetches the JWKS for each request" in text
    assert "periodic, every 10 min" in text
    assert max(map(len, text.partition("What runs")[2].splitlines())) <= 80
    seen = doctor(str(sound.folder), "--access-log", str(log), "--json").json
    rhythms = {one["client"]: one["rhythm"] for one in seen["observed"]["access_log"]["jwks"]}
    assert sorted(rhythms.values()) == ["per request", "periodic"]
    assert "1452 lines of access log" in seen["looked_at"]
    assert "the access logs" not in [gap["what"] for gap in seen["not_looked_at"]]


def test_a_log_comes_from_standard_input_as_well(
    doctor: RunWith, sound: Deployment, log: Path
) -> None:
    seen = doctor(str(sound.folder), "--access-log", "-", "--json", stdin=log.read_text()).json
    assert seen["observed"]["access_log"]["lines"] == 1452


def test_a_log_that_is_not_there_is_a_usage_error(doctor: RunWith, sound: Deployment) -> None:
    seen = doctor(str(sound.folder), "--access-log", "nowhere.log")
    assert seen.code == 2
    assert "nowhere.log cannot be read" in seen.err


def test_a_database_that_does_not_answer_ends_with_4_and_hides_its_url(
    doctor: RunWith, sound: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://postgres:hunter2hunter2@127.0.0.1:1/postgres"
    monkeypatch.setenv("KEYTURN_DOCTOR_DATABASE_URL", url)
    by_environment = doctor(str(sound.folder))
    monkeypatch.delenv("KEYTURN_DOCTOR_DATABASE_URL")
    by_input = doctor(str(sound.folder), "--database-url-file", "-", stdin=url)
    for seen in (by_environment, by_input):
        assert seen.code == 4
        assert "hunter2" not in seen.out + seen.err
        assert "Services × credentials" in seen.out


def test_readiness_says_the_phase_and_what_stands_before_the_next(
    doctor: RunWith, sound: Deployment
) -> None:
    text = doctor(str(sound.folder), "--no-matrix").out.partition("Migration to ES256")[2]
    assert "2, switched" in text
    assert "phase 3, after" in text
    assert "AUTH_JWT_SECRET of storage is the legacy secret" in text
    readiness = doctor(str(sound.folder), "--json").json["readiness"]
    assert (readiness["phase"], readiness["next"]) == ("2", "3")
    assert len(readiness["dependants"]) > len(readiness["blockers"]) > 5

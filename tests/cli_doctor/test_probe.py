"""``--probe``: predictions beside what running services answer, and what a restart hides."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.probe.deployment import Deployment as Running
from tests.probe.deployment import serving
from tests.support.command import RunWith
from tests.support.deployments import Deployment, healthy

from keyturn.jose.keys import signing_key_from_jwk
from keyturn.secret import Secret


@contextlib.contextmanager
def run(services: Running) -> Iterator[str]:
    """Serve on a loopback port from a thread; yields the address."""
    started, stop = threading.Event(), asyncio.Event()
    found: dict[str, object] = {}

    async def serve() -> None:
        found["loop"] = asyncio.get_running_loop()
        async with serving(services.handle) as port:
            found["url"] = f"http://127.0.0.1:{port}"
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield str(found["url"])
    finally:
        loop = found["loop"]
        assert isinstance(loop, asyncio.AbstractEventLoop)
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A healthy deployment of now: canaries must be valid for services with a real clock."""
    now = datetime.now(UTC)
    monkeypatch.setattr("keyturn.wiring.doctor.now", lambda: now)
    return healthy(tmp_path / "deployment", now=now)


@pytest.fixture
def running(files: Deployment) -> Running:
    """The services of those files."""
    keys = files.keys
    return Running(
        signing_key_from_jwk(keys.ec.jwk(private=True)),
        Secret(keys.jwt_secret),
        anon=keys.anon,
        service=keys.service_role,
        publishable=keys.publishable,
        secret_key=keys.secret,
        api_token=keys.anon_asymmetric,
    )


def test_services_that_do_as_the_files_say_differ_nowhere(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    with run(running) as url:
        document = doctor(str(files.folder), "--probe", url, "--json").json
    cells = [cell for cell in document["matrix"]["cells"] if cell["observed"]]
    assert document["matrix"]["observed"] is True
    assert len(cells) > 25
    told = [c for c in cells if c["observed"]["accepted"] is not None and c["differs"]]
    # The stand-in has no key for a function that gets an API key only.
    assert {(c["service"], c["credential"]) for c in told} <= {("functions", "publishable")}
    assert document["observed"]["probe"]["jwks"]["kids"] == [files.keys.ec.kid]


def test_nobody_is_told_to_recreate_while_the_keys_are_replaced(
    doctor: RunWith, files: Deployment, running: Running, tmp_path: Path
) -> None:
    other = healthy(tmp_path / "other", now=datetime.now(UTC))
    with run(running) as url:
        found = doctor(str(other.folder), "--probe", url, "--json").json["findings"]
    fixes = {one["id"]: one["fix"] for one in found}
    assert "Before you recreate anything" in fixes["KT032"]
    assert "up -d" not in fixes["KT052"]


def test_what_was_only_predicted_is_marked(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    with run(running) as url:
        asked = doctor(str(files.folder), "--probe", url).out
        all_of_it = doctor(str(files.folder), "--probe", url, "--probe-service-role").out
    (row,) = [line for line in asked.splitlines() if line.startswith("rest ")]
    assert row.split()[1:6] == ["ok", "ok~", "ok", "ok~", "ok"]
    assert "~ predicted only" in asked
    (row,) = [line for line in all_of_it.splitlines() if line.startswith("rest ")]
    assert "~" not in row
    assert "~" not in doctor(str(files.folder)).out


def test_a_service_that_was_not_recreated_shows_as_a_difference(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    running.wired -= {"storage"}
    with run(running) as url:
        seen = doctor(str(files.folder), "--probe", url)
        document = doctor(str(files.folder), "--probe", url, "--json").json
        bare = doctor(str(files.folder), "--probe", url, "--no-matrix", "--json").json
    assert "ok≠400!" in seen.out
    assert "storage answered to user ES256: 400" in seen.out
    assert "What runs" in seen.out
    assert "storage answered 400" in seen.out
    assert "by the files they are accepted." in " ".join(seen.out.split())
    assert seen.code == 1
    found = [(one["id"], one["severity"]) for one in document["findings"]]
    assert ("KT052", "error") in found
    assert bare["matrix"] is None
    assert [(one["id"], one["severity"]) for one in bare["findings"]] == found
    storage = {c["credential"]: c for c in document["matrix"]["cells"] if c["service"] == "storage"}
    assert storage["user ES256"]["differs"]
    assert storage["user ES256"]["judgement"] == "bad"
    assert not storage["user HS256"]["differs"]


def test_service_role_is_sent_only_when_asked(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    powerful = {files.keys.service_role, files.keys.secret}
    with run(running) as url:
        doctor(str(files.folder), "--probe", url)
        assert not powerful & {request.apikey for request in running.requests}
        doctor(str(files.folder), "--probe", url, "--probe-service-role")
    assert powerful <= {request.apikey for request in running.requests}


def test_a_service_is_asked_past_the_gateway(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    with run(running) as url:
        direct = f"storage={url}/storage/v1"
        seen = doctor(str(files.folder), "--probe", url, "--direct", direct)
        document = doctor(str(files.folder), "--probe", url, "--direct", direct, "--json").json
    assert "Services × credentials, past the gateway" in seen.out
    assert document["direct"]["services"] == ["storage"]
    cells = {cell["credential"]: cell for cell in document["direct"]["cells"]}
    assert cells["user ES256"]["observed"]["accepted"] is True
    assert cells["publishable"]["predicted"]["outcome"] == "refused"
    assert doctor(str(files.folder), "--json").json["direct"] is None


@pytest.mark.parametrize("word", ["rest", "rest=", "studio=http://127.0.0.1:1", "=http://x"])
def test_a_direct_address_has_a_service(doctor: RunWith, files: Deployment, word: str) -> None:
    assert doctor(str(files.folder), "--probe", "http://127.0.0.1:1", "--direct", word).code == 2
    assert doctor(str(files.folder), "--direct", "rest=http://127.0.0.1:1").code == 2


def test_nothing_that_answered_is_printed_as_a_secret(
    doctor: RunWith, files: Deployment, running: Running
) -> None:
    with run(running) as url:
        outputs = [
            doctor(str(files.folder), "--probe", url, "--format", form).out
            for form in ("text", "json", "sarif", "markdown")
        ]
    sent = {r.bearer for r in running.requests} | {r.apikey for r in running.requests}
    assert len(sent) > 5
    for printed in outputs:
        assert [token for token in sent if token and token in printed] == []

"""`keyturn up`, `status` and `down`, as a person and as a script use them."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.stack import Stack, environment, eventually, free_port, keyturn, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own."""
    with running(tmp_path_factory.mktemp("up") / "data", notes=False) as made:
        yield made


def supervisors(data_dir: Path) -> list[psutil.Process]:
    """Return the supervisors of one folder that are alive."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "up" in line and str(data_dir) in line and process.status() != "zombie":
            found.append(process)
    return found


def test_the_one_json_object_has_everything(stack: Stack) -> None:
    """A script gets addresses and keys from stdout, and nothing else is there."""
    info = stack.info
    assert {
        "schema_version", "api_url", "jwks_url", "publishable_key", "secret_key", "console_url",
        "database_url", "data_dir", "pid",
    } <= info.keys()  # fmt: skip
    assert info["api_url"] == f"http://127.0.0.1:{stack.port}"
    assert info["publishable_key"].startswith("sb_publishable_")
    assert info["secret_key"].startswith("sb_secret_")
    assert httpx.get(info["jwks_url"]).json()["keys"]
    assert "anon_key" not in info


def test_status_names_every_part(stack: Stack) -> None:
    """Parts, pids, uptime, restarts and the ring; the state file agrees and is private."""
    status = stack.json("status")

    assert status["healthy"]
    assert [part["name"] for part in status["parts"]] == ["postgres", "auth", "rest", "envoy"]
    for part in status["parts"]:
        assert part["state"] == "ready"
        assert part["uptime_seconds"] >= 0
        assert psutil.pid_exists(part["pid"])
    assert sorted(key["state"] for key in status["ring"]["keys"]) == ["in_use", "standby"]
    assert stack.info["secret_key"] not in json.dumps(status)
    page = stack.cli("status").stdout
    assert "postgres" in page
    assert stack.url in page


def test_status_follows_the_ring(stack: Stack) -> None:
    """A rotation is in the supervisor's view within a second."""
    version = stack.json("status")["ring"]["version"]
    done = stack.cli("keys", "rotate", "--force", "--reason", "test of status")
    assert done.returncode == 0, done.stderr

    eventually(
        lambda: stack.json("status")["ring"]["version"] > version, within=3, what="it is seen"
    )
    rows = [line.split() for line in stack.cli("status").stdout.splitlines()]
    listed = [line.split() for line in stack.cli("keys", "list").stdout.splitlines()]
    shown = rows[rows.index(["STATE", "KID", "TYPE"]) + 1 :]
    assert [row[:2] for row in shown] == [row[:2] for row in listed[1:]]


def test_the_console_is_at_the_root(stack: Stack) -> None:
    """Through the gateway a printed link signs in, once; the overview shows no secret."""
    link = stack.cli("console-link").stdout.strip()
    token = link.partition("?link=")[2]
    with httpx.Client(base_url=stack.url, headers={"origin": stack.url}) as browser:
        assert browser.get("/").headers["location"] == "/sign-in"
        assert browser.get("/sign-in", headers={"host": "evil.example"}).status_code == 403
        assert token in browser.get(link).text
        assert browser.post("/sign-in", data={"link": token}).status_code == 303
        page = browser.get("/")
        assert browser.post("/sign-in", data={"link": token}).status_code == 403

        assert page.status_code == 200
        assert stack.keys_in_use()[0] in page.text
        assert stack.info["secret_key"] not in page.text
        assert "It is current" in browser.get("/jwks").text
        style = browser.get("/console.css").headers
        assert style["content-type"].startswith("text/css")


def test_the_admin_api_is_behind_the_gateway(stack: Stack) -> None:
    """A secret key reads the ring; a publishable one and no key at all do not."""
    address = f"{stack.url}/admin/api/v1/projects/self-hosted/config/auth/signing-keys"
    key = {"apikey": stack.info["secret_key"]}

    listed = httpx.get(address, headers=key).json()["keys"]
    assert stack.keys_in_use()[0] in [one["id"] for one in listed if one["status"] == "in_use"]
    assert httpx.get(address).status_code == 401
    public = {"apikey": stack.info["publishable_key"]}
    assert httpx.get(address, headers=public).status_code == 401


def test_everything_is_private(stack: Stack) -> None:
    """The folder is 0700, and no file in it can be read by others."""
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700
    for path in stack.data_dir.iterdir():
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    for process in stack.processes():
        assert stack.info["secret_key"] not in "\0".join(process.cmdline())


def test_a_second_up_explains_itself(stack: Stack) -> None:
    """It names pid, address and the way to stop it; exit code 3; the first one lives on."""
    for extra in ([], ["--detach"], ["--detach", "--json"]):
        done = keyturn("up", *extra, "--data-dir", str(stack.data_dir))
        said = done.stdout + done.stderr
        assert done.returncode == 3
        assert str(stack.info["pid"]) in said
        assert stack.url in said
        assert "keyturn down" in said
    assert httpx.get(stack.info["jwks_url"]).status_code == 200


def test_a_taken_port_names_the_option(stack: Stack, tmp_path: Path) -> None:
    """Another stack on the same port is refused before anything starts."""
    done = keyturn(
        "up", "--detach", "--json", "--port", str(stack.port), "--data-dir", str(tmp_path / "d")
    )

    error = json.loads(done.stdout)
    assert done.returncode == 3
    assert error["code"] == "port_taken"
    assert str(stack.port) in error["message"]
    assert "--port" in error["hint"]
    assert supervisors(tmp_path / "d") == []


def test_check_passes_and_leaves_nobody_behind(stack: Stack) -> None:
    """The stack proves itself; the user that was made for it is gone again."""
    before = stack.rows("select count(*) as n from auth.users")[0]["n"]
    done = stack.cli("check", stack.url, "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["ok"]
    assert stack.rows("select count(*) as n from auth.users")[0]["n"] == before


BAD_STARTS = {
    "a setting that cannot be read": (
        [], {"GOTRUE_JWT_EXP": "soon"}, 2, "bad_settings", "GOTRUE_JWT_EXP"),
    "an upstream that is no address": (
        ["--rest-url", "ftp://x"], {}, 2, "usage", "--rest-url"),
    "a secret file that is not there": (
        ["--jwt-secret-file", "/nowhere/secret"], {}, 2, "bad_settings", "/nowhere/secret"),
    "a database that does not answer": (
        [], {"KEYTURN_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:9/x"},
        4, "database_unreachable", ""),
    "a database URL that is none": (
        [], {"KEYTURN_DATABASE_URL": "hunter2"}, None, None, ""),
    "a bad master key": (
        [], {"KEYTURN_MASTER_KEY": "hunter2"}, None, None, "KEYTURN_MASTER_KEY"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("args", "env", "code", "error", "word"), BAD_STARTS.values(), ids=list(BAD_STARTS)
)
def test_a_start_that_cannot_work_says_why_and_leaves_nothing(
    tmp_path: Path,
    args: list[str],
    env: dict[str, str],
    code: int | None,
    error: str | None,
    word: str,
) -> None:
    """One JSON error, the right exit code, no process, no secret in the words."""
    folder = tmp_path / "data"
    done = keyturn(
        "up", "--detach", "--json", "--port", str(free_port()), "--data-dir", str(folder),
        *args, env=env,
    )  # fmt: skip

    document = json.loads(done.stdout)
    assert done.returncode == code if code is not None else done.returncode != 0
    assert error in {None, document["code"]}, document
    assert word in document["message"] + (document["hint"] or "")
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert supervisors(folder) == []
    assert not (folder / "state.json").exists()


def test_down_of_nothing_is_fine(tmp_path: Path) -> None:
    """Stopping what does not run is no error, status says that nothing does."""
    folder = str(tmp_path / "data")
    done = keyturn("down", "--json", "--data-dir", folder)
    assert (done.returncode, json.loads(done.stdout)["stopped"]) == (0, False)

    status = keyturn("status", "--json", "--data-dir", folder)
    assert status.returncode == 4
    assert json.loads(status.stdout)["running"] is False
    assert "keyturn up" in keyturn("status", "--data-dir", folder).stdout
    assert not (tmp_path / "data").exists()


def test_ctrl_c_stops_everything_in_seconds(tmp_path: Path) -> None:
    """In the foreground: a summary on stdout, logs on stderr, and a clean end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "keyturn", "up", "--port", str(port),
         "--data-dir", str(tmp_path / "data")],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    family: list[psutil.Process] = []

    def answers() -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
        status = keyturn("status", "--data-dir", str(tmp_path / "data"))
        return status.returncode == 0

    eventually(answers, within=60, what="it is ready")
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 0, err
    assert "Keyturn is ready" in out
    assert f"http://127.0.0.1:{port}" in out
    assert "sb_publishable_" in out
    assert "postgres | " in err
    assert "\x1b" not in out + err, "colour in a pipe"
    assert not any(member.is_running() for member in family)
    assert not (tmp_path / "data" / "state.json").exists()


def test_killed_and_started_again_at_once(tmp_path: Path) -> None:
    """kill -9 of the supervisor: the next start on the same port resumes with the same ring."""
    with running(tmp_path / "data", notes=False) as stack:
        session = stack.sign_up("ann@example.com", "correct horse battery")
        kid, keys = stack.keys_in_use(), (stack.info["publishable_key"], stack.info["secret_key"])
        os.kill(int(stack.info["pid"]), signal.SIGKILL)
        stack.up()

        assert stack.keys_in_use() == kid
        assert (stack.info["publishable_key"], stack.info["secret_key"]) == keys
        answer = httpx.get(
            f"{stack.url}/auth/v1/user",
            headers={**stack.publishable, "authorization": f"Bearer {session['access_token']}"},
        )
        assert answer.status_code == 200


def test_a_misspelt_setting_is_reported(tmp_path: Path) -> None:
    """A setting that nobody knows is named at the start, with the one that was meant."""
    env = {"GOTRUE_JWT_EXPP": "60", "GOTRUE_SAML_ENABLED": "1", "GOTRUE_JWT_SECRET": "hunter2"}
    with running(tmp_path / "data", env=env, notes=False) as stack:
        said = " ".join(stack.info["warnings"])
        assert "GOTRUE_JWT_EXPP is no setting; did you mean GOTRUE_JWT_EXP?" in said
        assert "GOTRUE_SAML_ENABLED has no effect" in said
        assert "JWT_SECRET has 7 bytes" in said


def test_lost_and_revoked_local_keys(tmp_path: Path) -> None:
    """A lost file is made up for by new keys; a key that was revoked does not come back."""
    with running(tmp_path / "data", notes=False) as stack:
        first = stack.info
        stack.down()
        (stack.data_dir / "api-keys.json").unlink()
        stack.up()
        assert stack.info["publishable_key"] not in {None, first["publishable_key"]}
        with stack.client() as http:
            assert http.get("/auth/v1/settings").status_code == 200

        prefix = stack.info["publishable_key"][:21]
        done = stack.cli("apikeys", "revoke", prefix, "--confirm", prefix)
        assert done.returncode == 0, done.stderr
        stack.down()
        stack.up()
        assert stack.info["publishable_key"] is None
        assert stack.info["secret_key"].startswith("sb_secret_")


def test_another_database_by_its_url(stack: Stack, tmp_path: Path) -> None:
    """Two stacks on one database: one ring, and no PostgreSQL of its own in the second."""
    url = tmp_path / "url"
    url.write_text(stack.info["database_url"] + "\n")
    env = {"KEYTURN_MASTER_KEY_FILE": str(stack.data_dir / "master.key")}
    with running(
        tmp_path / "data", "--database-url-file", str(url), env=env, notes=False
    ) as second:
        names = [part["name"] for part in second.json("status")["parts"]]
        assert names == ["auth", "rest", "envoy"]
        mine = httpx.get(second.info["jwks_url"]).json()
        assert mine == httpx.get(stack.info["jwks_url"]).json()
        assert not (tmp_path / "data" / "postgres").exists()


def test_a_real_service_takes_the_place_of_the_stand_in(tmp_path: Path) -> None:
    """With --rest-url the stand-in does not run and the gateway asks the given address."""
    target = free_port()
    with running(
        tmp_path / "data", "--rest-url", f"http://127.0.0.1:{target}", notes=False
    ) as stack:
        assert "rest" not in stack.pids()
        with stack.client() as http:
            assert http.get("/rest/v1/notes").status_code in {502, 503}
            assert http.get("/auth/v1/settings").status_code == 200


def test_the_client_behind_a_proxy_of_ours_is_the_client(tmp_path: Path) -> None:
    """With --trusted-hops the address that the proxy saw counts: in sessions, for the console."""
    through = {"x-forwarded-for": "198.51.100.6, 203.0.113.9"}
    with running(tmp_path / "data", "--trusted-hops", "1", notes=False) as stack:
        with stack.client() as http:
            body = {"email": "behind@example.com", "password": "a long one"}
            assert http.post("/auth/v1/signup", json=body, headers=through).status_code == 200
            assert http.get("/", headers=through).status_code == 403
            home = http.get("/")
            assert (home.status_code, home.headers["location"]) == (303, "/sign-in")
        (row,) = stack.rows("select host(ip) as ip from auth.sessions")
        assert row["ip"] == "203.0.113.9"

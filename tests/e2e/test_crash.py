"""`kill -9` of any part at any time: it comes back and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from tests.support.stack import Stack, environment, eventually, running, select_pause

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.crash,
    pytest.mark.xdist_group("crash"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own: its parts are killed."""
    with running(tmp_path_factory.mktemp("crash") / "data") as made:
        yield made


def works(stack: Stack, session: dict[str, str]) -> bool:
    """Whether a signed-in user can read through every part."""
    headers = {**stack.publishable, "authorization": f"Bearer {session['access_token']}"}
    try:
        with httpx.Client(base_url=stack.url, headers=headers, timeout=5) as http:
            paths = ("/rest/v1/notes?limit=1", "/auth/v1/user")
            return all(http.get(path).status_code == 200 for path in paths)
    except httpx.HTTPError:
        return False


def healthy(stack: Stack) -> bool:
    """Whether the supervisor says that every part is well."""
    return stack.cli("status").returncode == 0


@pytest.mark.parametrize("part", ["postgres", "envoy", "auth", "rest"])
def test_a_killed_part_comes_back_and_nothing_is_lost(stack: Stack, part: str) -> None:
    session = stack.sign_up(f"{part}-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
    assert works(stack, session)
    before = stack.pids()[part]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(before), within=5, what=f"{part} dies")
    eventually(lambda: works(stack, session), within=15, what=f"{part} is back")
    # A part may answer a moment before its supervisor has seen that it does.
    eventually(lambda: healthy(stack), within=15, what=f"{part} is known to be back")
    assert stack.pids()[part] != before
    assert len(stack.keys_in_use()) == 1


def test_a_killed_auth_worker_is_replaced(stack: Stack) -> None:
    session = stack.sign_up(f"w-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
    auth = psutil.Process(stack.pids()["auth"])
    for worker in auth.children(recursive=True) or [auth]:
        worker.kill()
    eventually(lambda: works(stack, session), within=15, what="the Auth workers are back")


def test_a_killed_supervisor_leaves_nothing_running_and_resumes(stack: Stack) -> None:
    session = stack.sign_up(f"s-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
    processes = stack.processes()
    os.kill(int(stack.info["pid"]), signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert alive == [], "parts outlived their supervisor"
    stack.up()
    assert works(stack, session)


def test_a_kill_in_the_middle_of_rotate_leaves_one_key_in_use(stack: Stack) -> None:
    """The CLI is killed at many moments; after each, exactly one key is in use."""
    argv = [
        sys.executable, "-m", "keyturn", "keys", "rotate",
        "--force", "--reason", "killed in the middle",
    ]  # fmt: skip
    env = environment({"KEYTURN_DATA_DIR": str(stack.data_dir)})
    started = time.monotonic()
    assert subprocess.run(argv, env=env, capture_output=True, check=False).returncode == 0
    whole = time.monotonic() - started
    for step in range(12):
        process = subprocess.Popen(
            argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        select_pause(whole * (0.35 + 0.06 * step))
        process.kill()
        process.wait()
        assert len(stack.keys_in_use()) == 1
        states = [key["state"] for key in stack.json("keys", "list")["keys"]]
        assert states.count("in_use") == 1
        assert states.count("standby") >= 1
    session = stack.sign_up(f"k-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
    eventually(lambda: works(stack, session), within=2, what="tokens of the newest key work")


def test_two_rotations_at_the_same_moment(stack: Stack) -> None:
    """One wins; the other changes nothing and says so."""
    before = stack.keys_in_use()
    outcomes: list[int] = []
    for _ in range(4):
        current = stack.keys_in_use()[0]
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(
                    stack.cli, "keys", "rotate", "--expect", current, "--json",
                    "--force", "--reason", "two at once",
                )
                for _ in range(2)
            ]  # fmt: skip
            done = [run.result() for run in runs]
        codes = sorted(run.returncode for run in done)
        assert codes == [0, 3], [run.stdout + run.stderr for run in done]
        loser = next(run for run in done if run.returncode == 3)
        assert json.loads(loser.stdout or loser.stderr)["code"] in {
            "conflict",
            "already_rotated",
            "already_changed",
        }
        outcomes += codes
        assert len(stack.keys_in_use()) == 1
    assert stack.keys_in_use() != before

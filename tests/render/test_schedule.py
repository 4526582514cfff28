"""``keyturn schedule``: what systemd and cron are given, and whether it is time."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.render.conftest import at
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy

from keyturn.adapters.journal_file import JournalFile
from keyturn.clock import unix
from keyturn.migrate.commands import Probe
from keyturn.migrate.journal import Event, Record
from keyturn.migrate.plan import Plan
from keyturn.migrate.render_schedule import Job, cron, systemd_line

ANALYZE = shutil.which("systemd-analyze")
STRANGE = 'a folder/50% "off" $HOME \\ é'


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """One that signs ES256, in a folder whose name is a trap for every quoting."""
    return healthy(tmp_path / STRANGE, "2026-envoy")


def signed(deployment: Deployment, kid: str, at: int, run: str = "p") -> None:
    """Write into the journal that a run proved ``kid`` signing at that moment."""
    probe = Probe("01-prove", 0, "sign", {"alg": "ES256", "kid": kid})
    plan = Plan(run, "Turn", at, ("Turn",), (probe,), {})
    journal = JournalFile(deployment.folder)
    with journal.lock():
        journal.append(Record(Event.BEGIN, run, at, plan=plan))
        journal.append(Record(Event.STARTED, run, at, command=probe.id))
        journal.append(Record(Event.DONE, run, at, command=probe.id))
        journal.append(Record(Event.FINISHED, run, at))


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("options", [(), ("--", "--url", "https://a.example/%20$x")])
def test_systemd_accepts_the_units(
    run: Run, deployment: Deployment, tmp_path: Path, options: tuple[str, ...]
) -> None:
    units = tmp_path / "units"
    made = run(
        "schedule", str(deployment.folder), "--every", "90d", "--output", str(units),
        "--program", sys.executable, *options,
    )  # fmt: skip
    assert made.code == 0, made.err
    names = sorted(one.name for one in units.iterdir())
    assert names == ["keyturn-rotate.service", "keyturn-rotate.timer"]
    assert all((units / name).stat().st_mode & 0o777 == 0o644 for name in names)
    verified = subprocess.run(
        [ANALYZE or "", "verify", "--man=no", *(str(units / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [one for one in verified.stderr.splitlines() if "keyturn-rotate" in one]
    assert (verified.returncode, complaints) == (0, [])


def test_systemd_splits_the_words_as_they_were() -> None:
    words = ("/bin/keyturn", "rotate", STRANGE, "", "100%", "$$", 'say "x"', "back\\slash", "é ü")
    assert split_as_systemd(systemd_line(words)) == list(words)


def split_as_systemd(line: str) -> list[str]:
    """Read a line by the rules of systemd.syntax(7): quotes, backslashes, %%, $$."""
    words, at = [], 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        word, quoted = "", line[at] == '"'
        at += quoted
        while at < len(line) and line[at] != ('"' if quoted else " "):
            if line[at] == "\\":
                at += 1
            elif line[at] in "%$":
                assert line[at + 1] == line[at], "a lone % is a specifier, a lone $ a variable"
                at += 1
            word += line[at]
            at += 1
        at += quoted
        words.append(word)
    return words


def test_the_service_waits_for_nothing_in_silence_but_for_its_turn(
    run: Run, deployment: Deployment
) -> None:
    made = run("schedule", str(deployment.folder), "--every", "12w", "--user", "supabase", "--json",
               "--program", sys.executable)  # fmt: skip
    files = {one["name"]: one["content"] for one in made.json["files"]}
    service, timer = files["keyturn-rotate.service"], files["keyturn-rotate.timer"]
    lines = dict(line.split("=", 1) for line in service.splitlines() if "=" in line)
    start = split_as_systemd(lines["ExecStart"])
    assert start == [sys.executable, "rotate", str(deployment.folder), "--yes", "--wait"]
    assert lines["SuccessExitStatus"] == "75"
    assert lines["User"] == "supabase"
    assert "Restart" not in service
    condition = split_as_systemd(lines["ExecCondition"])
    assert condition[-5:] == [str(deployment.folder), "--every", "84d", "--due", "--quiet"]
    assert "Persistent=true" in timer
    assert "OnCalendar=daily" in timer


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (75, 75), (4, 255), (1, 255)])
def test_only_due_and_not_yet_pass_the_condition(tmp_path: Path, code: int, expected: int) -> None:
    """systemd skips the service quietly for 1–254, so a failure has to become 255."""
    fake = tmp_path / "due"
    fake.write_text(f"#!/bin/sh\nexit {code}\n")
    fake.chmod(0o755)
    from keyturn.migrate.render_schedule import systemd

    service, _ = systemd(Job("k", "x", (str(fake),), ("/bin/true",), 90))
    line = next(one for one in service.content.splitlines() if one.startswith("ExecCondition="))
    words = split_as_systemd(line.partition("=")[2])
    assert subprocess.run(words, check=False).returncode == expected


def test_cron_runs_both_commands_with_their_words(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f'import sys; open({str(out)!r}, "a").write(repr(sys.argv[1:]) + "\\n")'
    words = (sys.executable, "-c", script)
    job = Job("k", "x", (*words, "due", STRANGE), (*words, "turn", STRANGE), 90)
    line = next(one for one in cron(job).content.splitlines() if not one.startswith("#"))
    assert line.startswith("17 3 * * * ")
    # cron: an unescaped % ends the command, \% is a %.
    body = line.removeprefix("17 3 * * * ")
    assert "%" not in body.replace("\\%", "")
    subprocess.run(["/bin/sh", "-c", body.replace("\\%", "%")], check=True)
    assert out.read_text().splitlines() == [repr(["due", STRANGE]), repr(["turn", STRANGE])]


def test_it_is_time_after_so_many_days_and_not_before(
    run: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    kid = deployment.keys.ec.kid
    due = ("schedule", str(deployment.folder), "--every", "90d", "--due")
    unknown = run(*due, "--json")
    assert unknown.code == 0
    assert unknown.json["since"] is None
    signed(deployment, kid, unix(NOW))
    early = run(*due, "--json")
    assert (early.code, early.json["until"]) == (75, unix(NOW + timedelta(days=90)))
    assert (run(*due, "--quiet").out, run(*due, "--quiet").err) == ("", "")
    at(monkeypatch, NOW + timedelta(days=90))
    assert run(*due).code == 0


def test_another_key_signing_since_makes_the_age_that_of_the_key_in_use(
    run: Run, deployment: Deployment
) -> None:
    due = ("schedule", str(deployment.folder), "--every", "90d", "--due", "--json")
    signed(deployment, "an-older-key", unix(NOW - timedelta(days=400)), "p1")
    assert run(*due).json["since"] is None
    ten_days_ago = unix(NOW - timedelta(days=10))
    signed(deployment, deployment.keys.ec.kid, ten_days_ago, "p2")
    signed(deployment, deployment.keys.ec.kid, unix(NOW - timedelta(days=5)), "p3")
    assert run(*due).json["until"] == ten_days_ago + 90 * 86_400


def test_what_could_never_work_is_refused(run: Run, tmp_path: Path, deployment: Deployment) -> None:
    old = healthy(tmp_path / "old", "2025-kong")
    refused = run("schedule", str(old.folder), "--every", "90d", "--json")
    assert (refused.code, refused.json["code"]) == (5, "nothing_to_turn")
    folder = str(deployment.folder)
    for arguments in (
        (folder, "--every", "quarterly"),
        (folder, "--every", "0d"),
        (folder, "--every", "9999d"),
        ("--every", "90d"),
        (folder, "--data-dir", "d", "--every", "90d"),
        (folder, "--every", "90d", "--name", "../evil"),
        (folder, "--every", "90d", "--program", "/no/such/program"),
        (folder, "--every", "90d", "--", "--revoke", "k"),
        (folder, "--every", "90d", "--", "--no-such-option"),
        (folder, "--every", "90d", "--", "--url", "http://a\nExecStart=/bin/evil"),
    ):
        assert run("schedule", *arguments).code == 2, arguments


def test_nothing_is_overwritten(run: Run, deployment: Deployment, tmp_path: Path) -> None:
    made = ("schedule", str(deployment.folder), "--every", "90d", "--as", "cron", "--program",
            sys.executable, "--output", str(tmp_path / "out"))  # fmt: skip
    assert run(*made).code == 0
    assert run(*made).code == 5


def test_a_running_stack_is_scheduled_by_its_data_folder(run: Run, tmp_path: Path) -> None:
    made = run("schedule", "--data-dir", str(tmp_path), "--every", "30d", "--as", "cron", "--json",
               "--program", sys.executable)  # fmt: skip
    line = made.json["files"][0]["content"].splitlines()[-1].removeprefix("17 3 * * * ")
    turn = shlex.split(line.partition("&&")[2])
    assert turn[1:5] == ["keys", "rotate", "--data-dir", str(tmp_path)]

"""The command line as a whole: what a person and a script meet first."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from keyturn import __version__
from keyturn.cli import reference
from keyturn.cli.main import COMMANDS, cli
from keyturn.cli.output import exit_code, paint, table, to_json
from keyturn.errors import (
    Conflict,
    KeyturnError,
    RefusedUnsafe,
    Unreachable,
    UsageError,
    WaitNotOver,
)

ROOT = Path(__file__).parents[2]


def keyturn(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "keyturn", *args],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env},
        check=False,
    )


def test_help_names_every_command_and_the_exit_codes() -> None:
    """The overview lists what there is, with what it is for."""
    done = keyturn("--help")

    assert done.returncode == 0
    for name, (_, text) in COMMANDS.items():
        assert name in done.stdout
        assert text in done.stdout
    assert "75 a wait is not over" in done.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_can_be_imported_and_explains_itself(name: str) -> None:
    """Each row of the table leads to a command of that name with a help text."""
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.name == name
    assert command.help


def test_the_overview_imports_nothing_heavy() -> None:
    """The command line starts at once because servers and databases are imported when called."""
    code = (
        "import sys\n"
        "from keyturn.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'asyncpg','uvicorn','starlette','cryptography','jinja2','asyncio'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == "[]"


def test_version() -> None:
    """The version is printed alone, for scripts."""
    assert keyturn("--version").stdout == f"keyturn {__version__}\n"


def test_without_a_command_the_help_is_shown() -> None:
    """`keyturn` alone is a question, and a usage error for scripts."""
    done = keyturn()

    assert done.returncode == 2
    assert "Commands:" in done.stdout


def test_a_misspelt_command_is_guessed() -> None:
    """The nearest command is named."""
    done = keyturn("stauts")

    assert done.returncode == 2
    assert "There is no command 'stauts'" in done.stderr
    assert "Did you mean `keyturn status`?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [("up", "--prot", "1"), ("up", "--port", "0"), ("check",), ("nothing",), ("--wrong",)],
    ids=" ".join,
)
def test_a_usage_error_is_one_json_object_when_asked(args: tuple[str, ...]) -> None:
    """With --json a mistake has the same shape as every other error."""
    done = keyturn(*args, "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 2
    assert document["schema_version"] == 1
    assert document["code"] == "usage"
    assert document["message"]
    assert document["hint"]
    assert document.keys() == {"schema_version", "code", "message", "hint", "docs"}


EXIT_CODES = [
    (UsageError("x"), 2),
    (Conflict("x"), 3),
    (Unreachable("x"), 4),
    (RefusedUnsafe("x"), 5),
    (WaitNotOver("x", until_unix=1), 75),
    (KeyturnError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), EXIT_CODES, ids=lambda value: str(value))
def test_exit_codes(error: KeyturnError, code: int) -> None:
    """Each family of errors has its documented exit code."""
    assert exit_code(error) == code


def test_colour_only_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets plain text, a terminal colour, and NO_COLOR wins."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    master, writing = pty.openpty()
    with (
        os.fdopen(master),
        os.fdopen(writing, "w") as terminal,
        (tmp_path / "pipe").open("w") as nowhere,
    ):
        assert paint("x", "red", terminal) == "\x1b[31mx\x1b[0m"
        assert paint("x", "red", nowhere) == "x"
        monkeypatch.setenv("NO_COLOR", "1")
        assert paint("x", "red", terminal) == "x"
        monkeypatch.setenv("NO_COLOR", "")
        assert paint("x", "red", terminal) != "x"


def test_tables_line_up() -> None:
    """Columns are as wide as their widest cell; there is no trailing space."""
    assert table(("A", "B"), [("long", "x"), ("y", "z")]) == "A     B\nlong  x\ny     z"


def test_results_refuse_what_is_not_plain() -> None:
    """An object that slips into a result is a mistake, not a repr in somebody's script."""
    with pytest.raises(TypeError, match="object does not belong"):
        to_json({"x": object()})


def test_the_reference_is_what_the_commands_say() -> None:
    """docs/reference/cli.md is rendered from the commands."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")

    assert page == reference.render(), "run python -m keyturn.cli.reference > docs/reference/cli.md"


def test_output_to_a_closed_pipe_ends_quietly() -> None:
    """`keyturn … | head -1` shows no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "keyturn", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, errors = process.communicate()

    assert "Traceback" not in errors
    assert process.returncode != 0


def test_a_terminal_that_knows_few_characters_is_no_reason_to_fail() -> None:
    """Characters that cannot be shown are replaced."""
    done = keyturn("--help", PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr
    assert "Exit codes" in done.stdout


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    """A file that cannot be opened is named, without a traceback."""
    (tmp_path / "up.lock").symlink_to("up.lock")
    done = keyturn("status", "--json", "--data-dir", str(tmp_path))

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["code"] == "system_refused"
    assert "up.lock: Too many levels of symbolic links." in document["message"]
    assert "Traceback" not in done.stderr


def test_characters_that_an_encoding_lacks_are_spelt_plainly() -> None:
    """A shortened name ends in three dots, not in a question mark that looks like part of it."""
    script = (
        "import sys; from keyturn.cli import plain_characters as plain;"
        "sys.stdout.reconfigure(encoding='latin-1', errors=plain.ERRORS);"
        "print('8f0c1a\\u2026 \\u201cverify\\u201d \\u2192 \\u6f22')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.decode("latin-1") == '8f0c1a... "verify" -> ?\n'
    shown = keyturn("render", "--help", PYTHONIOENCODING="ascii")
    assert "?" not in shown.stdout

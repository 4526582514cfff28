"""The console's password: set by command, kept as a hash, bound against guessing."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console

from keyturn.adapters.console_password import ConsolePassword
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.cli.console_password import command
from keyturn.flows.ports.audit import AuditFilter
from keyturn.secret import Secret

WORDS = "correct horse battery"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, ConsolePassword]]:
    """Where the hash is kept, and who reads it; nothing is set."""
    hasher, path = ThreadedHasher(cost=4, threads=1), tmp_path / "console-password"
    yield path, ConsolePassword(path, hasher)
    hasher.close()


Place = tuple[Path, ConsolePassword]


async def opened(database: Database, place: Place) -> Hands:
    hands = await open_console(database)
    hands.services = replace(hands.services, password=place[1])
    return hands


def run(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(command, ["--data-dir", str(folder), *arguments], input=typed)
    return done.exit_code, done.output


async def test_a_password_signs_in(database: Database, place: Place) -> None:
    """Set while the console runs; what is kept is a hash that only the owner reads."""
    hands, (path, _) = await opened(database, place), place
    browser = Browser(hands)
    assert 'name="password"' not in (await browser.get("/sign-in")).text
    assert (await browser.post("/sign-in", {"password": ""})).status_code == 403

    secret = path.parent / "typed"
    secret.write_text(WORDS + "\n")
    await asyncio.to_thread(run, path.parent, "--file", str(secret))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("$2")
    assert WORDS not in path.read_text()

    assert 'name="password"' in (await browser.get("/sign-in")).text
    wrong = await browser.post("/sign-in", {"password": WORDS + "!"})
    assert wrong.status_code == 403
    assert "This is not the password." in wrong.text
    assert WORDS not in wrong.text
    assert (await browser.get("/")).status_code == 303
    entered = await browser.post("/sign-in", {"password": WORDS})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert (await browser.get("/")).status_code == 200
    lines = await hands.services.audit.search(AuditFilter("console"), before=None, limit=9)
    assert [(line.entry.actor, line.entry.verb) for line in lines] == [
        ("password (console)", "sign_in"),
        ("not signed in (console)", "sign_in_failed"),
    ]
    assert lines[1].entry.subject_id == "127.0.0.1"
    log = (await browser.get("/audit-log?verb=sign_in_failed")).text
    assert "sign in failed" in log
    assert WORDS not in log


async def test_guesses_are_few_whoever_makes_them(database: Database, place: Place) -> None:
    """Ten a minute over all clients, the right one refused as well; a link still lets in."""
    hands = await opened(database, place)
    await place[1].set(Secret(WORDS))
    answers = []
    for number in range(11):
        browser = Browser(hands)
        address = f"127.0.0.{number + 1}"
        sent = await browser.post("/sign-in", {"password": "guess"}, x_forwarded_for=address)
        answers.append(sent.status_code)
    assert answers == [403] * 10 + [429]
    tried = await hands.services.audit.search(
        AuditFilter(verb="sign_in_failed"), before=None, limit=20
    )
    assert len(tried) == 10
    assert "guess" not in repr(tried)
    assert (await Browser(hands).post("/sign-in", {"password": WORDS})).status_code == 429
    assert (await Browser(hands).sign_in()) is not None
    hands.forward(seconds=61)
    assert (await Browser(hands).post("/sign-in", {"password": WORDS})).status_code == 303


async def test_another_site_cannot_sign_somebody_in(database: Database, place: Place) -> None:
    """The origin is looked at before the password."""
    hands = await opened(database, place)
    await place[1].set(Secret(WORDS))
    sent = await Browser(hands).post("/sign-in", {"password": WORDS}, origin="http://evil.example")
    assert sent.status_code == 403
    assert "set-cookie" not in sent.headers


async def test_removed_it_lets_nobody_in(database: Database, place: Place) -> None:
    """At once, and the page says how to get in."""
    hands, (path, _) = await opened(database, place), place
    await place[1].set(Secret(WORDS))
    assert run(path.parent, "--remove") == (0, "Removed: only links let in.\n")
    browser = Browser(hands)
    assert (await browser.post("/sign-in", {"password": WORDS})).status_code == 403
    assert "keyturn console-link" in (await browser.get("/sign-in")).text


@pytest.mark.parametrize(
    "bad", ["", "short", "x" * 73, "two\nlines of words", "nul\0nul\0nul\0nul"]
)
def test_passwords_that_protect_nothing_are_refused(tmp_path: Path, bad: str) -> None:
    """With a reason, and nothing is written."""
    code, said = run(tmp_path, "--file", "-", typed=bad)
    assert code == 2
    assert "password" in said
    assert not (tmp_path / "console-password").exists()


async def test_a_damaged_file_opens_nothing(database: Database, place: Place) -> None:
    """Whatever stands in it."""
    hands, (path, _) = await opened(database, place), place
    for content in (b"", b"plain text", b"\xff\xfe", b"$2a$04$", WORDS.encode()):
        path.write_bytes(content)
        sent = await Browser(hands).post("/sign-in", {"password": WORDS})
        assert sent.status_code == 403

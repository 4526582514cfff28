"""Dialogues say what will happen before they ask; empty pages say what to do next."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from tests.conftest import Database
from tests.support.console import Browser, open_console
from tests.support.console_people import person
from tests.support.console_scene import lived_in, person_id

from keyturn.console.app import ACTIONS, PAGES
from keyturn.console.pages.audit_log import MEANINGS
from keyturn.flows.ports.audit import AccountVerb, VisitVerb
from keyturn.keyring.states import KeyState, Verb

DIALOGUES = [path for path, _ in PAGES if path in {path for path, _ in ACTIONS}]
CHANGES_NOTHING = {"/verifiers/ask"}
MAKES_ONLY = {"/api-keys/new"}
"""It changes nothing that is there: what it makes can be revoked, and it says so."""


async def addresses(database: Database) -> tuple[Browser, dict[str, str]]:
    """Return a session, and an address of each dialogue where something can be done."""
    hands = await lived_in(database)
    hands.forward(hours=2)
    browser = await Browser(hands).sign_in()
    ring = await hands.services.bench.store.load()
    (former,) = ring.in_state(KeyState.PREVIOUSLY_USED)
    (revoked,) = ring.in_state(KeyState.REVOKED)
    api_key = next(key for key in await hands.services.api_keys.list() if key.active)
    grace = person_id("grace")
    row = await (await database.pool()).fetchrow(
        "select id::text from auth.sessions where user_id = $1::uuid", grace
    )
    assert row is not None
    names = {
        "{kid:path}": former.kid, "{id}": str(api_key.id), "{user_id}": grace,
        "{session_id}": row["id"],
    }  # fmt: skip
    return browser, {
        path: re.sub(r"\{[^}]*\}", lambda found: names[found[0]], path) for path in DIALOGUES
    } | {"/signing-keys/{kid:path}/delete": f"/signing-keys/{revoked.kid}/delete"}


async def test_every_dialogue_says_what_will_happen_before_it_asks(database: Database) -> None:
    """And whether that can be undone. A dialogue that comes without fails here."""
    browser, known = await addresses(database)
    assert {path for path, _ in ACTIONS} - known.keys() == CHANGES_NOTHING
    for path, address in known.items():
        page = (await browser.get(address)).text.split("<main")[1]
        if path == "/api-keys/legacy/off":
            assert "no legacy key works" in page
            continue
        before, asked, _ = page.partition('<form method="post"')
        assert asked, path
        if path not in MAKES_ONLY:
            assert re.search("What (will|would) happen", before), path
            assert re.search(r"This can(not)? be undone:", before), path
        assert 'name="reason"' in page, path
        assert ">Cancel</a>" in page, path


async def test_turning_legacy_keys_off_says_so_too(database: Database) -> None:
    """The list of what has to be ready comes first."""
    hands = await open_console(database)
    pool = await database.pool()
    await pool.execute(
        "select keyturn.add_api_key(gen_random_uuid(), 'anon', 'legacy', 'anon', sha256('x'),"
        " 'jwt_x', null, now(), 'tester', null)"
    )
    page = (await (await Browser(hands).sign_in()).get("/api-keys/legacy/off")).text
    order = [page.index(words) for words in (
        "Is everything ready?", "What will happen", "This cannot be undone:", 'name="understood"',
    )]  # fmt: skip
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api-keys", 'href="/api-keys/new">create the first'),
        ("/users", "supabase.auth.signUp"),
        ("/users?q=nobody", 'href="/users">Show everybody'),
        ("/inbox", "signInWithOtp"),
        ("/audit-log?actor=nobody", 'href="/audit-log">Clear the filter'),
        ("/signing-keys", "After a rotation the former key waits here"),
        ("/api-keys/legacy/off", "the legacy secret itself can be revoked"),
    ],
)
async def test_empty_pages_teach_the_next_step(database: Database, path: str, words: str) -> None:
    """A link, a call or a setting that makes them fill."""
    browser = await Browser(await open_console(database)).sign_in()
    assert words in (await browser.get(path)).text


async def test_the_log_leads_to_what_was_changed(database: Database) -> None:
    """A line about a key or an account links to its page; an API key goes by its name."""
    hands = await open_console(database)
    ada, _ = await person(database, "ada@example.com", hands.now)
    browser = await Browser(hands).sign_in()
    await browser.submit(f"/users/{ada}/sign-out")
    page = (await browser.get("/audit-log")).text
    kid = (await hands.services.bench.store.load()).in_use.kid
    assert f'href="/users/{ada}"' in page
    await browser.submit("/api-keys/new", {"type": "secret", "name": "nightly_run"})
    for path in ("/", "/audit-log"):
        assert ">nightly_run</code>" in (await browser.get(path)).text
    assert f'href="/signing-keys/{kid}"' in page


def test_every_verb_of_the_log_has_a_meaning() -> None:
    """The filter offers all of them, and the page explains each."""
    known = {*Verb, *get_args(VisitVerb), *get_args(AccountVerb)}
    assert {*known, "create", "rename", "describe", "mint_token", "reseal"} == MEANINGS.keys()

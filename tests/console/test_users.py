"""Users and sessions in the console: who is found, what ends, and what the log says."""

from __future__ import annotations

import uuid
from datetime import timedelta

from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console
from tests.support.console_people import person

from keyturn.accounts.sessions import Session
from keyturn.flows import keys
from keyturn.flows.ports.audit import AuditFilter
from keyturn.keyring.change import Intent


async def turned(database: Database) -> tuple[Hands, str, str]:
    """Return a console 30 minutes after a rotation, and the former and the present key."""
    hands = await open_console(database)
    hands.forward(minutes=25)
    done = await keys.rotate(hands.services.bench, Intent(hands.now, "ada"))
    hands.forward(minutes=30)
    return hands, done.before.in_use.kid, done.after.in_use.kid


async def test_each_session_names_the_key_that_signed_its_newest_token(database: Database) -> None:
    """Before the rotation the former key, after it the present one, before the ring none."""
    hands, old, new = await turned(database)
    user_id, _ = await person(
        database, "ada@example.com", hands.now - timedelta(minutes=31), hands.now,
        hands.now - timedelta(days=30),
    )  # fmt: skip
    page = (await (await Browser(hands).sign_in()).get(f"/users/{user_id}")).text

    assert page.count(f'href="/signing-keys/{old}"') == 1
    assert page.count(f'href="/signing-keys/{new}"') == 1
    assert page.count("a key from before this ring") == 1
    assert page.count("Firefox on Linux") == 3


async def test_the_census_counts_what_still_lives(database: Database) -> None:
    """A token that has expired is carried by nobody; revoked accounts' sessions are gone."""
    hands, old, new = await turned(database)
    soon = hands.now - timedelta(minutes=1)
    await person(database, "a@example.com", soon, soon, hands.now - timedelta(minutes=40))
    await person(database, "b@example.com", hands.now - timedelta(minutes=61))
    browser = Browser(hands)
    secret = {"apikey": await hands.secret_key()}
    answer = (await browser.get("/admin/api/v1/projects/self-hosted/census", headers=secret)).json()

    assert answer["estimate"] is True
    counted = {key["id"]: key["live_tokens"] for key in answer["keys"]}
    assert (counted[old], counted[new]) == (1, 2)
    page = (await (await browser.sign_in()).get("/signing-keys")).text
    assert "<strong>≈ 2</strong> live tokens" in page
    assert "<strong>≈ 1</strong> live token<" in page


async def test_search_and_pages(database: Database) -> None:
    """By part of the address; newest first, twenty-five at a time; hostile text finds nobody."""
    hands = await open_console(database)
    for number in range(27):
        created = hands.now + timedelta(seconds=number)
        await person(database, f"user{number:02}@example.com", created=created)
    browser = await Browser(hands).sign_in()

    first = (await browser.get("/users")).text
    assert "27 users" in first
    assert "user26@example.com" in first
    assert "user01@example.com" not in first
    assert 'href="/users?page=2"' in first
    second = (await browser.get("/users?page=2")).text
    assert "user01@example.com" in second
    found = (await browser.get("/users?q=USER13")).text
    assert "1 user found" in found
    assert "user13@example.com" in found
    for text in ("%", "'; drop table auth.users;--", "<script>alert(1)</script>", "%00"):
        answer = await browser.get("/users", params={"q": text})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
    assert (await browser.get("/users?page=x")).status_code == 400
    assert (await browser.get("/users?page=99999999999")).status_code in {200, 400}


async def test_signing_out_of_one_session_and_of_all(database: Database) -> None:
    """The page says what happens; afterwards the rows are gone and the log names who did it."""
    hands = await open_console(database)
    user_id, (one, _, _) = await person(
        database, "ada@example.com", hands.now, hands.now, hands.now
    )
    other, _ = await person(database, "bob@example.com", hands.now)
    browser = await Browser(hands).sign_in()

    done = await browser.submit(f"/users/{user_id}/sessions/{one}/end", {"reason": "lost phone"})
    assert done.status_code == 303
    assert await sessions_of(hands, user_id) == 2
    assert (await browser.get(f"/users/{user_id}/sessions/{one}/end")).status_code == 404
    await browser.submit(f"/users/{user_id}/sign-out")
    assert await sessions_of(hands, user_id) == 0
    assert await sessions_of(hands, other) == 1

    lines = await hands.services.audit.search(AuditFilter("account"), before=None, limit=9)
    assert [(line.entry.verb, line.entry.subject_id) for line in lines] == [
        ("end_sessions", user_id),
        ("end_session", user_id),
    ]
    assert lines[1].entry.reason == "lost phone"
    assert lines[1].entry.actor == "ada (console)"


async def test_a_ban_ends_sessions_and_can_be_lifted(database: Database) -> None:
    """Banned for a day; then the page offers to lift it; an unknown length changes nothing."""
    hands = await open_console(database)
    user_id, _ = await person(database, "eve@example.com", hands.now)
    browser = await Browser(hands).sign_in()

    assert (await browser.submit(f"/users/{user_id}/ban", {"length": "7d"})).status_code == 400
    assert await sessions_of(hands, user_id) == 1
    assert (await browser.submit(f"/users/{user_id}/ban", {"length": "day"})).status_code == 303
    assert await sessions_of(hands, user_id) == 0
    page = (await browser.get(f"/users/{user_id}")).text
    assert "Banned" in page
    assert "Lift the ban" in page
    await browser.submit(f"/users/{user_id}/ban")
    assert "Lift the ban" not in (await browser.get(f"/users/{user_id}")).text


async def test_names_that_users_chose_are_text(database: Database) -> None:
    """An address or a program's name with markup in it is shown, not run."""
    hands = await open_console(database)
    user_id, _ = await person(database, "<img src=x>@example.com", hands.now)
    pool = await database.pool()
    await pool.execute("update auth.sessions set user_agent = $1", "<script>alert(1)</script>")
    browser = await Browser(hands).sign_in()
    for path in ("/users", f"/users/{user_id}", f"/users/{user_id}/ban"):
        text = (await browser.get(path)).text
        assert "<img" not in text
        assert "<script>alert" not in text


async def test_nobody_there(database: Database) -> None:
    """Ids that are none, and of nobody: 404, with words."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    for wanted in (str(uuid.uuid4()), "x"):
        for tail in ("", "/ban", "/sign-out"):
            answer = await browser.get(f"/users/{wanted}{tail}")
            assert answer.status_code == 404
            assert "no such user" in answer.text


async def sessions_of(hands: Hands, user_id: str) -> int:
    """Count them in the database."""
    assert hands.services.desk is not None
    found = await hands.services.desk.sessions.of_user(user_id)
    assert all(isinstance(record.session, Session) for record in found or [])
    return len(found or [])

"""Accounts by the admin API: what the pages do to them, in the Auth server's own words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import Database
from tests.support.console import Browser, open_console
from tests.support.console_api import BASE, opened
from tests.support.console_people import person

USERS = f"{BASE}/users"


async def test_search_and_one_account(database: Database) -> None:
    """Page by page; an account with its sessions and the key that signed each."""
    hands, client = await opened(database)
    for number in range(26):
        await person(database, f"u{number}@example.com", created=hands.now)
    ada, (session,) = await person(database, "ada@example.com", hands.now)

    listed = (await client.ask("GET", USERS))[1]
    assert (len(listed["users"]), listed["total"], listed["last_page"]) == (25, 27, 2)
    assert len((await client.ask("GET", f"{USERS}?page=2"))[1]["users"]) == 2
    found = (await client.ask("GET", f"{USERS}?q=ADA"))[1]
    assert [user["email"] for user in found["users"]] == ["ada@example.com"]
    one = (await client.ask("GET", f"{USERS}/{ada}"))[1]
    assert one["user"] == found["users"][0]
    ring = await hands.services.bench.store.load()
    assert [(s["id"], s["signed_with"], s["token_lives"]) for s in one["sessions"]] == [
        (session, ring.in_use.kid, True)
    ]


async def test_signing_out_and_banning(database: Database) -> None:
    """One session, all of them, a ban and its end; each with who and why in the log."""
    hands, client = await opened(database)
    ada, (first, second) = await person(database, "ada@example.com", hands.now, hands.now)
    path = f"{USERS}/{ada}"

    left = (await client.ask("DELETE", f"{path}/sessions/{first}?reason=lost%20phone"))[1]
    assert [one["id"] for one in left["sessions"]] == [second]
    assert (await client.ask("DELETE", f"{path}/sessions/{first}"))[0] == 404
    assert (await client.ask("DELETE", f"{path}/sessions"))[1]["sessions"] == []
    banned = (await client.ask("PUT", f"{path}/ban", {"ban_duration": "24h"}))[1]["user"]
    assert banned["banned_until"] == f"{hands.now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert "banned_until" not in (await client.ask("DELETE", f"{path}/ban"))[1]["user"]

    log = (await client.ask("GET", f"{BASE}/audit-log?subject=account&subject_id={ada}"))[1]
    assert [(line["verb"], line["reason"]) for line in log["lines"]] == [
        ("lift_ban", None), ("ban", None), ("end_sessions", None), ("end_session", "lost phone"),
    ]  # fmt: skip
    assert {line["actor"] for line in log["lines"]} == {"secret key server (admin API)"}


@pytest.mark.parametrize("length", ["", "soon", "-1h", "0s", "none", "9999999h", 5, None])
async def test_a_ban_lasts_a_while(database: Database, length: object) -> None:
    """What is no length of time changes nothing."""
    hands, client = await opened(database)
    ada, _ = await person(database, "ada@example.com", hands.now)
    assert (await client.ask("PUT", f"{USERS}/{ada}/ban", {"ban_duration": length}))[0] == 400
    assert len((await client.ask("GET", f"{USERS}/{ada}"))[1]["sessions"]) == 1


async def test_nobody_is_nobody(database: Database) -> None:
    """404 whoever is asked for and whatever is asked, and 400 for searches that are none."""
    hands, client = await opened(database)
    for name in ("00000000-0000-4000-8000-000000000009", "ada", "%00"):
        assert (await client.ask("GET", f"{USERS}/{name}"))[0] == 404
        for rest in ("/sessions", f"/sessions/{name}", "/ban"):
            assert (await client.ask("DELETE", f"{USERS}/{name}{rest}"))[0] == 404, (rest, name)
    for query in ("page=0", "page=x", "page=9999999", "q=%00", f"q={'x' * 201}"):
        assert (await client.ask("GET", f"{USERS}?{query}"))[0] == 400, query
    hands.services = replace(hands.services, desk=None)
    client.browser = Browser(hands)
    assert (await client.ask("GET", USERS))[0] == 404


async def test_a_session_that_may_only_look_ends_nothing(database: Database) -> None:
    """The role holds for accounts as it does for keys."""
    hands = await open_console(database)
    ada, (session,) = await person(database, "ada@example.com", hands.now)
    browser = await Browser(hands).sign_in("read_only")
    headers = {"x-csrf-token": await browser.csrf(), "origin": browser.base}
    path = f"{USERS}/{ada}"
    for method, rest in (
        ("DELETE", "/sessions"),
        ("DELETE", f"/sessions/{session}"),
        ("PUT", "/ban"),
    ):
        answer = await browser.http.request(
            method, path + rest, json={"ban_duration": "1h"}, headers=headers
        )
        assert answer.status_code == 403
    assert len((await browser.get(path)).json()["sessions"]) == 1


async def test_reasons_have_an_end(database: Database) -> None:
    """A line of the log is kept for ever, so it is bounded."""
    hands, client = await opened(database)
    ada, _ = await person(database, "ada@example.com", hands.now)
    for reason in ("x" * 1001, "%00"):
        assert (await client.ask("DELETE", f"{USERS}/{ada}/sessions?reason={reason}"))[0] == 400

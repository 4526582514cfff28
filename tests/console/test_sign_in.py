"""Who gets in, for how long, and every way that must not work."""

from __future__ import annotations

import httpx
import pytest
from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console

from keyturn.console.visit import COOKIE
from keyturn.flows.ports.audit import AuditFilter


async def who_did(hands: Hands) -> list[tuple[str, str]]:
    """Return what the log says about visits, oldest first."""
    lines = await hands.services.audit.search(AuditFilter("console"), before=None, limit=50)
    return [(line.entry.actor, line.entry.verb) for line in reversed(lines)]


def signed_out(answer: httpx.Response) -> bool:
    """Whether the browser is sent to the sign-in page."""
    return answer.status_code == 303 and answer.headers["location"] == "/sign-in"


async def test_a_link_signs_in_and_the_visit_is_logged(database: Database) -> None:
    """The button of the link opens a session; signing out ends it for every copy of the cookie."""
    hands = await open_console(database)
    browser = Browser(hands)
    assert signed_out(await browser.get("/"))

    link = hands.link()
    page = await browser.get(f"/sign-in?link={link}")
    assert f'value="{link}"' in page.text
    entered = await browser.post("/sign-in", {"link": link})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert (await browser.get("/")).status_code == 200
    copy = browser.http.cookies[COOKIE]

    left = await browser.post("/sign-out", {"csrf": await browser.csrf()})
    assert signed_out(left)
    browser.http.cookies.set(COOKIE, copy, domain="127.0.0.1")
    assert signed_out(await browser.get("/"))
    assert await who_did(hands) == [("ada (console)", "sign_in"), ("ada (console)", "sign_out")]


async def test_looking_at_a_link_does_not_use_it_up(database: Database) -> None:
    """A prefetch or a scanner follows a link; only the button counts."""
    hands = await open_console(database)
    browser, link = Browser(hands), hands.link()

    for _ in range(3):
        await browser.get(f"/sign-in?link={link}")
    assert (await browser.post("/sign-in", {"link": link})).status_code == 303


async def test_a_replayed_link_is_refused(database: Database) -> None:
    """Also from the browser that used it."""
    hands = await open_console(database)
    link = hands.link()
    browser = Browser(hands)
    assert (await browser.post("/sign-in", {"link": link})).status_code == 303

    for again in (browser, Browser(hands)):
        answer = await again.post("/sign-in", {"link": link})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert link not in answer.text


async def test_old_foreign_and_altered_links_are_refused(database: Database) -> None:
    """Ten minutes, one process, one key; a session's cookie is no link."""
    hands = await open_console(database)
    browser = Browser(hands)
    before_start = Hands(hands.services, hands.key)
    before_start.forward(seconds=-1)
    answer = await browser.post("/sign-in", {"link": before_start.link()})
    assert answer.status_code == 403
    stale = hands.link()
    hands.forward(minutes=10, seconds=1)
    good = hands.link()
    other = await Browser(hands).sign_in()
    altered = good[:-3] + ("AAA" if good[-3:] != "AAA" else "BBB")

    session = other.http.cookies[COOKIE]
    for text in (stale, altered, session, "", "x" * 3000):
        assert (await browser.post("/sign-in", {"link": text})).status_code == 403
    assert signed_out(await browser.get("/"))


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(database: Database) -> None:
    """HttpOnly and SameSite=Strict; it holds no secret of the ring."""
    hands = await open_console(database)
    answer = await Browser(hands).post("/sign-in", {"link": hands.link()})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "domain=" not in cookie


async def test_a_session_that_was_planted_is_not_adopted(database: Database) -> None:
    """Session fixation: signing in makes a new session, whatever cookie the browser brought."""
    hands = await open_console(database)
    attacker = await Browser(hands).sign_in("read_only")
    planted = attacker.http.cookies[COOKIE]
    victim = Browser(hands)
    victim.http.cookies.set(COOKIE, planted, domain="127.0.0.1")

    await victim.sign_in()
    assert victim.http.cookies[COOKIE] != planted
    assert "may only look" in (await attacker.get("/")).text
    assert "may only look" not in (await victim.get("/")).text


async def test_sessions_end_idle_and_absolutely(database: Database) -> None:
    """Thirty idle minutes end a session, activity keeps it, twelve hours end it anyway."""
    hands = await open_console(database)
    idle, busy = await Browser(hands).sign_in(), await Browser(hands).sign_in()

    hands.forward(minutes=20)
    assert (await busy.get("/")).status_code == 200
    hands.forward(minutes=11)
    assert signed_out(await idle.get("/"))
    for _ in range(28):
        assert (await busy.get("/")).status_code == 200
        hands.forward(minutes=25)
    assert signed_out(await busy.get("/"))


async def test_guessing_is_slowed_down(database: Database) -> None:
    """After ten failures nothing is looked at for a while, and the answer says how long."""
    hands = await open_console(database)
    browser = Browser(hands)
    for _ in range(10):
        assert (await browser.post("/sign-in", {"link": "guess"})).status_code == 403

    refused = await browser.post("/sign-in", {"link": hands.link()})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    hands.forward(seconds=61)
    await browser.sign_in()


@pytest.mark.parametrize("query", ["next=//evil.example", "next=https://evil.example", "link=x"])
async def test_nothing_in_the_address_chooses_where_signing_in_leads(
    database: Database, query: str
) -> None:
    """Open redirect: the only target is the overview."""
    hands = await open_console(database)
    browser = Browser(hands)
    answer = await browser.post(f"/sign-in?{query}", {"link": hands.link(), "next": "//evil"})

    assert answer.headers["location"] == "/"
    assert "evil" not in (await browser.get(f"/sign-in?{query}")).text


async def test_another_site_cannot_sign_somebody_in(database: Database) -> None:
    """Login CSRF: the form counts only from a page of this console."""
    hands = await open_console(database)
    browser = Browser(hands)
    for origin in ("http://evil.example", "null", "http://127.0.0.1:8001", ""):
        answer = await browser.post("/sign-in", {"link": hands.link()}, origin=origin)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

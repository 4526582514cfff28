"""The pages as a person uses them: real forms against a real ring and real API keys."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console

from keyturn.flows import apikeys
from keyturn.flows.ports.apikeys import Role
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.keys import private_jwk
from keyturn.keyring.change import Intent
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret
from keyturn.secret_access import reveal

LEGACY = Secret("an-imported-jwt-secret-of-more-than-32-bytes")
_NEW_KEY = re.compile(r"sb_(?:secret|publishable)_[\w-]{22}_[\w-]{8}")


class Page(HTMLParser):
    """Collects what matters about a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element called ``name``."""
        return [attributes for tag, attributes in self.tags if tag == name]


async def ring_of(hands: Hands) -> KeyRing:
    """Return the ring as stored."""
    return await hands.services.bench.store.load()


async def every_page(browser: Browser) -> dict[str, str]:
    """Return path → HTML of every page that a session can open."""
    ring = await ring_of(browser.hands)
    api_keys = [key for key in await browser.hands.services.api_keys.list() if key.active]
    paths = [
        "/", "/signing-keys", "/signing-keys/new", "/signing-keys/rotate", "/api-keys",
        "/api-keys/new", "/api-keys/legacy/off", "/jwks", "/audit-log", "/sign-in",
        *(f"/signing-keys/{key.kid}" for key in ring.keys),
        *(f"/signing-keys/{key.kid}/revoke" for key in ring.standby),
        *(f"/api-keys/{key.id}/{step}" for key in api_keys for step in ("revoke", "change")),
    ]  # fmt: skip
    return {path: (await browser.get(path)).text for path in paths}


async def test_a_key_from_birth_to_its_end(database: Database) -> None:
    """Create, refused rotation with the time left, rotation, refused revocation, revocation."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    first = (await ring_of(hands)).in_use.kid
    assert (await browser.submit("/signing-keys/new", {"algorithm": "ES256"})).status_code == 303
    assert len((await ring_of(hands)).standby) == 2

    waiting = (await browser.get("/signing-keys/rotate")).text
    assert "Not yet: 20 minutes left" in waiting
    assert 'name="understood"' not in waiting
    refused = await browser.post(
        "/signing-keys/rotate", {"csrf": await browser.csrf(), "understood": "yes"}
    )
    assert refused.status_code == 409
    assert (await ring_of(hands)).in_use.kid == first

    hands.forward(minutes=20)
    unticked = await browser.submit("/signing-keys/rotate")
    assert unticked.status_code == 400
    done = await browser.submit("/signing-keys/rotate", {"understood": "yes", "reason": "drill"})
    assert (done.status_code, done.headers["location"]) == (303, "/signing-keys")
    assert (await ring_of(hands)).find(first).state is KeyState.PREVIOUSLY_USED

    typed = {"csrf": await browser.csrf(), "confirm": first}
    early = await browser.post(f"/signing-keys/{first}/revoke", typed)
    assert early.status_code == 409
    assert "Not yet: 1 hour 1 minute left" in early.text
    for _ in range(5):
        hands.forward(minutes=14)
        await browser.get("/")
    wrong = await browser.submit(f"/signing-keys/{first}/revoke", {"confirm": first[:-1]})
    assert wrong.status_code == 400
    ended = await browser.submit(f"/signing-keys/{first}/revoke", {"confirm": f" {first} "})
    assert ended.status_code == 303
    assert (await ring_of(hands)).find(first).state is KeyState.REVOKED

    used = (await ring_of(hands)).in_use.kid
    held = await browser.post(f"/signing-keys/{used}/delete", {**typed, "confirm": used})
    assert held.status_code == 409
    assert "Delete this key" not in held.text
    wrong = await browser.submit(f"/signing-keys/{first}/delete", {"confirm": "it"})
    assert wrong.status_code == 400
    gone = await browser.submit(f"/signing-keys/{first}/delete", {"confirm": first})
    assert gone.status_code == 303
    assert first not in {key.kid for key in (await ring_of(hands)).keys}

    log = (await browser.get("/audit-log")).text
    assert "ada (console)" in log
    assert "drill" in log
    assert f'href="/signing-keys/{first}"' in log


async def test_two_people_who_rotate_at_once_rotate_once(database: Database) -> None:
    """The second submits a page that is out of date and is told so."""
    hands = await open_console(database)
    hands.forward(minutes=25)
    one, two = await Browser(hands).sign_in(), await Browser(hands).sign_in()
    old = (await ring_of(hands)).in_use.kid
    form = {"understood": "yes", "expected_in_use": old}

    first = await one.post("/signing-keys/rotate", {**form, "csrf": await one.csrf()})
    second = await two.post("/signing-keys/rotate", {**form, "csrf": await two.csrf()})
    assert (first.status_code, second.status_code) == (303, 409)
    assert "already rotated" in second.text


async def test_an_api_key_is_shown_once(database: Database) -> None:
    """The answer to its creation has it; no page afterwards, and no log."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    made = await browser.submit("/api-keys/new", {"type": "secret", "name": "cron"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = _NEW_KEY.search(made.text)
    assert key is not None

    for path, text in (await every_page(browser)).items():
        assert key[0] not in text, path
    again = await browser.submit("/api-keys/new", {"type": "secret", "name": "cron"})
    assert again.status_code == 409
    bad = await browser.submit("/api-keys/new", {"type": "secret", "name": "Not a name"})
    assert bad.status_code == 400
    assert 'value="Not a name"' in bad.text

    (record,) = await hands.services.api_keys.list()
    await browser.submit(f"/api-keys/{record.id}/revoke", {"confirm": "nope"})
    assert (await hands.services.api_keys.list())[0].active
    await browser.submit(f"/api-keys/{record.id}/revoke", {"confirm": "cron"})
    assert not (await hands.services.api_keys.list())[0].active
    assert (await browser.get(f"/api-keys/{record.id}/revoke")).status_code == 404


async def test_a_key_is_described_and_renamed(database: Database) -> None:
    """On creation and later; what is refused keeps what was typed."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    made = {"type": "secret", "name": "cron", "description": "<b>nightly</b>"}
    await browser.submit("/api-keys/new", made)
    (record,) = await hands.services.api_keys.list()
    path = f"/api-keys/{record.id}/change"
    assert 'value="cron"' in (await browser.get(path)).text
    assert "&lt;b&gt;nightly&lt;/b&gt;" in (await browser.get("/api-keys")).text

    done = await browser.submit(path, {"name": "invoices", "description": "monthly"})
    assert (done.status_code, done.headers["location"]) == (303, "/api-keys")
    refused = await browser.submit(path, {"name": "In voices", "description": "x"})
    assert refused.status_code == 400
    assert 'value="In voices"' in refused.text
    listed = (await browser.get("/api-keys")).text
    assert "invoices" in listed
    assert "monthly" in listed
    log = (await browser.get("/audit-log?subject=api_key")).text
    assert "cron → invoices" in log
    looking = await Browser(hands).sign_in("read_only")
    assert "This session may only look" in (await looking.get(path)).text
    word = {"csrf": await looking.csrf(), "name": "other"}
    assert (await looking.post(path, word)).status_code == 403


async def test_legacy_keys_end_together(database: Database) -> None:
    """A page says who still uses them; a tick turns all off."""
    hands = await open_console(database, legacy=LEGACY)
    legacy = (await ring_of(hands)).has_legacy
    assert legacy is not None
    assert legacy.signer is not None
    browser = await Browser(hands).sign_in()
    roles: tuple[Role, ...] = ("anon", "service_role")
    for role in roles:
        await apikeys.create_legacy(
            hands.services.api_keys,
            Intent(hands.now, "tester"),
            role=role,
            name=role,
            key=legacy.signer,
            entropy=hands.services.entropy,
        )
    assert "Turn legacy keys off" in (await browser.get("/api-keys")).text
    refused = await browser.submit("/api-keys/legacy/off")
    assert refused.status_code == 400
    assert (await browser.submit("/api-keys/legacy/off", {"understood": "yes"})).status_code == 303
    assert not any(key.active for key in await hands.services.api_keys.list())
    assert "They are off" in (await browser.get("/api-keys/legacy/off")).text


async def test_nothing_private_is_on_any_page(database: Database) -> None:
    """No private member, no shared secret, no hash of an API key, no other site's address."""
    hands = await open_console(database, legacy=LEGACY)
    await hands.secret_key()
    browser = await Browser(hands).sign_in()
    signers = [key.signer for key in (await ring_of(hands)).keys if not key.legacy]
    secrets = [reveal(LEGACY).decode()]
    secrets += [json.loads(reveal(private_jwk(key)))["d"] for key in signers if key is not None]
    secrets += [record.hash.hex() for record in await hands.services.api_keys.list()]

    for path, text in (await every_page(browser)).items():
        for secret in secrets:
            assert secret not in text, path


async def test_pages_are_inert_and_read_well_without_sight(database: Database) -> None:
    """No inline script or style, one h1, labels for all fields, a language, a viewport."""
    hands = await open_console(database)
    await hands.secret_key()
    browser = await Browser(hands).sign_in()

    for path, text in (await every_page(browser)).items():
        page = Page(text)
        assert all(str(script["src"]).startswith("/live.js?v=") for script in page.all("script")), (
            path
        )
        assert "</script>" not in text.replace(" defer></script>", "", 1), path
        assert page.all("style") == [], path
        assert not any("style" in attrs or "onclick" in attrs for _, attrs in page.tags), path
        addresses = [
            value for _, attrs in page.tags for name, value in attrs.items()
            if name in {"src", "href", "action"}
        ]  # fmt: skip
        assert all(str(value).startswith(("/", "#", "data:,")) for value in addresses), path
        assert len(page.all("h1")) == 1, path
        assert page.all("html")[0]["lang"] == "en"
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), path
        fields = [
            attrs for tag in ("input", "select", "textarea") for attrs in page.all(tag)
            if attrs.get("type") != "hidden"
        ]  # fmt: skip
        assert {attrs["id"] for attrs in fields} <= {attrs["for"] for attrs in page.all("label")}


async def test_what_others_wrote_is_text(database: Database) -> None:
    """Markup in a reason or a name is shown as it is."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    hostile = '<script>alert(1)</script>"><img src=x>'
    await browser.submit("/signing-keys/new", {"algorithm": "ES256", "reason": hostile})
    echoed = await browser.submit("/api-keys/new", {"type": "secret", "name": hostile})

    for text in (echoed.text, (await browser.get("/audit-log")).text):
        assert "<script>" not in text
        assert "<img" not in text
        assert "<script>" in html.unescape(text)


async def test_the_audit_log_is_filtered_and_exported(database: Database) -> None:
    """By subject, verb and actor; as CSV that no spreadsheet runs, and as JSON."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    formula = '=HYPERLINK("http://evil.example")'
    await browser.submit("/signing-keys/new", {"algorithm": "ES256", "reason": formula})
    await browser.submit("/api-keys/new", {"type": "secret", "name": "cron"})

    everything = (await browser.get("/audit-log.json")).json()["lines"]
    assert {line["subject"] for line in everything} == {"signing_key", "api_key", "console"}
    mine = (await browser.get("/audit-log.json?actor=ADA&subject=signing_key")).json()["lines"]
    assert [(line["verb"], line["reason"]) for line in mine] == [("generate", formula)]
    listed = await browser.get("/audit-log.csv?subject=signing_key&actor=ada")
    assert "attachment" in listed.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(listed.text))
    assert row["reason"] == f"'{formula}"
    assert "No line fits" in (await browser.get("/audit-log?actor=nobody")).text


async def test_the_log_of_some_days(database: Database) -> None:
    """Whole days of UTC on the page, times by address as well; the export is of the same days."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    for days in range(1, 4):
        at = hands.now + timedelta(days=days)
        await hands.services.audit.record_visit("sign_out", at=at, actor=f"d{days}", visit="v")
    day = f"{hands.now + timedelta(days=2):%Y-%m-%d}"
    page = (await browser.get(f"/audit-log?subject=console&since={day}&until={day}")).text
    assert re.findall(r">(d\d)</td>", page) == ["d2"]
    assert page.count(f'value="{day}"') == 2
    export = re.search(r'href="(/audit-log\.json\?[^"]*)"', page)
    assert export is not None
    lines = (await browser.get(html.unescape(export[1]))).json()["lines"]
    assert [line["actor"] for line in lines] == ["d2"]
    later = (await browser.get(f"/audit-log.json?since={day}T10:00:00Z")).json()["lines"]
    assert [line["actor"] for line in later] == ["d3"]
    for bad in ("x", "2026-13-01", "2026-11-26T09:30:00", "9999-12-31T24", "1",
                "0001-01-01T00:00:00%2B23:59"):  # fmt: skip
        assert (await browser.get(f"/audit-log?since={bad}")).status_code == 400, bad
    assert (await browser.get("/audit-log?until=9999-12-31")).status_code == 400


async def test_a_long_log_goes_page_by_page(database: Database) -> None:
    """Fifty lines, then a link to older ones, without gaps or repetitions."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    for n in range(60):
        await hands.services.audit.record_visit("sign_in", at=hands.now, actor=f"p{n}", visit="v")
    query = "/audit-log?subject=console"
    first = (await browser.get(query)).text
    older = re.search(r'href="(/audit-log\?[^"]*before=\d+)"', first)
    assert older is not None
    second = (await browser.get(html.unescape(older[1]))).text

    people = [re.findall(r"<td data-label=\"Who\">(p\d+)</td>", text) for text in (first, second)]
    assert people[0] + people[1] == [f"p{n}" for n in reversed(range(60))]
    assert len(people[0]) == 50
    assert (await browser.get("/audit-log?before=x")).status_code == 400


async def test_the_jwks_page_compares_with_the_ring(database: Database) -> None:
    """What a client gets, its cache headers, and whether it is current."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    page = (await browser.get("/jwks")).text
    assert "It is current: 2 keys" in page
    assert "max-age=600" in page

    async def stale(_url: str | None) -> HttpAnswer:
        return HttpAnswer(200, {}, b'{"keys":[]}', 0.001)

    async def broken(_url: str | None) -> HttpAnswer:
        return HttpAnswer(502, {}, b"<html>", 0.001)

    for fetch, words in ((stale, "It differs from the ring"), (broken, "could not be fetched")):
        hands.services = replace(hands.services, fetch_jwks=fetch)
        assert words in (await (await Browser(hands).sign_in()).get("/jwks")).text


@pytest.mark.parametrize("path", ["/signing-keys/nobody", "/signing-keys/nobody/revoke"])
async def test_an_unknown_key_is_said_to_be_unknown(database: Database, path: str) -> None:
    """404 with a way on."""
    browser = await Browser(await open_console(database)).sign_in()

    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "no key" in answer.text

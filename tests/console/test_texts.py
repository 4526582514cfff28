"""Texts that a database cannot keep, or should not: refused before anything is done."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from tests.conftest import Database
from tests.support.console import Browser, open_console
from tests.support.console_api import BASE, opened
from tests.support.console_people import person

from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal

KEYS = f"{BASE}/config/auth/signing-keys"


@pytest.mark.parametrize("reason", ["a\0b", "x" * 1001])
async def test_a_reason_that_cannot_be_kept_is_refused(database: Database, reason: str) -> None:
    """By every form, and nothing has happened then."""
    hands = await open_console(database)
    ada, (session,) = await person(database, "ada@example.com", hands.now)
    browser = await Browser(hands).sign_in()
    await browser.submit("/api-keys/new", {"type": "secret", "name": "cron"})
    (key,) = await hands.services.api_keys.list()
    ring = await hands.services.bench.store.load()
    lines = (await browser.get("/audit-log.json")).json()

    for path, form in (
        ("/signing-keys/new", {"algorithm": "ES256"}),
        ("/api-keys/new", {"type": "secret", "name": "other"}),
        (f"/api-keys/{key.id}/change", {"name": "other"}),
        (f"/api-keys/{key.id}/revoke", {"confirm": "cron"}),
        (f"/users/{ada}/sessions/{session}/end", {}),
        (f"/users/{ada}/sign-out", {}),
        (f"/users/{ada}/ban", {"length": "day"}),
    ):
        refused = await browser.submit(path, {**form, "reason": reason})
        assert refused.status_code == 400, path
    assert (await hands.services.bench.store.load()).version == ring.version
    assert list(await hands.services.api_keys.list()) == [key]
    assert (await browser.get("/audit-log.json")).json() == lines


async def test_an_address_with_a_zero_byte_leads_nowhere(database: Database) -> None:
    """404 in a path, 400 in a query, for pages and for the API."""
    _, client = await opened(database)
    browser = await client.browser.sign_in()
    for path in ("/users/%00", "/signing-keys/a%00", "/api-keys/%00/change", f"{BASE}/users/%00"):
        assert (await browser.get(path)).status_code == 404, path
    for query in ("/audit-log?actor=%00", "/users?q=%00", f"{BASE}/audit-log?subject_id=%00"):
        assert (await browser.get(query)).status_code == 400, query
    link = await Browser(client.browser.hands).post("/sign-in", {"link": "\0"})
    assert link.status_code == 400


@pytest.mark.parametrize("kid", ["of/a/path", "../up", "a b?c#d", "%2f", "new"])
async def test_a_key_of_any_name_is_reached(database: Database, kid: str) -> None:
    """Names come from elsewhere with an imported key."""
    hands, client = await opened(database)
    jwk = json.loads(reveal(private_jwk(generate("ES256", kid=kid))))
    made = (await client.ask("POST", KEYS, {"algorithm": "ES256", "private_jwk": jwk}))[1]
    path = f"{KEYS}/{quote(kid, safe='')}"
    assert made["id"] == kid
    assert (await client.ask("GET", path))[1]["id"] == kid
    hands.forward(minutes=20)
    dry = f"{path}?dry_run=true"
    assert (await client.ask("PATCH", dry, {"status": "in_use"}))[1]["status"] == "in_use"
    assert (await client.ask("PATCH", path, {"status": "revoked"}))[1]["status"] == "revoked"
    assert (await client.ask("DELETE", path))[1]["id"] == kid

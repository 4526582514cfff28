"""The pages use nothing that the API lacks: each page and action, and the rows that do the same."""

from __future__ import annotations

import html
import re

import pytest
from tests.conftest import Database
from tests.support.console import Browser
from tests.support.console_scene import lived_in, person_id

from keyturn.console.api.operations import OPERATIONS
from keyturn.console.app import ACTIONS, LIVE, PAGES
from keyturn.console.pages.audit_log import EXPORT

KEYS = "/config/auth/signing-keys"
KEY = f"{KEYS}/{{id}}"
ROWS: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/"): (
        "GET /status",
        f"GET {KEYS}",
        "GET /census",
        "GET /audit-log",
        "GET /api-keys",
    ),
    ("GET", "/signing-keys"): ("GET /ring", f"GET {KEYS}", "GET /census"),
    ("GET", "/signing-keys/new"): ("GET /ring",),
    ("GET", "/signing-keys/rotate"): ("GET /ring", f"PATCH {KEY}"),
    ("GET", "/signing-keys/{kid:path}/revoke"): ("GET /ring", f"PATCH {KEY}"),
    ("GET", "/signing-keys/{kid:path}/delete"): ("GET /ring", f"DELETE {KEY}"),
    ("GET", "/signing-keys/{kid:path}"): (f"GET {KEY}", "GET /ring", "GET /audit-log"),
    ("GET", "/api-keys"): ("GET /api-keys", "GET /api-keys/legacy"),
    ("GET", "/api-keys/new"): (),
    ("GET", "/api-keys/legacy/off"): ("GET /api-keys/legacy", "GET /api-keys/legacy/readiness"),
    ("GET", "/api-keys/{id}/change"): ("GET /api-keys/{id}",),
    ("GET", "/api-keys/{id}/revoke"): ("GET /api-keys/{id}",),
    ("GET", "/jwks"): ("GET /jwks", "GET /jwks/fetches"),
    ("GET", "/users"): ("GET /users",),
    ("GET", "/users/{user_id}"): ("GET /users/{id}",),
    ("GET", "/users/{user_id}/sign-out"): ("GET /users/{id}",),
    ("GET", "/users/{user_id}/ban"): ("GET /users/{id}",),
    ("GET", "/users/{user_id}/sessions/{session_id}/end"): ("GET /users/{id}",),
    ("GET", "/inbox"): ("GET /inbox",),
    ("GET", "/audit-log"): ("GET /audit-log", "GET /api-keys"),
    ("GET", "/audit-log.csv"): ("GET /audit-log.csv",),
    ("GET", "/audit-log.json"): ("GET /audit-log",),
    ("GET", "/live/overview"): ("GET /status",),
    ("GET", "/live/signing-keys"): ("GET /ring", "GET /census"),
    ("GET", "/live/rotate"): ("GET /ring",),
    ("GET", "/live/inbox"): ("GET /inbox",),
    ("GET", "/live/jwks"): ("GET /jwks/fetches",),
    ("POST", "/verifiers/ask"): ("POST /verifiers/ask",),
    ("POST", "/signing-keys/new"): (f"POST {KEYS}",),
    ("POST", "/signing-keys/rotate"): (f"PATCH {KEY}",),
    ("POST", "/signing-keys/{kid:path}/revoke"): (f"PATCH {KEY}",),
    ("POST", "/signing-keys/{kid:path}/delete"): (f"DELETE {KEY}",),
    ("POST", "/api-keys/new"): ("POST /api-keys",),
    ("POST", "/api-keys/legacy/off"): ("PUT /api-keys/legacy",),
    ("POST", "/api-keys/{id}/change"): ("PATCH /api-keys/{id}",),
    ("POST", "/api-keys/{id}/revoke"): ("DELETE /api-keys/{id}",),
    ("POST", "/users/{user_id}/sign-out"): ("DELETE /users/{id}/sessions",),
    ("POST", "/users/{user_id}/ban"): ("PUT /users/{id}/ban", "DELETE /users/{id}/ban"),
    ("POST", "/users/{user_id}/sessions/{session_id}/end"): (
        "DELETE /users/{id}/sessions/{session_id}",
    ),
}
"""Signing in and out of the console is in no row: whoever calls the API shows a key instead."""


def test_every_page_and_action_has_its_rows() -> None:
    """A page that comes without a row fails here, and so does a row that went away."""
    shown = {("GET", path) for path, _ in (*PAGES, *LIVE)}
    assert ROWS.keys() == shown | {("POST", path) for path, _ in ACTIONS}
    known = {f"{row.method} {row.path}": row for row in OPERATIONS}
    for place, rows in ROWS.items():
        assert rows or place == ("GET", "/api-keys/new"), place
        assert set(rows) <= known.keys(), place


def test_whatever_a_form_says_a_row_takes() -> None:
    """Every action's reason, and the fields of the forms."""
    known = {f"{row.method} {row.path}": row for row in OPERATIONS}
    for (method, _), rows in ROWS.items():
        if method == "POST":
            assert all("reason" in known[row].query for row in rows)


# A word of eight letters at least that no prose has: with a digit or an @ in it, and no date.
_FACT = re.compile(r"(?<!\S)(?!\d{4}-\d\d-\d\d)(?=\S*[@\d])\S{8,}(?!\S)")
SAID = ("/", "/signing-keys", "/jwks", "/users", "/inbox", "/audit-log", "/api-keys")


@pytest.mark.parametrize("path", SAID)
async def test_what_a_page_says_its_rows_say(database: Database, path: str) -> None:
    """Names, numbers, sentences and times of the main part of each page are in the answers."""
    hands = await lived_in(database)
    browser = await Browser(hands).sign_in()
    answers = ""
    for row in ROWS["GET", path]:
        address = row.split()[1]
        query = f"?limit={EXPORT}" if "audit" in address else "?revoked=true"
        answer = await browser.get(f"/admin/api/v1/projects/self-hosted{address}{query}")
        assert answer.status_code == 200, address
        answers += answer.text
    page = (await browser.get(path)).text
    text = html.unescape(re.sub(r"<[^>]*>", " ", page.split("</header>")[1]))
    facts = set(_FACT.findall(re.sub(r'["()]', " ", text)))
    assert facts
    assert not [fact for fact in facts if fact.strip("…,.") not in answers]


async def test_what_a_user_page_says_its_row_says(database: Database) -> None:
    """The account, where it is signed in, and which key signed."""
    browser = await Browser(await lived_in(database)).sign_in()
    ada = person_id("ada")
    page = (await browser.get(f"/users/{ada}")).text
    answer = (await browser.get(f"/admin/api/v1/projects/self-hosted/users/{ada}")).json()
    assert page.count("Firefox on Linux") == 1
    assert answer["user"]["email"] in page
    for session in answer["sessions"]:
        assert session["id"] in page
        assert session["ip"] in page
        assert f"/signing-keys/{session['signed_with']}" in page

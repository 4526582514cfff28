"""The overview page: what it says, what it never shows, and how it is served."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
import pytest

from keyturn.console.app import ConsoleApp, render
from keyturn.console.overview import Addresses, Overview, PartLine, ago, key_lines, statement
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.jose.keys import generate
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def ring_key(kid: str, state: KeyState, **changes: Any) -> RingKey:
    """Return a key that was made two hours ago."""
    made = NOW - timedelta(hours=2)
    signer = generate("ES256", kid=kid)
    key = RingKey(
        kid=kid,
        alg="ES256",
        state=state,
        key=signer.verifying_key(),
        signer=signer,
        legacy=False,
        created_at=made,
        published_at=made,
    )
    return replace(key, **changes)


PARTS = [
    PartLine(name, "ready", True, NOW - timedelta(minutes=3), 0, None)
    for name in ("postgres", "auth", "rest", "envoy")
]
API_KEY = ApiKeyRecord(
    UUID(int=1), "default", "secret", "service_role", b"h" * 32, "sb_secret_abc", NOW
)
RING = KeyRing(
    4,
    (
        ring_key("old-key", KeyState.PREVIOUSLY_USED, tokens_until=NOW + timedelta(minutes=30)),
        ring_key("the-key-in-use", KeyState.IN_USE, promoted_at=NOW - timedelta(days=2)),
        ring_key("next-key", KeyState.STANDBY, published_at=NOW - timedelta(minutes=5)),
        ring_key("bad-key", KeyState.REVOKED),
    ),
)
VIEW = Overview(
    now=NOW,
    addresses=Addresses("http://127.0.0.1:8000", "http://127.0.0.1:8000/jwks", "/data"),
    parts=PARTS,
    ring=RING,
    api_keys=[API_KEY],
    publish_before_sign=timedelta(minutes=20),
)
ILL = [*PARTS[:3], PartLine("envoy", "restarting", False, NOW, 3, "was killed by SIGKILL")]

WELL = (
    "All 4 parts are up. Tokens have been signed with ES256 key the-key- for 2 days; "
    "1 key stands by."
)
STATEMENTS = {
    "all is well": (
        VIEW,
        True,
        WELL,
    ),
    "a part is down": (
        replace(VIEW, parts=ILL), False, "Not everything is up: envoy (restarting)."),
    "no key yet": (replace(VIEW, ring=None), False, "No signing key is in use yet."),
    "an empty ring": (
        replace(VIEW, ring=KeyRing(0, ())), False, "No signing key is in use yet."),
    "the database is away": (
        replace(VIEW, trouble="The database is away."), False, "The database is away."),
}  # fmt: skip


@pytest.mark.parametrize(("view", "good", "text"), STATEMENTS.values(), ids=list(STATEMENTS))
def test_one_sentence_says_how_things_stand(view: Overview, good: bool, text: str) -> None:
    """The first trouble is the sentence; without one it names the key that signs."""
    said = statement(view)

    assert (said.good, said.text) == (good, text)


def test_keys_stand_in_the_order_that_matters_with_their_next_step() -> None:
    """In use, standby, previously used, revoked; each with what it waits for."""
    lines = key_lines(VIEW)

    assert [line.word for line in lines] == ["In use", "Standby", "Previously used", "Revoked"]
    notes = [line.note for line in lines]
    assert notes[1] == "may sign from 2026-11-23 22:15 UTC (in 15 minutes)"
    assert notes[2] == "its last token expires at 2026-11-23 22:30 UTC"
    later = replace(VIEW, now=NOW + timedelta(hours=1))
    assert [line.note for line in key_lines(later)][1:3] == [
        "may be promoted",
        "its last token has expired: it may be revoked",
    ]


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "less than a second"),
        (timedelta(seconds=-5), "less than a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_lengths_of_time(length: timedelta, text: str) -> None:
    """Times are told in their largest whole unit."""
    assert ago(length) == text


class Page(HTMLParser):
    """Collects what matters about a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element called ``name``."""
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_page_shows_everything_and_nothing_secret() -> None:
    """Kids, states, key prefixes and parts are there; key material and hashes are not."""
    html = render(VIEW)

    for text in ("the-key-in-use", "Standby", "sb_secret_abc…", "postgres", "createClient"):
        assert text in html
    for key in RING.keys:
        assert key.key is not None
        for member in ("x", "y"):
            assert str(key.key.public_jwk()[member]) not in html
    assert API_KEY.hash.hex() not in html


def test_the_page_is_inert_and_reads_well_without_sight() -> None:
    """No script, no foreign address, one h1, labelled tables, a language, a viewport."""
    page = Page(render(VIEW))

    assert page.all("script") == []
    addresses = [value for _, attrs in page.tags for name, value in attrs.items()
                 if name in {"src", "href"}]  # fmt: skip
    assert all(str(value).startswith(("/", "data:,")) for value in addresses)
    assert len(page.all("h1")) == 1
    assert page.all("html")[0]["lang"] == "en"
    assert "width=device-width" in str(page.all("meta")[1]["content"])
    assert all("scope" in attributes for attributes in page.all("th"))
    ids = {attributes.get("id") for _, attributes in page.tags}
    labels = {str(attrs["aria-labelledby"]) for _, attrs in page.tags if "aria-labelledby" in attrs}
    assert labels <= ids


def test_names_are_escaped() -> None:
    """A key named by an attacker is text, not markup."""
    hostile = replace(API_KEY, name="<script>alert(1)</script>", prefix='"><img src=x>')
    html = render(replace(VIEW, api_keys=[hostile], trouble="<b>no</b>"))

    assert "<script>" not in html
    assert "<img" not in html
    assert "<b>" not in html


def test_colours_have_a_dark_side_and_no_width_is_fixed() -> None:
    """The stylesheet knows both schemes and nothing in it is wider than a small phone."""
    from importlib import resources

    css = resources.files("keyturn.console").joinpath("static", "console.css").read_text()

    assert "prefers-color-scheme: dark" in css
    assert re.findall(r"(?<!max-)width:\s*\d+(px|rem)", css) == []
    assert "url(" not in css
    assert "@import" not in css


async def view() -> Overview:
    """Return the view of these tests."""
    return VIEW


async def ask(
    method: str, path: str, headers: dict[str, str] | None = None, own: str = "127.0.0.1"
) -> httpx.Response:
    """Send one request to the application, whose machine is reached at ``own``."""
    transport = httpx.ASGITransport(app=ConsoleApp(view, own))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        return await http.request(method, path, headers=headers)


async def test_the_page_is_served_with_a_strict_policy() -> None:
    """Nothing may be loaded from elsewhere, framed, or kept in a cache."""
    answer = await ask("GET", "/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/console.css", 200),
        ("HEAD", "/", 200),
        ("GET", "/nothing", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/", 405),
        ("DELETE", "/", 405),
    ],
)
async def test_only_looking_is_possible(method: str, path: str, status: int) -> None:
    """Two resources, two methods; everything else is refused in words."""
    answer = await ask(method, path)

    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    if method == "HEAD":
        assert answer.content == b""


@pytest.mark.parametrize(
    ("own", "host", "client", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8000", "127.0.0.1", 200),
        ("127.0.0.1", "localhost:8000", "127.0.0.1", 200),
        ("127.0.0.1", "[::1]:8000", "::1", 200),
        ("192.168.7.5", "192.168.7.5:8000", "192.168.7.5", 200),
        ("127.0.0.1", "evil.example", "127.0.0.1", 403),
        ("127.0.0.1", "127.0.0.1.evil.example", "127.0.0.1", 403),
        ("127.0.0.1", "localhost:8000", "192.168.7.9", 403),
        ("127.0.0.1", "192.168.7.9", "192.168.7.9", 403),
        ("192.168.7.5", "192.168.7.5:8000", "192.168.7.9", 403),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1, 192.168.7.9", 403),
        ("127.0.0.1", "[", "127.0.0.1", 403),
        ("127.0.0.1", "", "127.0.0.1", 403),
    ],
)
async def test_only_this_machine_is_shown_anything(
    own: str, host: str, client: str, status: int
) -> None:
    """Not another machine, and no name of another site that was pointed here."""
    headers = {"host": host, "x-forwarded-for": client}
    for path in ("/", "/console.css"):
        answer = await ask("GET", path, headers, own)
        assert answer.status_code == status
        assert ("ssh -L" in answer.text) == (status == 403)

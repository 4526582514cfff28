"""What another site, another machine or a forged request can do: nothing."""

from __future__ import annotations

import pytest
from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console

from keyturn.console.app import ACTIONS, PAGES

PATHS = ("/", "/sign-in", "/console.css", "/nothing", "/admin/api/openapi.json", "/signing-keys")


async def ring_version(hands: Hands) -> int:
    """Return what every change of the ring raises."""
    return (await hands.services.bench.store.load()).version


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_walled_in(database: Database, path: str) -> None:
    """No frame, no script, nothing from elsewhere, no guessing of types; errors too."""
    browser = await Browser(await open_console(database)).sign_in()
    answer = await browser.get(path)

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self'; connect-src 'self'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    if path != "/console.css":
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [path for path, _ in ACTIONS] + ["/sign-out"])
async def test_every_action_needs_the_word_of_the_session(database: Database, path: str) -> None:
    """Without it, with another session's, and from another origin: 403 and nothing done."""
    hands = await open_console(database)
    ring = await hands.services.bench.store.load()
    target = path.replace("{kid:path}", ring.standby[0].kid).replace("{id}", "x")
    form = {"algorithm": "ES256", "understood": "yes", "confirm": ring.standby[0].kid}
    browser, other = await Browser(hands).sign_in(), await Browser(hands).sign_in()
    mine, theirs = await browser.csrf(), await other.csrf()

    hands.forward(minutes=25)
    for csrf in ("", theirs, "é", mine[:-1]):
        assert (await browser.post(target, {**form, "csrf": csrf})).status_code == 403
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        "javascript://127.0.0.1:8000",
    ):
        answer = await browser.post(target, {**form, "csrf": mine}, origin=origin)
        assert answer.status_code == 403
    crossed = await browser.post(target, {**form, "csrf": mine}, sec_fetch_site="cross-site")
    assert crossed.status_code == 403
    assert await ring_version(hands) == ring.version


@pytest.mark.parametrize("path", [path for path, _ in ACTIONS])
async def test_who_may_only_look_changes_nothing(database: Database, path: str) -> None:
    """A read-only session sees no button, and its POST is refused."""
    hands = await open_console(database)
    ring = await hands.services.bench.store.load()
    hands.forward(minutes=25)
    target = path.replace("{kid:path}", ring.standby[0].kid).replace("{id}", "x")
    browser = await Browser(hands).sign_in("read_only")
    form = {"csrf": await browser.csrf(), "algorithm": "ES256", "understood": "yes"}

    answer = await browser.post(target, {**form, "confirm": ring.standby[0].kid})
    assert answer.status_code == 403
    assert await ring_version(hands) == ring.version
    assert "/signing-keys/rotate" not in (await browser.get("/signing-keys")).text


@pytest.mark.parametrize("path", [path for path, _ in PAGES])
async def test_every_page_needs_a_session(database: Database, path: str) -> None:
    """Without one the browser is led to the sign-in page; exports too."""
    answer = await Browser(await open_console(database)).get(path.replace("{kid:path}", "k"))

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize(
    ("own", "host", "client", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8000", "127.0.0.1", 200),
        ("127.0.0.1", "localhost:8000", "127.0.0.1", 200),
        ("127.0.0.1", "[::1]:8000", "::1", 200),
        ("192.168.7.5", "192.168.7.5:8000", "192.168.7.5", 200),
        ("127.0.0.1", "evil.example", "127.0.0.1", 403),
        ("127.0.0.1", "127.0.0.1.evil.example", "127.0.0.1", 403),
        ("127.0.0.1", "localhost@evil.example", "127.0.0.1", 403),
        ("127.0.0.1", "localhost:8000", "192.168.7.9", 403),
        ("127.0.0.1", "192.168.7.9", "192.168.7.9", 403),
        ("192.168.7.5", "192.168.7.5:8000", "192.168.7.9", 403),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1, 192.168.7.9", 403),
        ("127.0.0.1", "[", "127.0.0.1", 403),
        ("127.0.0.1", "", "127.0.0.1", 403),
    ],
)
async def test_only_this_machine_is_shown_anything(
    database: Database, own: str, host: str, client: str, status: int
) -> None:
    """Not another machine, and no name of another site that was pointed here."""
    browser = Browser(await open_console(database), own=own)
    for path in ("/sign-in", "/console.css"):
        answer = await browser.get(path, headers={"host": host, "x-forwarded-for": client})
        assert answer.status_code == status
        assert ("ssh -L" in answer.text) == (status == 403)


async def test_a_forwarded_host_changes_nothing(database: Database) -> None:
    """Host header tricks: no answer repeats one, no redirect follows one."""
    browser = Browser(await open_console(database))
    tricks = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    answer = await browser.get("/", headers=tricks)

    assert answer.headers["location"] == "/sign-in"
    assert "evil" not in answer.text + str(answer.headers)


async def test_large_and_strange_bodies_are_refused(database: Database) -> None:
    """64 KiB at most, forms as forms, and a page that says so."""
    browser = await Browser(await open_console(database)).sign_in()
    csrf = await browser.csrf()

    large = await browser.post("/signing-keys/new", {"csrf": csrf, "reason": "x" * 70_000})
    assert large.status_code == 413
    many = await browser.post("/signing-keys/new", {f"f{n}": "x" for n in range(60)})
    assert many.status_code == 400
    strange = await browser.http.post(
        "/signing-keys/new", json={"csrf": csrf}, headers={"origin": browser.base}
    )
    assert strange.status_code == 400


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404),
    ("GET", "/../etc/passwd", 404),
    ("DELETE", "/", 405),
    ("PUT", "/signing-keys", 405),
    ("POST", "/sign-in", 403),
])  # fmt: skip
async def test_what_is_not_there_is_refused_in_words(
    database: Database, method: str, path: str, status: int
) -> None:
    """Every error is a page, and walled in like any other."""
    browser = Browser(await open_console(database))
    answer = await browser.http.request(method, path)

    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"

"""The console behind a reverse proxy: one configured address, and nothing that a request claims."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from tests.conftest import Database
from tests.support.console import Hands, open_console

from keyturn.console.app import console_app
from keyturn.console.origin import Origin, read_origin
from keyturn.errors import UsageError

NAME = "console.example.com"
PUBLIC = f"https://{NAME}"


def proxied(
    hands: Hands, said: Mapping[str, str] | None = None, *, hops: int = 1, public: bool = True
) -> httpx.AsyncClient:
    """Return a client behind a TLS proxy on 10.0.0.2 and the gateway, which appends its peer."""
    origin = Origin("https", NAME) if public else None
    app = console_app(hands.services, "127.0.0.1", public=origin, hops=hops)
    given = {
        "x-forwarded-for": "203.0.113.9, 10.0.0.2",
        "x-forwarded-proto": "https",
        **(said or {}),
    }
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC, headers=given)


async def test_it_answers_under_its_public_name(database: Database) -> None:
    """Signing in works from the page there, and the cookie never travels in clear."""
    hands = await open_console(database)
    async with proxied(hands) as client:
        link = {"link": hands.link()}
        entered = await client.post("/sign-in", data=link, headers={"origin": PUBLIC})
        assert entered.status_code == 303
        assert "secure" in entered.headers["set-cookie"].lower()
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize("given", [
    {"host": "evil.example"},
    {"host": f"{NAME}.evil.example"},
    {"host": f"{NAME}:8443"},
    {"host": f"user@{NAME}"},
    {"x-forwarded-proto": "http"},
    {"x-forwarded-proto": "https, http"},
    {"host": "evil.example", "x-forwarded-host": NAME},
    {"host": "127.0.0.1:8000"},
    {"host": "127.0.0.1:8000", "x-forwarded-for": "127.0.0.1, 203.0.113.9"},
    {"host": "localhost", "x-forwarded-for": "203.0.113.9"},
])  # fmt: skip
async def test_other_names_and_other_ways_are_refused(
    database: Database, given: dict[str, str]
) -> None:
    """Nor does a forged loopback address make a stranger a local."""
    async with proxied(await open_console(database), given) as client:
        answer = await client.get("/sign-in")
    assert answer.status_code == 403
    assert "evil" not in answer.text + str(answer.headers)


async def test_nothing_is_public_that_was_not_configured(database: Database) -> None:
    """Without an origin, or without a trusted proxy that speaks TLS, it stays closed."""
    hands = await open_console(database)
    async with proxied(hands, public=False) as client:
        assert (await client.get("/sign-in")).status_code == 403
    # A gateway that trusts nobody in front writes what it saw itself.
    seen = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"}
    async with proxied(hands, seen, hops=0) as client:
        assert (await client.get("/sign-in")).status_code == 403


@pytest.mark.parametrize("origin", [
    "http://console.example.com", "https://evil.example", "https://console.example.com:444", "null",
    "https://console.example.com.evil.example", "",
])  # fmt: skip
async def test_forms_come_from_the_public_origin_to_the_letter(
    database: Database, origin: str
) -> None:
    """The same name in clear is another site."""
    hands = await open_console(database)
    async with proxied(hands) as client:
        link = {"link": hands.link()}
        answer = await client.post("/sign-in", data=link, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_guesser_is_told_apart_from_others(database: Database) -> None:
    """The bound holds for the address that the trusted proxy saw, whatever the guesser claims."""
    hands = await open_console(database)
    statuses = []
    for number in range(11):
        forged = f"198.51.100.{number}, 203.0.113.9, 10.0.0.2"
        async with proxied(hands, {"x-forwarded-for": forged}) as client:
            sent = await client.post("/sign-in", data={"link": "guess"}, headers={"origin": PUBLIC})
            statuses.append(sent.status_code)
    assert statuses == [403] * 10 + [429]
    async with proxied(hands, {"x-forwarded-for": "203.0.113.10, 10.0.0.2"}) as client:
        link = {"link": hands.link()}
        entered = await client.post("/sign-in", data=link, headers={"origin": PUBLIC})
        assert entered.status_code == 303


@pytest.mark.parametrize("path", [
    "//evil.example", "/\\evil.example", "/sign-in?next=//evil.example", "/%2f%2fevil.example",
    "/inbox.json?x=//evil.example", "/users/..%2f..%2fevil", "/.//evil.example",
])  # fmt: skip
async def test_no_redirect_leads_away(database: Database, path: str) -> None:
    """Open redirects: wherever an answer sends a browser is a path of the console."""
    hands = await open_console(database)
    async with proxied(hands) as client:
        answer = await client.get(httpx.URL(PUBLIC).copy_with(raw_path=path.encode()))
    target = answer.headers.get("location", "/")
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


@pytest.mark.parametrize(("text", "origin"), [
    ("https://Console.Example.com", "https://console.example.com"),
    ("https://console.example.com:443/", "https://console.example.com"),
    ("https://console.example.com:8443", "https://console.example.com:8443"),
    ("http://localhost:9000", "http://localhost:9000"),
])  # fmt: skip
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert str(read_origin(text)) == origin


@pytest.mark.parametrize("text", [
    "console.example.com", "http://console.example.com", "https://", "https://x/path",
    "https://u:p@x", "https://x?q", "https://x:99999", "ftp://x", "https://exämple.com", "*",
])  # fmt: skip
def test_an_origin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="public address cannot be used"):
        read_origin(text)

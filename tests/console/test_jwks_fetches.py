"""Who fetched the JWKS, from the gateway's lines to the words on the page, and stale caches."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.conftest import Database
from tests.support.console import START, Browser, open_console

from keyturn.adapters.envoy.traffic import RecentTraffic
from keyturn.console.counts import Counts
from keyturn.console.fetches import fetches_of, without
from keyturn.flows.ports.http import HttpAnswer
from keyturn.gateway.traffic import JWKS_PATH, Traffic, tally


def line(minutes: float, **members: object) -> bytes:
    """One line of the access log, ``minutes`` before the start."""
    at = (START - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return json.dumps({"time": at, "path": "/rest/v1/x", "status": 200, **members}).encode()


def fetch(minutes: float, client: str) -> bytes:
    return line(minutes, path=JWKS_PATH, client=client)


async def test_the_last_hour_is_read_over_a_renamed_log(tmp_path: Path) -> None:
    """What was rotated away still counts; older lines and what is no line do not."""
    log = tmp_path / "access.log"
    log.with_name("access.log.1").write_bytes(
        b"\n".join([fetch(90, "192.0.2.1"), fetch(50, "192.0.2.1")]) + b"\n"
    )
    log.write_bytes(
        b"\n".join([
            fetch(5, "192.0.2.1"), b"half a line", line(4, credential="jwt", alg="HS256"),
            line(3, credential="key", alg="HS256", key="k1"),
            line(2, credential="jwt", alg="ES256"),
        ]) + b"\n"
    )  # fmt: skip
    seen = await RecentTraffic(log, lambda: START)()

    assert [fetch.at for fetch in seen.fetches] == [
        START - timedelta(minutes=50),
        START - timedelta(minutes=5),
    ]
    assert seen.legacy_tokens == 1
    assert (seen.tokens["ES256"], seen.keys["k1"]) == (1, 1)
    assert seen.since == START - timedelta(hours=1)
    nothing = await RecentTraffic(tmp_path / "missing", lambda: START)()
    assert nothing.fetches == []


def test_habits_are_told_apart() -> None:
    """One that caches, one that asks with every request, one that came once."""
    lines = [fetch(10 * number, "cached") for number in range(6)]
    lines += [fetch(number / 30, "greedy") for number in range(60)] + [fetch(7, "once")]
    found = fetches_of(tally(lines, START, whole=True), START)

    habits = {client.address: (client.habit, client.wasteful) for client in found.clients}
    assert habits["cached"] == ("about every 10 minutes", False)
    assert habits["greedy"] == ("with every request: it caches nothing", True)
    assert habits["once"] == ("once", False)
    assert sum(found.bars) == found.total == 67
    assert found.bars[-1] == found.highest == 31
    assert found.clients[0].address == "greedy"


def test_what_the_console_itself_asked_is_left_out() -> None:
    """Only from this machine, and only at the moment at which it asked."""
    lines = [fetch(1, "127.0.0.1"), fetch(1, "192.0.2.1"), fetch(2, "127.0.0.1")]
    asked = START - timedelta(minutes=1)
    kept = without(tally(lines, START, whole=True), [(asked, asked)])
    assert [fetch.client for fetch in kept.fetches] == ["127.0.0.1", "192.0.2.1"]


async def test_the_page_shows_hostile_clients_as_text(database: Database) -> None:
    """The chart and the table; an address is whatever stood in the log."""
    hands = await open_console(database)

    async def traffic() -> Traffic:
        return tally([fetch(3, "<script>x</script>")], START, whole=True)

    hands.services = replace(hands.services, counts=Counts(None, traffic))
    page = (await (await Browser(hands).sign_in()).get("/jwks")).text
    assert page.count("<rect") == 1
    assert "<script>x" not in page
    assert "1 request by 1 client" in page


async def test_a_stale_cdn_is_found_out(database: Database) -> None:
    """What is missing there, what is still there, and when it ends."""
    hands = await open_console(database)
    asked: list[str | None] = []

    async def cdn(url: str | None) -> HttpAnswer:
        asked.append(url)
        headers = {"cache-control": "public, max-age=600", "age": "430"}
        return HttpAnswer(200, headers, b'{"keys":[{"kid":"gone"}]}', 0.001)

    public = "https://api.example.com/auth/v1/.well-known/jwks.json"
    addresses = replace(hands.services.addresses, public_jwks=public)
    hands.services = replace(hands.services, fetch_jwks=cdn, addresses=addresses)
    page = (await (await Browser(hands).sign_in()).get("/jwks?check=1")).text
    ring = await hands.services.bench.store.load()

    assert asked == [public]
    assert f"Missing there: <code>{', '.join(sorted(key.kid for key in ring.keys))}</code>" in page
    assert "Still there: <code>gone</code>" in page
    assert "within 170 seconds" in page

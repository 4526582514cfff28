"""Verifiers that are asked: honest ones, one that has old keys, one that checks nothing, none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console
from tests.support.console_api import BASE, Client

from keyturn.adapters.postgres.token_log import PostgresTokenLog
from keyturn.console.witnesses import Witnesses
from keyturn.errors import Unreachable
from keyturn.flows import keys
from keyturn.flows.canaries import Verifiers, ask_verifiers
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.keyring.change import Intent
from keyturn.secret import Secret
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

_POLICY = Policy(algorithms=frozenset({"ES256", "HS256"}), issuer="iss", audience="aud")


class Services:
    """Two services that check tokens with the keys that they were given, as GoTrue and PostgREST.

    ``mood`` is ``honest``, ``careless`` (nothing is checked), ``broken`` or ``gone``.
    """

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.known = KeySet(())
        self.mood = "honest"
        self.tokens: list[str] = []

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        assert (method, body) == ("GET", None)
        token = (headers or {})["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        if self.mood == "gone":
            raise Unreachable("rest did not answer.")
        if self.mood == "broken":
            return HttpAnswer(503, {}, b"<html>", 0.001)
        auth = url == "http://auth/user"
        assert auth or url == "http://rest/prefix/keyturn_canary"
        try:
            if self.mood != "careless":
                verify(token, self.known, _POLICY, now=self.hands.now)
        except TokenRejected:
            refused = (403, b'{"error_code":"bad_jwt"}') if auth else (401, b'{"code":"PGRST301"}')
            return HttpAnswer(refused[0], {}, refused[1], 0.001)
        passed = b'{"error_code":"user_not_found"}' if auth else b'{"code":"PGRST205"}'
        return HttpAnswer(403 if auth else 404, {}, passed, 0.001)


async def opened(database: Database, legacy: Secret | None = None) -> tuple[Hands, Services]:
    """Return a console with verifiers that know the whole ring."""
    hands = await open_console(database, legacy=legacy)
    services = Services(hands)
    store = hands.services.bench.store
    services.known = (await store.load()).key_set()
    verifiers = Verifiers(
        {"auth": "http://auth", "rest": "http://rest/prefix/", "storage": "http://storage"},
        "iss", "aud", services, PostgresTokenLog(await database.pool()), os.urandom,
    )  # fmt: skip
    witnesses = Witnesses(lambda intent: ask_verifiers(store, verifiers, intent))
    hands.services = replace(hands.services, witnesses=witnesses)
    return hands, services


@pytest.mark.parametrize("legacy", [None, Secret("an-imported-jwt-secret-of-more-than-32-bytes")])
async def test_the_standby_is_proven_before_it_signs(
    database: Database, legacy: Secret | None
) -> None:
    """The page shows every answer; the rotation says that it is proven; no token is shown."""
    hands, services = await opened(database, legacy)
    browser = await Browser(hands).sign_in()
    assert "Nobody was asked" in (await browser.get("/")).text
    assert "Nobody was asked" in (await browser.get("/signing-keys/rotate")).text

    done = await browser.post("/verifiers/ask", {"csrf": await browser.csrf()})
    assert (done.status_code, done.headers["location"]) == (303, "/#verifiers")
    page = (await browser.get("/")).text
    assert page.count(">proven</span>") == 2
    words = " ".join(re.sub("<[^>]*>", " ", page).split())
    ring = await hands.services.bench.store.load()
    said = [f"accepts {key.kid[:8]}…" for key in (ring.in_use, *ring.standby)]
    accepts = " , ".join([*said, "refuses a forgery"])
    for service in ("auth", "rest"):
        assert f"proven {service} {accepts}" in words
    rotate = (await browser.get("/signing-keys/rotate")).text
    assert "Proven: every verifier accepted a token of the standby" in rotate
    assert len(services.tokens) == 6
    log = (await browser.get("/audit-log")).text
    assert "a canary for auth and rest, for half a minute" in log
    for token in services.tokens:
        assert token.rsplit(".", 1)[1] not in page + rotate + log


async def test_a_verifier_with_old_keys_is_found_out(database: Database) -> None:
    """Before a user is refused."""
    hands, services = await opened(database)
    await keys.generate(hands.services.bench, Intent(hands.now, "ada"))
    client = Client(hands, await hands.secret_key())
    ring = await hands.services.bench.store.load()
    services.known = KeySet([ring.in_use.key] if ring.in_use.key else [])
    status, told = await client.ask("POST", f"{BASE}/verifiers/ask?reason=before")

    assert status == 200
    accepted = {(one["service"], one["kid"]): one["accepted"] for one in told["answers"]}
    for service in ("auth", "rest"):
        assert accepted[service, ring.in_use.kid] is True
        assert [accepted[service, key.kid] for key in ring.standby] == [False, False]
        assert accepted[service, None] is False
    browser = await Browser(hands).sign_in()
    page = (await browser.get("/")).text
    assert page.count(">not proven</span>") == 2
    assert "(401 PGRST301)" in page
    assert "Not every verifier accepted" in (await browser.get("/signing-keys/rotate")).text
    log = (await client.ask("GET", f"{BASE}/audit-log?verb=mint_token"))[1]["lines"]
    assert len(log) == 3
    assert all(line["reason"].startswith("before; a canary") for line in log)


@pytest.mark.parametrize(
    ("mood", "accepted", "words"),
    [("careless", True, "404 PGRST205"), ("broken", None, "503"), ("gone", None, "did not answer")],
)
async def test_who_checks_nothing_proves_nothing(
    database: Database, mood: str, accepted: bool | None, words: str
) -> None:
    """A forgery that passes, no answer at all: the standby is not proven."""
    hands, services = await opened(database)
    services.mood = mood
    witnesses = hands.services.witnesses
    assert witnesses is not None
    told = await witnesses.ask(Intent(hands.now, "ada"))
    ring = await hands.services.bench.store.load()

    forged = [one for one in told.answers if one.service == "rest" and one.kid is None]
    assert [(one.accepted, words in one.words) for one in forged] == [(accepted, True)]
    assert not told.accepts(ring.standby[0].kid)
    assert not told.accepts("another")


async def test_a_canary_opens_nothing(database: Database) -> None:
    """It speaks for nobody, as anon, for half a minute."""
    hands, services = await opened(database)
    witnesses = hands.services.witnesses
    assert witnesses is not None
    await witnesses.ask(Intent(hands.now, "ada"))
    claims = verify(services.tokens[0], services.known, _POLICY, now=hands.now)
    assert claims["role"] == "anon"
    assert "session_id" not in claims
    hands.forward(seconds=31)
    with pytest.raises(TokenRejected):
        verify(services.tokens[0], services.known, _POLICY, now=hands.now)


async def test_who_may_only_look_asks_nobody(database: Database) -> None:
    """No button, and no way around it; where there is nobody to ask, there is no page."""
    hands, services = await opened(database)
    looking = await Browser(hands).sign_in("read_only")
    assert "Ask them now" not in (await looking.get("/")).text
    sent = await looking.post("/verifiers/ask", {"csrf": await looking.csrf()})
    assert sent.status_code == 403
    assert services.tokens == []
    hands.services = replace(hands.services, witnesses=None)
    browser = await Browser(hands).sign_in()
    assert "Ask them now" not in (await browser.get("/")).text
    sent = await browser.post("/verifiers/ask", {"csrf": await browser.csrf()})
    assert sent.status_code == 404

"""A console on a test's database: real stores, real sessions, a clock that tests move."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
from tests.conftest import Database

from keyturn.adapters.console_key import console_key
from keyturn.adapters.postgres.account_store import PostgresAccountStore
from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.audit_store import PostgresAuditLog
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.session_store import PostgresSessionStore
from keyturn.adapters.sealing import Sealer
from keyturn.console.app import console_app
from keyturn.console.counts import Counts
from keyturn.console.limiter import FailureLimiter
from keyturn.console.overview import Addresses, PartLine
from keyturn.console.services import Services
from keyturn.console.sessions import Role, Sessions, mint_link
from keyturn.console.streams import Streams
from keyturn.flows import apikeys
from keyturn.flows.desk import Desk
from keyturn.flows.keys import Bench, ensure
from keyturn.flows.keys_start import FirstKeys
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.keys import SigningKey
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.secret import Secret
from keyturn.secret_access import reveal

START = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
BASE = "http://127.0.0.1:8000"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Hands:
    """The clock, the key of links, and the services behind a console."""

    def __init__(self, services: Services, key: SigningKey) -> None:
        self.services = services
        self.key = key
        self.now = START

    def clock(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)

    def link(self, role: Role = "full", actor: str = "ada") -> str:
        """Return the token of a fresh sign-in link."""
        return mint_link(self.key, now=self.now, entropy=os.urandom, actor=actor, role=role)

    async def secret_key(self, name: str = "server") -> str:
        """Make a secret API key and return its text."""
        _, secret = await apikeys.create(
            self.services.api_keys,
            Intent(self.now, "tester"),
            kind="secret",
            name=name,
            entropy=os.urandom,
        )
        return reveal(secret).decode()


async def open_console(database: Database, *, legacy: Secret | None = None) -> Hands:
    """Return a console on a filled ring, whose standby was published just now."""
    pool = await database.pool()
    hands: Hands
    store = PostgresRingStore(pool, Sealer([Secret(os.urandom(32))]))
    await ensure(
        store, now=START, entropy=os.urandom, first=FirstKeys(legacy_secret=legacy), actor="start"
    )
    key = console_key(Secret(os.urandom(32)))
    api_keys = PostgresApiKeyStore(pool)

    def now() -> datetime:
        return hands.now

    async def fetch_jwks(url: str | None) -> HttpAnswer:
        del url
        body = msgspec.json.encode((await store.load()).public_jwks())
        return HttpAnswer(200, {"cache-control": "public, max-age=600"}, body, 0.001)

    audit = PostgresAuditLog(pool)
    desk = Desk(
        PostgresAccountStore(pool),
        PostgresSessionStore(pool),
        audit,
        aud="authenticated",
        token_life=timedelta(hours=1),
    )
    services = Services(
        bench=Bench(store, RingPolicy(), os.urandom, api_keys),
        api_keys=api_keys,
        audit=audit,
        sessions=Sessions(key, lambda: START, os.urandom),
        limiter=FailureLimiter(now),
        clock=now,
        entropy=os.urandom,
        addresses=Addresses(BASE, f"{BASE}/auth/v1/.well-known/jwks.json", "/srv/keyturn"),
        parts=lambda: [
            PartLine(name, "ready", True, START - timedelta(minutes=3), 0, None)
            for name in ("postgres", "auth", "rest", "envoy")
        ],
        fetch_jwks=fetch_jwks,
        show_once=lambda secret: reveal(secret).decode(),
        streams=Streams(every=0.05),
        desk=desk,
        counts=Counts(desk),
    )
    hands = Hands(services, key)
    hands.services = replace(services, sessions=Sessions(key, now, os.urandom))
    return hands


class Browser:
    """An HTTP client that keeps cookies, names its origin with a POST, and fills CSRF fields."""

    def __init__(self, hands: Hands, *, own: str = "127.0.0.1", base: str = BASE) -> None:
        transport = httpx.ASGITransport(app=console_app(hands.services, own))
        self.http = httpx.AsyncClient(transport=transport, base_url=base)
        self.hands = hands
        self.base = base

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Follow no redirect."""
        return await self.http.get(path, **options)

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        """Send exactly ``form``, from a page of this console unless ``headers`` say otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, data=form or {}, headers={"origin": self.base, **named})

    async def submit(self, path: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        """Open the page at ``path`` and send its form: hidden fields as they are, then ``form``."""
        page = (await self.get(path)).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        return await self.post(path, {**hidden, **(form or {})})

    async def sign_in(self, role: Role = "full") -> Browser:
        """Use a fresh link and return this browser, signed in."""
        done = await self.post("/sign-in", {"link": self.hands.link(role)})
        assert done.status_code == 303, done.text
        return self

    async def csrf(self) -> str:
        """Return the word of this session."""
        found = _CSRF.search((await self.get("/")).text)
        assert found is not None
        return found[1]

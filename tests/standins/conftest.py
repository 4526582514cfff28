"""A REST stand-in on a real database, and a client that signs its own tokens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import pytest

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.rest_database import PostgresRestDatabase
from keyturn.jose.jwks import KeySet
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate
from keyturn.profiles.postgrest import Settings
from keyturn.secret import Secret
from keyturn.standins.rest.app import RestApp
from keyturn.standins.rest.gatekeeper import Gatekeeper
from keyturn.standins.rest.service import ServiceSettings

ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"


class TestDatabase(Protocol):
    """What these tests use of the fixture ``database``."""

    dsn: Secret
    authenticator_dsn: Secret

    async def pool(self, dsn: Secret | None = None, **options: Any) -> Pool: ...


@dataclass
class Stand:
    """A running stand-in."""

    client: httpx.AsyncClient
    admin: Pool
    pool: Pool
    """The stand-in's own connections, as ``authenticator``."""
    database: PostgresRestDatabase
    key: SigningKey
    clock: list[datetime]
    """The last one is now."""
    keys: list[KeySet]
    """The last one counts."""

    @property
    def now(self) -> datetime:
        """The stand-in's time."""
        return self.clock[-1]

    def token(self, role: str | None = "authenticated", **claims: Any) -> str:
        """A token of the stand-in's key, valid for an hour."""
        moment = int(self.now.timestamp())
        named = {} if role is None else {"role": role}
        return encode({"exp": moment + 3600, "iat": moment, **named, **claims}, self.key)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        role: str | None = "service_role",
        sub: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request as ``role``; None is anonymous."""
        sent = dict(headers or {})
        if role is not None:
            claims = {"sub": sub} if sub else {}
            sent.setdefault("Authorization", f"Bearer {self.token(role, **claims)}")
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        return await self.client.request(method, path, content=content, headers=sent)

    async def rows(self, path: str, **options: Any) -> Any:
        """The JSON of a successful GET."""
        response = await self.ask("GET", path, **options)
        assert response.is_success, (response.status_code, response.text)
        return response.json()


Standing = Callable[..., Any]


@pytest.fixture
def standing(database: TestDatabase) -> Standing:
    """``async with standing(sql) as stand``: a stand-in over ``sql``'s tables."""

    @asynccontextmanager
    async def running(
        sql: str, *, schemas: tuple[str, ...] = ("public",), max_rows: int | None = 1000
    ) -> AsyncIterator[Stand]:
        admin = await database.pool(database.dsn, size=2)
        await admin.execute(sql)
        pool = await database.pool(database.authenticator_dsn, size=4)
        rest = PostgresRestDatabase(pool, schemas, '"extensions"')
        await rest.start()
        key = generate("ES256", kid="first")
        keys = [KeySet([key.verifying_key()])]
        settings = ServiceSettings(schemas=schemas, max_rows=max_rows)
        clock = [datetime.now(UTC)]
        gatekeeper = Gatekeeper(lambda: keys[-1], Settings(), lambda: clock[-1])
        transport = httpx.ASGITransport(RestApp(rest, gatekeeper, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://rest") as client:
            yield Stand(client, admin, pool, rest, key, clock, keys)
        await rest.stop()

    return running

"""A console that somebody has used for a while, served on a loopback port for a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import uvicorn
from tests.conftest import Database
from tests.support.console import Hands, open_console

from keyturn.apikeys.opaque import OpaqueKind
from keyturn.console.app import console_app
from keyturn.console.counts import Counts
from keyturn.console.witnesses import Witnesses
from keyturn.flows import apikeys, keys
from keyturn.flows.canaries import Answer, Testimony
from keyturn.flows.ports.apikeys import Role
from keyturn.flows.ports.inbox import CaughtMail
from keyturn.gateway.traffic import Fetch, Shown, Traffic, Verdict
from keyturn.keyring.change import Intent
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret

_LEGACY = Secret("an-imported-jwt-secret-of-more-than-32-bytes")


async def lived_in(database: Database) -> Hands:
    """Return a console with keys in every state, API keys that were used, and a history.

    The imported secret was revoked after the move to ES256; a standby was published 8 minutes ago.
    """
    hands = await open_console(database, legacy=_LEGACY)
    services = hands.services
    legacy = (await services.bench.store.load()).in_use
    roles: tuple[Role, ...] = ("anon", "service_role")
    for role in roles:
        assert legacy.signer is not None
        await apikeys.create_legacy(
            services.api_keys,
            _who(hands, "moved from docker compose"),
            role=role,
            name=role,
            key=legacy.signer,
            entropy=os.urandom,
        )
    hands.forward(days=1)
    await keys.rotate(services.bench, _who(hands, "ES256 from now on"))
    kinds: tuple[tuple[OpaqueKind, str], ...] = (
        ("publishable", "web"),
        ("publishable", "ios"),
        ("secret", "billing"),
    )
    for kind, name in kinds:
        hands.forward(minutes=3)
        await apikeys.create(
            services.api_keys,
            _who(hands),
            kind=kind,
            name=name,
            entropy=os.urandom,
            description="invoices of the web shop, on app-2" if name == "billing" else None,
        )
    hands.forward(days=3)
    for record in await services.api_keys.list():
        if record.kind == "legacy":
            await apikeys.revoke(services.api_keys, _who(hands, "nobody uses it"), str(record.id))
    await keys.revoke(services.bench, _who(hands, "the move is over"), legacy.kid)
    hands.forward(days=90)
    await keys.rotate(services.bench, _who(hands, "every quarter"))
    hands.forward(minutes=8)
    await _people(database, hands)
    hands.services = replace(
        hands.services,
        counts=Counts(hands.services.desk, lambda: _an_hour(hands)),
        witnesses=Witnesses(lambda intent: _asked(hands, intent)),
        inbox=lambda: (_mail(hands),),
    )
    assert hands.services.witnesses is not None
    await hands.services.witnesses.ask(_who(hands))
    used = [record for record in await services.api_keys.list() if record.active]
    await services.api_keys.touch({record.id: hands.now for record in used if record.name != "ios"})
    return hands


_USER = """
insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data,
                        raw_user_meta_data, created_at, updated_at, last_sign_in_at, banned_until)
values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, $3,
        '{}', '{}', $3, $3, $4, $5)
"""
_SESSION = """
insert into auth.sessions (id, user_id, created_at, updated_at, refreshed_at, user_agent, ip)
values (gen_random_uuid(), $1, $2, $3, $3 at time zone 'utc', $4, '192.0.2.7')
"""
_IDENTITY = """
insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
values ($1::text, $1::uuid, json_build_object('email', $2::text), $3, $4, $4)
"""
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
    "python-httpx/0.28.1",
)
_NAMES = ("ada", "grace", "edsger", "barbara", "alan", "katherine")


def person_id(name: str) -> str:
    """Return the id of one of the accounts."""
    return f"00000000-0000-4000-8000-00000000000{_NAMES.index(name)}"


async def _people(database: Database, hands: Hands) -> None:
    """Add six accounts with sessions of several ages; one is banned."""
    pool = await database.pool()
    for number, name in enumerate(_NAMES):
        user_id, now = person_id(name), hands.now
        banned = now + timedelta(days=7) if name == "alan" else None
        created = now - timedelta(days=40 - number)
        last = now - timedelta(hours=number + 1)
        await pool.execute(_USER, user_id, f"{name}@example.com", created, last, banned)
        for provider in ("email", "github")[: 1 + (name == "ada")]:
            await pool.execute(_IDENTITY, user_id, f"{name}@example.com", provider, created)
        for place, agent in enumerate(_AGENTS[: 0 if banned else 3 - number % 3]):
            seen = now - timedelta(minutes=4 + 15 * place + number)
            await pool.execute(_SESSION, user_id, now - timedelta(days=3 + place), seen, agent)


async def _an_hour(hands: Hands) -> Traffic:
    """What the gateway saw: a client that caches, one that does not, one that came by."""
    now = hands.now
    times = [("192.0.2.10", 10.0 * number) for number in range(6)]
    times += [("198.51.100.4", number / 12) for number in range(200)]
    times += [("203.0.113.80", 41.0)]
    fetches = [Fetch(now - timedelta(minutes=before), client, 200) for client, before in times]
    fetches.sort(key=lambda fetch: fetch.at)
    ring = await hands.services.bench.store.load()
    (former,) = ring.in_state(KeyState.PREVIOUSLY_USED)
    verdicts = {
        Shown("auth", ring.in_use.kid, "ES256"): Verdict(48, 0, now - timedelta(seconds=20)),
        Shown("rest", ring.in_use.kid, "ES256"): Verdict(1204, 3, now - timedelta(seconds=2), now),
        Shown("rest", former.kid, former.alg): Verdict(961, 0, now - timedelta(minutes=1)),
    }
    return Traffic(now - timedelta(hours=1), fetches, {"ES256": 3120}, {}, verdicts)


async def _asked(hands: Hands, intent: Intent) -> Testimony:
    """What honest verifiers say."""
    ring = await hands.services.bench.store.load()
    told = []
    for service, yes, no in (
        ("auth", "403 user_not_found", "403 bad_jwt"), ("rest", "404 PGRST205", "401 PGRST301"),
    ):  # fmt: skip
        told += [Answer(service, key.kid, True, yes) for key in (ring.in_use, *ring.standby)]
        told.append(Answer(service, None, False, no))
    return Testimony(intent.now, told)


def _mail(hands: Hands) -> CaughtMail:
    link = "http://127.0.0.1:8000/auth/v1/verify?token=…&type=signup"
    text = f"Confirm your email address\n\nFollow this link: {link}\n\nOr enter the code: ••••••"
    to = ("katherine@example.com",)
    return CaughtMail(1, hands.now, "noreply@example.com", to, "Confirm", text, "", (link,))


def _who(hands: Hands, why: str | None = None) -> Intent:
    return Intent(hands.now, "ada", why)


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(hands: Hands) -> AsyncIterator[str]:
    """Serve the console of ``hands`` and yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(console_app(hands.services), log_config=None, access_log=False)
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield address
    finally:
        hands.services.streams.close()
        server.should_exit = True
        await task

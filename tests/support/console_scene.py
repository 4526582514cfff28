"""A console that somebody has used for a while, served on a loopback port for a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from tests.conftest import Database
from tests.support.console import Hands, open_console

from keyturn.apikeys.opaque import OpaqueKind
from keyturn.console.app import console_app
from keyturn.flows import apikeys, keys
from keyturn.flows.ports.apikeys import Role
from keyturn.keyring.change import Intent
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
            services.api_keys, _who(hands), kind=kind, name=name, entropy=os.urandom
        )
    hands.forward(days=3)
    for record in await services.api_keys.list():
        if record.kind == "legacy":
            await apikeys.revoke(services.api_keys, _who(hands, "nobody uses it"), str(record.id))
    await keys.revoke(services.bench, _who(hands, "the move is over"), legacy.kid)
    hands.forward(days=90)
    await keys.rotate(services.bench, _who(hands, "every quarter"))
    hands.forward(minutes=8)
    used = [record for record in await services.api_keys.list() if record.active]
    await services.api_keys.touch({record.id: hands.now for record in used if record.name != "ios"})
    return hands


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

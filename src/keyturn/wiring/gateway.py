"""Builds the gateway and keeps it in step with the ring and the API keys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyturn.adapters import system
from keyturn.adapters.envoy.gateway import EnvoyGateway
from keyturn.adapters.envoy.usage import AccessLogUsage
from keyturn.clock import Clock
from keyturn.errors import KeyturnError
from keyturn.flows.ports.apikeys import ApiKeyStore
from keyturn.flows.ports.processes import Command
from keyturn.flows.ports.ring import RingSource
from keyturn.flows.publish_gateway import Publication, record_usage, tick
from keyturn.gateway.bootstrap import Listen
from keyturn.gateway.upstreams import parse_upstreams

CHANNEL = "keyturn_api_keys"
LONGEST_PAUSE = 5.0
"""Seconds between two looks when no notification came: the safety net."""
USAGE_EVERY = 5.0
"""Seconds between two writes of the keys' last use."""
_RETRY = 1.0

ListenTo = Callable[[str, Callable[[str], None]], Awaitable[object]]

_log = logging.getLogger("keyturn.gateway")


@dataclass(frozen=True)
class GatewayOptions:
    """``upstreams``: service → URL, ``auth`` at least; ``issuer``: ``iss`` of internal bearers."""

    directory: Path
    upstreams: Mapping[str, str]
    issuer: str
    listen: Listen = field(default_factory=Listen)
    concurrency: int | None = None


class Gateway:
    """The gateway of one stack: its process as a value, and the loop that feeds it."""

    def __init__(
        self,
        envoy: EnvoyGateway,
        usage: AccessLogUsage,
        ring: RingSource,
        api_keys: ApiKeyStore,
        *,
        issuer: str,
        clock: Clock,
    ) -> None:
        self.envoy = envoy
        self._usage = usage
        self._ring = ring
        self._api_keys = api_keys
        self._issuer = issuer
        self._clock = clock
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._last: Publication | None = None
        self.failures = 0
        """How often in a row publishing failed; 0 when all is well."""

    def command(self) -> Command:
        """Say how to run Envoy; publish once before running it."""
        return self.envoy.command()

    async def ready(self) -> bool:
        """True once Envoy accepts requests."""
        return await self.envoy.ready()

    def wake(self, _reason: object = None) -> None:
        """Look again now; fits as a callback of the ring watcher and of notifications."""
        self._wake.set()

    async def publish(self) -> Publication:
        """Publish now if something changed; raises what the flow raises."""
        async with self._turn:
            self._last = await tick(
                self.envoy,
                self._ring.current(),
                self._api_keys,
                self._last,
                issuer=self._issuer,
                now=self._clock(),
            )
            return self._last

    async def run(self, stop: asyncio.Event) -> None:
        """Publish on every change, on the clock, and record usage, until ``stop`` is set."""
        tasks = [
            asyncio.create_task(self._follow(), name="keyturn-gateway-publish"),
            asyncio.create_task(self._count(), name="keyturn-gateway-usage"),
        ]
        try:
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(KeyturnError):
                await record_usage(self._usage, self._api_keys)
            self._usage.close()

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            pause = await self._attempt()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _attempt(self) -> float:
        """Publish once; return the seconds until the next look."""
        try:
            done = await self.publish()
        except (KeyturnError, OSError) as error:
            self.failures += 1
            _log.error(
                "the gateway was not brought up to date: %s",
                error,
                extra={"failures": self.failures},
            )
            return _RETRY
        if self.failures or not done.keys_read:
            _log.warning("the gateway follows again", extra={"keys_read": done.keys_read})
        self.failures = 0
        if done.published:
            _log.info("gateway routes published", extra={"keys": len(done.snapshot.keys)})
        if not done.keys_read:
            return _RETRY
        return min(LONGEST_PAUSE, max(0.05, (done.next_due - self._clock()).total_seconds()))

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(USAGE_EVERY)
            try:
                await record_usage(self._usage, self._api_keys)
            except (KeyturnError, OSError) as error:
                _log.warning("the use of API keys was not recorded: %s", error)


async def open_gateway(
    options: GatewayOptions,
    *,
    ring: RingSource,
    api_keys: ApiKeyStore,
    listen: ListenTo | None = None,
    clock: Clock = system.now,
) -> Gateway:
    """Write the files of the gateway, publish once, and subscribe to every change.

    ``listen`` is ``Pool.listen``; without it changes of API keys are seen by the clock only.
    Run :meth:`Gateway.command` after this, and :meth:`Gateway.run` beside it.
    """
    envoy = EnvoyGateway(
        options.directory,
        options.listen,
        parse_upstreams(options.upstreams),
        concurrency=options.concurrency,
    )
    is_new = await asyncio.to_thread(envoy.prepare)
    usage = AccessLogUsage(envoy.access_log, envoy.admin)
    gateway = Gateway(envoy, usage, ring, api_keys, issuer=options.issuer, clock=clock)
    await gateway.publish()
    if is_new:
        await envoy.validate()
    ring.subscribe(gateway.wake)
    if listen is not None:
        await listen(CHANNEL, gateway.wake)
    return gateway

"""Serves the console inside the supervisor, on loopback; the gateway shows it at ``/``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from keyturn.adapters import system
from keyturn.console.overview import Addresses, Overview, PartLine
from keyturn.errors import KeyturnError
from keyturn.flows.ports.apikeys import ApiKeyRecord, ApiKeyStore
from keyturn.flows.ports.ring import RingSource
from keyturn.stack.parts import PartState, PartStatus
from keyturn.wiring.stack_plan import Plan

if TYPE_CHECKING:
    import uvicorn


async def gather_overview(
    plan: Plan,
    statuses: Sequence[PartStatus],
    ring: RingSource | None,
    api_keys: ApiKeyStore | None,
) -> Overview:
    """Return what the page shows now; a database that is away becomes a sentence."""
    records: Sequence[ApiKeyRecord] = ()
    trouble = None
    try:
        records = await api_keys.list() if api_keys is not None else ()
    except KeyturnError as problem:
        trouble = problem.message
    known = None
    if ring is not None:
        with contextlib.suppress(KeyturnError):
            known = ring.current()
    return Overview(
        now=system.now(),
        addresses=Addresses(plan.api_url, plan.jwks_url, str(plan.where.root)),
        parts=[part_line(status) for status in statuses],
        ring=known,
        api_keys=records,
        publish_before_sign=timedelta(seconds=plan.settings.ring.publish_before_sign),
        trouble=trouble,
    )


def part_line(status: PartStatus) -> PartLine:
    """Return a part's status as the page shows it."""
    return PartLine(
        name=status.name,
        state=status.state.value,
        healthy=status.state is PartState.READY,
        since=status.since,
        restarts=status.restarts,
        last_exit=status.last_exit,
    )


class ConsolePortLost(KeyturnError):
    """The console's port was taken by another process meanwhile; run the command again."""

    code = "console_port_lost"


class ConsoleServer:
    """One uvicorn in this process; it leaves signals to the supervisor."""

    def __init__(self, port: int, view: Callable[[], Awaitable[Overview]], *, api_url: str) -> None:
        """``api_url`` is where this machine's gateway is reached."""
        self._port = port
        self._view = view
        self._host = urlsplit(api_url).hostname or ""
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; connections are taken from now on. Raises :class:`ConsolePortLost`."""
        # Imported only now, while the other parts are starting: it takes a while.
        import uvicorn

        from keyturn.console.app import ConsoleApp

        class QuietServer(uvicorn.Server):
            """A server that does not touch the process's signal handlers."""

            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        config = uvicorn.Config(
            ConsoleApp(self._view, self._host),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
        )
        # Bound here: uvicorn would end the whole process when it cannot.
        try:
            listening = socket.create_server(("127.0.0.1", self._port))
        except OSError as problem:
            raise ConsolePortLost from problem
        self._server = QuietServer(config)
        self._task = asyncio.create_task(
            self._server.serve(sockets=[listening]), name="keyturn-console"
        )

    async def stop(self) -> None:
        """Stop listening and finish."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)

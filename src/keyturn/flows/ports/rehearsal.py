"""What a rehearsal needs from the outside: a deployment that runs locally, and lines to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.source import Ask, Source
from keyturn.errors import KeyturnError, Unreachable
from keyturn.flows.ports.apply import DeploymentFiles, JournalStore, Prober, Services
from keyturn.flows.ports.http import HttpClient

WHY_HEADER = "x-keyturn-why"
"""Local services say here, in a sentence without a secret, which rule refused the request."""


def why_in(headers: Mapping[str, str]) -> str:
    """Return the sentence that a local service gave; empty when it gave none."""
    return unquote(headers.get(WHY_HEADER, ""))


class SocketClosed(Unreachable):
    """The other side closed the socket."""

    code = "socket_closed"


class HandshakeRefused(KeyturnError):
    """The server did not open the socket."""

    code = "handshake_refused"

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """``headers`` have lower-case names."""
        super().__init__(f"The handshake was answered with {status}.")
        self.status = status
        self.headers = headers
        self.body = body


class Socket(Protocol):
    """One open WebSocket with text messages."""

    @property
    def closed(self) -> bool:
        """Whether it is known to be closed."""
        ...

    async def send(self, text: str) -> None:
        """Send one message; raises :class:`SocketClosed`."""
        ...

    async def receive(self) -> str:
        """Return the next message; raises :class:`SocketClosed`."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


class Sockets(Protocol):
    """Opens WebSockets."""

    async def open(self, url: str, headers: Mapping[str, str] | None = None) -> Socket:
        """Return an open socket; raises :class:`HandshakeRefused` and ``Unreachable``."""
        ...


class Clockwork(Protocol):
    """The one clock of a rehearsal, which everybody in it follows."""

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, in steps in which everybody does what is due."""
        ...

    def request(self) -> AbstractAsyncContextManager[None]:
        """Hold the time still while a request is on its way."""
        ...


@dataclass(frozen=True, slots=True)
class LocalPart:
    """How one service of the deployment stands in the rehearsal, for the report."""

    service: str
    kind: Kind
    stands_for: str
    """``stand-in``, ``Keyturn's Auth server``, ``not run``, …"""
    behaviour: str
    """The source and version from which its behaviour is taken."""


class Stage(Protocol):
    """A copy of a deployment whose services run on this machine."""

    @property
    def gateway(self) -> str:
        """The base URL of the gateway."""
        ...

    @property
    def http(self) -> HttpClient:
        """Sends requests."""
        ...

    @property
    def sockets(self) -> Sockets:
        """Opens WebSockets."""
        ...

    @property
    def source(self) -> Source:
        """The copy, for reading."""
        ...

    @property
    def ask(self) -> Ask:
        """What of it is read."""
        ...

    @property
    def files(self) -> DeploymentFiles:
        """The files of the copy."""
        ...

    @property
    def journal(self) -> JournalStore:
        """The journal of the copy."""
        ...

    @property
    def services(self) -> Services:
        """Creates the local services anew."""
        ...

    def prober(self, before: Inventory) -> Prober:
        """Return who asks the local services; ``before`` is the deployment before the change."""
        ...

    @property
    def parts(self) -> tuple[LocalPart, ...]:
        """What is real and what stands in."""
        ...

    def inventory(self) -> Inventory:
        """Read the copy's files as they are now."""
        ...

    def address(self, kind: Kind) -> str | None:
        """Return a service's own base URL, None when it is not run here."""
        ...

    def held(self, kind: Kind) -> Mapping[str, str]:
        """Return the environment that a container got when it was created last."""
        ...

    def why_down(self, kind: Kind) -> str | None:
        """Return why a service does not start, None when it runs or is on its way."""
        ...

    def health_token(self) -> str | None:
        """Return what Realtime's container sends to its healthcheck; None without one."""
        ...

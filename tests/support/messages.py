"""Mail and SMS for tests: what a plane would have sent, and a mail server that takes everything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import SMTP
from tests.support.plane import OPEN, HasDatabase, TestPlane, open_plane

from keyturn.accounts.message_settings import MessageSettings
from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres.one_time_store import PostgresOneTimeStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.errors import KeyturnError
from keyturn.flows.messages import Origin
from keyturn.flows.ports.messages import Mail, MessageNotSent, Messages

SITE = "https://app.example.com"
ORIGIN = Origin(f"{SITE}/welcome", "https://api.example.com/auth/v1")


@dataclass
class Outbox:
    """A mailer and an SMS provider that keep what they are given; ``broken`` ones refuse."""

    mails: list[Mail] = field(default_factory=list)
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    broken: bool = False

    async def send(self, mail: Mail) -> None:
        if self.broken:
            raise MessageNotSent("the server is away")
        self.mails.append(mail)

    def last(self, kind: str) -> Mail:
        """Return the newest mail, which must be of ``kind``."""
        assert self.mails[-1].kind == kind
        return self.mails[-1]


@dataclass
class Texts:
    """The SMS side of an :class:`Outbox`."""

    outbox: Outbox

    async def send(self, phone: str, text: str, channel: str) -> str:
        if self.outbox.broken:
            raise MessageNotSent("the provider is away")
        self.outbox.texts.append((phone, text, channel))
        return f"SM{len(self.outbox.texts)}"


@dataclass
class Afterwards:
    """Background work that a test finishes when it wants to."""

    waiting: list[Coroutine[Any, Any, None]] = field(default_factory=list)
    failures: list[KeyturnError] = field(default_factory=list)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.waiting.append(work)

    async def settle(self) -> None:
        while self.waiting:
            try:
                await self.waiting.pop(0)
            except KeyturnError as failure:
                self.failures.append(failure)


@dataclass
class Post:
    """A plane that can send, and what it has sent."""

    plane: TestPlane
    outbox: Outbox
    afterwards: Afterwards


async def open_post(
    database: HasDatabase,
    settings: AuthSettings = OPEN,
    messages: MessageSettings | None = None,
    *,
    size: int = 4,
) -> Post:
    """Return a sending plane on ``database``."""
    plane = await open_plane(database, settings, size=size)
    outbox, afterwards = Outbox(), Afterwards()
    plane.messages = Messages(
        settings=messages or MessageSettings(),
        store=PostgresOneTimeStore(cast("Pool", plane.pool)),
        later=afterwards,
        external_url=ORIGIN.external_url,
        mailer=outbox,
        sms=Texts(outbox),
    )
    return Post(plane, outbox, afterwards)


def link_of(mail: Mail) -> dict[str, str]:
    """Return the query of the link in a mail."""
    query = parse_qs(urlsplit(str(mail.values["ConfirmationURL"])).query)
    return {name: values[0] for name, values in query.items()}


@dataclass
class MailServer:
    """What a real SMTP server on this machine was handed."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append(message)
        self.arrived.set()
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    async def wait(self, count: int) -> EmailMessage:
        """Return the newest of at least ``count`` mails, which may still be on their way."""
        async with asyncio.timeout(20):
            while len(self.messages) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.messages[-1]


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """Run a mail server on a free port of this machine."""
    received = MailServer(0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(received, hostname="mail.test", loop=loop), "127.0.0.1", 0
    )
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()
        await server.wait_closed()


def body(message: EmailMessage, subtype: str = "html") -> str:
    """Return one form of a mail's text."""
    part = message.get_body((subtype,))
    assert part is not None
    text: str = part.get_content()
    return text


def link_in(message: EmailMessage) -> str:
    """Return the link of a mail, as its plain form shows it."""
    found = re.search(r"https?://\S+token=\S+", body(message, "plain"))
    assert found, body(message, "plain")
    return found[0]


def code_in(message: EmailMessage) -> str:
    """Return the code of a mail."""
    found = re.search(r"code:\s+(\d{6,10})", body(message, "plain"))
    assert found, body(message, "plain")
    return found[1]

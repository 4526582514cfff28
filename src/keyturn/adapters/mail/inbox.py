"""A mail server on loopback that keeps what it is given: the inbox of `keyturn up`.

It sends nothing on and forgets everything when it stops. The newest mails are kept.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

from aiosmtpd.smtp import SMTP

from keyturn.clock import Clock
from keyturn.flows.ports.inbox import CaughtMail

_KEPT: Final = 500
_LARGEST: Final = 1 << 20
_LINK: Final = re.compile(r"https?://[^\s<>\"]+")


class Inbox:
    """Takes every mail; :meth:`start` it, :meth:`stop` it, read :meth:`mails`."""

    def __init__(self, port: int, clock: Clock) -> None:
        """``port`` on 127.0.0.1; nobody else can reach it."""
        self._port = port
        self._clock = clock
        self._mails: deque[CaughtMail] = deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)
        self._server: asyncio.Server | None = None

    def mails(self) -> Sequence[CaughtMail]:
        """Return the mails, the newest first."""
        return tuple(reversed(self._mails))

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(self, hostname="localhost", data_size_limit=_LARGEST, loop=loop)

        self._server = await loop.create_server(protocol, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one mail (the name is aiosmtpd's)."""
        del server, session
        message = message_from_bytes(envelope.content, policy=policy.default)
        text, html = _part(message, "plain"), _part(message, "html")
        self._mails.append(
            CaughtMail(
                id=next(self._numbers),
                received_at=self._clock(),
                sender=str(message["From"] or envelope.mail_from),
                to=tuple(envelope.rcpt_tos),
                subject=str(message["Subject"] or ""),
                text=text,
                html=html,
                links=tuple(dict.fromkeys(_LINK.findall(text))),
            )
        )
        return "250 Kept"


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    try:
        return str(part.get_content()) if part is not None else ""
    except (LookupError, ValueError):  # a charset that does not exist, say
        return ""

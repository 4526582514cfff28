"""Mail over SMTP: rendered, multipart (plain and HTML), handed to the next server.

TLS as GoTrue has it: from the first byte on port 465, else STARTTLS where the server offers it;
a password is never sent over a connection without TLS, except to this machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

import aiosmtplib

from keyturn.adapters.mail import templates
from keyturn.adapters.mail.sources import TemplateSources
from keyturn.flows.ports.messages import Mail, MessageNotSent
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_IMPLICIT_TLS: Final = 465
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_TIMEOUT: Final = 8.0


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed over, and who it is from."""

    host: str
    port: int
    sender: str
    sender_name: str = ""
    user: str = ""
    password: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class SmtpMailer:
    """Implements :class:`keyturn.flows.ports.messages.Mailer`."""

    def __init__(self, server: SmtpServer, sources: TemplateSources) -> None:
        """One connection per mail: servers close idle ones, and mails are rare."""
        self._server = server
        self._sources = sources

    async def send(self, mail: Mail) -> None:
        """Render and hand over; raises ``MessageNotSent`` with the server's code, not its text."""
        message = await self._message(mail)
        server = self._server
        local = server.host in _LOCAL
        password = reveal(server.password).decode() if server.password else None
        try:
            async with asyncio.timeout(_TIMEOUT):
                client = aiosmtplib.SMTP(
                    hostname=server.host,
                    port=server.port,
                    timeout=_TIMEOUT,
                    use_tls=server.port == _IMPLICIT_TLS,
                    start_tls=False if server.port == _IMPLICIT_TLS or local else None,
                )
                async with client:
                    if server.user and password is not None:
                        _require_tls(client, local=local)
                        await client.login(server.user, password)
                    await client.send_message(message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as problem:
            raise MessageNotSent(_why(problem), hint="Look at GOTRUE_SMTP_*.") from problem

    async def _message(self, mail: Mail) -> EmailMessage:
        source = await self._sources.of(mail.kind)
        message = EmailMessage()
        try:
            html = templates.render(source, mail.values)
            message["Subject"] = templates.render_subject(mail.subject, mail.values)
        except templates.BadTemplate as problem:
            raise MessageNotSent(problem.message, hint=problem.hint) from problem
        sender = self._server.sender
        try:
            message["From"] = Address(self._server.sender_name, addr_spec=sender)
            message["To"] = Address(addr_spec=mail.to)
        except (ValueError, IndexError) as problem:
            raise MessageNotSent("An address cannot be written in a mail header.") from problem
        message["Date"] = formatdate(time.time(), usegmt=True)
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"
        for name, value in self._server.headers.items():
            del message[name]
            message[name] = value
        message.set_content(templates.plain(html))
        message.add_alternative(html, subtype="html")
        return message


def _require_tls(client: aiosmtplib.SMTP, *, local: bool) -> None:
    if not local and client.get_transport_info("sslcontext") is None:
        raise MessageNotSent("The mail server offers no TLS, so the password was not sent.")


def _why(problem: Exception) -> str:
    """Say what went wrong: servers quote addresses in their texts, so those are left out."""
    code = getattr(problem, "code", None)
    answered = f" ({code})" if isinstance(code, int) else ""
    return f"The mail server did not take the mail: {type(problem).__name__}{answered}"

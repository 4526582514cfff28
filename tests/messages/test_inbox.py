"""The inbox of `keyturn up`: the real SMTP adapter on one side, what is kept on the other."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from keyturn.accounts.message_settings import KINDS
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.mail.inbox import Inbox
from keyturn.adapters.mail.smtp import SmtpMailer, SmtpServer
from keyturn.adapters.mail.sources import TemplateSources
from keyturn.flows.ports.messages import Mail, MessageNotSent
from keyturn.secret import Secret

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LINK = "https://api.test/verify?token=abc&type=signup"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def mailer(port: int, template: str = "", **server: object) -> SmtpMailer:
    warned: list[str] = []
    sources = TemplateSources(
        dict.fromkeys(KINDS, template),
        "http://127.0.0.1:1",
        StandardHttpClient(timeout=1),
        lambda message, facts: warned.append(f"{message} {facts}"),
    )
    known = {"host": "127.0.0.1", "port": port, "sender": "noreply@example.com", **server}
    return SmtpMailer(SmtpServer(**known), sources)  # type: ignore[arg-type]


def mail(to: str, name: str = "Ada") -> Mail:
    values = {"ConfirmationURL": LINK, "Token": "123456", "Email": to, "Data": {"name": name}}
    return Mail("confirmation", to, "Welcome {{ .Data.name }}", values)


async def test_mails_are_kept_with_their_links_newest_first() -> None:
    inbox = Inbox(free_port(), lambda: NOW)
    await inbox.start()
    try:
        sender = mailer(inbox._port, sender_name="Exämple", headers={"X-Tag": "auth"})
        await sender.send(mail("a@example.com", "A & Ä"))
        await sender.send(mail("b@example.com"))
    finally:
        await inbox.stop()
    second, first = inbox.mails()
    assert (first.to, second.to) == (("a@example.com",), ("b@example.com",))
    assert (first.id, first.received_at, first.subject) == (1, NOW, "Welcome A & Ä")
    assert "Exämple" in first.sender
    assert first.links == (LINK,)
    assert "123456" in first.text
    assert "123456" in first.html
    assert LINK not in repr(first)


async def test_a_template_that_cannot_be_had_is_ours() -> None:
    inbox = Inbox(free_port(), lambda: NOW)
    await inbox.start()
    try:
        await mailer(inbox._port, template="/missing.html").send(mail("a@example.com"))
    finally:
        await inbox.stop()
    assert "Confirm your email address" in inbox.mails()[0].text


@pytest.mark.parametrize("to", ["a@example.com\r\nBcc: eve@example.com", "no address"])
async def test_no_header_is_smuggled_in(to: str) -> None:
    inbox = Inbox(free_port(), lambda: NOW)
    await inbox.start()
    try:
        with pytest.raises(MessageNotSent):
            await mailer(inbox._port).send(mail(to))
    finally:
        await inbox.stop()
    assert inbox.mails() == ()


async def test_a_server_that_is_away_or_wants_a_login_that_it_has_not() -> None:
    with pytest.raises(MessageNotSent) as raised:
        await mailer(free_port()).send(mail("a@example.com"))
    assert "a@example.com" not in raised.value.message
    inbox = Inbox(free_port(), lambda: NOW)
    await inbox.start()
    try:
        sender = mailer(inbox._port, user="ada", password=Secret("s3cret"))
        with pytest.raises(MessageNotSent) as refused:
            await sender.send(mail("a@example.com"))
    finally:
        await inbox.stop()
    assert "s3cret" not in refused.value.message

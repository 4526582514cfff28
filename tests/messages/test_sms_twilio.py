"""Twilio's Messages API as it is called, and what its answers mean."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from keyturn.adapters.sms_twilio import TwilioAccount, TwilioSms
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpAnswer
from keyturn.flows.ports.messages import MessageNotSent
from keyturn.secret import Secret


@dataclass
class Provider:
    """Answers every request with ``status`` and ``content``; None: it is away."""

    status: int | None = 201
    content: bytes = b'{"sid": "SM1", "status": "queued"}'
    seen: list[tuple[str, str, Mapping[str, str], dict[str, str]]] = field(default_factory=list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        form = {name: found[0] for name, found in parse_qs((body or b"").decode()).items()}
        self.seen.append((method, url, headers or {}, form))
        if self.status is None:
            raise Unreachable("refused")
        return HttpAnswer(self.status, {}, self.content, 0.1)


def sender(provider: Provider, **account: Any) -> TwilioSms:
    known = {"account_sid": "AC1", "auth_token": Secret("t0ken"), "sender": "MG1"}
    return TwilioSms(TwilioAccount(**{**known, **account}), provider)


async def test_an_sms_by_a_messaging_service() -> None:
    provider = Provider()
    assert await sender(provider).send("4915112345", "Your code is 123456", "sms") == "SM1"
    ((method, url, headers, form),) = provider.seen
    assert method == "POST"
    assert url == "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"AC1:t0ken").decode()
    assert form == {
        "To": "+4915112345",
        "Body": "Your code is 123456",
        "MessagingServiceSid": "MG1",
    }


async def test_whatsapp_from_a_number_with_a_content_template() -> None:
    provider = Provider()
    service = sender(provider, sender="+4930123", content_sid="HX1", url="https://sms.example")
    await service.send("4915112345", "Your code is 123456", "whatsapp")
    _, url, _, form = provider.seen[0]
    assert url.startswith("https://sms.example/")
    assert (form["To"], form["From"]) == ("whatsapp:+4915112345", "whatsapp:+4930123")
    assert form["ContentSid"] == "HX1"
    assert json.loads(form["ContentVariables"]) == {"1": "123456"}


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (400, b'{"code": 21211, "message": "The To number +4915 is not valid"}', "21211"),
        (201, b'{"sid": "SM1", "status": "failed", "error_code": 30003}', "30003"),
        (502, b"<html>", "502"),
        (None, b"", "cannot be reached"),
    ],
)
async def test_refusals_say_the_number_and_quote_nothing(
    status: int | None, content: bytes, words: str
) -> None:
    with pytest.raises(MessageNotSent) as raised:
        await sender(Provider(status, content)).send("4915112345", "code 123456", "sms")
    assert words in raised.value.message
    assert "4915" not in raised.value.message
    assert "123456" not in raised.value.message

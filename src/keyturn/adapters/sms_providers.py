"""SMS by MessageBird, Textlocal and Vonage: one form each, and what of the answer means *sent*."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from keyturn.adapters.sms_post import post_form
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.flows.ports.messages import MessageNotSent
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_ERRORS: Final = 400


@dataclass(frozen=True)
class SmsAccount:
    """Credentials; ``sender`` is a number or the name that a phone shows; ``url`` their service."""

    key: Secret
    sender: str
    secret: Secret | None = None
    url: str = ""


class _FormSms(ABC):
    """Implements :class:`keyturn.flows.ports.messages.SmsSender` for a service of its own form."""

    name = ""
    url = ""
    path = ""

    def __init__(self, account: SmsAccount, http: HttpClient) -> None:
        self._account = account
        self._http = http

    async def send(self, phone: str, text: str, channel: str) -> str:
        """Return the service's id of the message; raises ``MessageNotSent``, also for WhatsApp."""
        if channel != "sms":
            raise MessageNotSent(f"{self.name} sends SMS only, not {channel[:16]}.")
        url = (self._account.url or self.url) + self.path
        form = self.form(phone, text)
        answer = await post_form(self._http, url, form, self.headers())
        return self._sent(answer)

    def _sent(self, answer: HttpAnswer) -> str:
        try:
            document = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            document = None
        if not isinstance(document, dict):
            raise MessageNotSent(f"The SMS provider answered {answer.status} without JSON.")
        try:
            sent, known = self.read(document)
        except (LookupError, TypeError, AttributeError):
            sent, known = False, answer.status
        if not sent or answer.status >= _ERRORS:
            # Its words may quote the number: only its own number of the error is told.
            raise MessageNotSent(f"The SMS provider refused the message ({str(known)[:16]}).")
        return str(known)

    def headers(self) -> Mapping[str, str]:
        """Return further headers."""
        return {}

    @abstractmethod
    def form(self, phone: str, text: str) -> Mapping[str, str]:
        """Return the body."""

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> tuple[bool, object]:
        """Return whether it was sent, and the id of the message or the number of the error."""


class MessageBirdSms(_FormSms):
    """MessageBird's (Bird's) REST API."""

    name = "MessageBird"
    url = "https://rest.messagebird.com"
    path = "/messages"

    def headers(self) -> Mapping[str, str]:
        """Its key is a header."""
        return {"authorization": f"AccessKey {reveal(self._account.key).decode()}"}

    def form(self, phone: str, text: str) -> Mapping[str, str]:
        """Any letter may come along: ``unicode``."""
        return {
            "originator": self._account.sender,
            "body": text,
            "recipients": phone,
            "type": "sms",
            "datacoding": "unicode",
        }

    def read(self, document: Mapping[str, Any]) -> tuple[bool, object]:
        """``recipients.totalSentCount`` counts."""
        if "errors" in document:
            return False, document["errors"][0]["code"]
        return document["recipients"]["totalSentCount"] > 0, document.get("id", "")


class TextlocalSms(_FormSms):
    """Textlocal's API."""

    name = "Textlocal"
    url = "https://api.textlocal.in"
    path = "/send"

    def form(self, phone: str, text: str) -> Mapping[str, str]:
        """Its key is in the form."""
        return {
            "sender": self._account.sender,
            "apikey": reveal(self._account.key).decode(),
            "message": text,
            "numbers": phone,
        }

    def read(self, document: Mapping[str, Any]) -> tuple[bool, object]:
        """``status`` is ``success``."""
        if document.get("errors"):
            return False, document["errors"][0]["code"]
        messages = document.get("messages") or [{}]
        return document["status"] == "success", messages[0].get("id", "")


class VonageSms(_FormSms):
    """Vonage's (Nexmo's) SMS API."""

    name = "Vonage"
    url = "https://rest.nexmo.com"
    path = "/sms/json"

    def form(self, phone: str, text: str) -> Mapping[str, str]:
        """Letters beyond ASCII need ``type=unicode``."""
        secret = self._account.secret
        form = {
            "from": self._account.sender,
            "to": phone,
            "text": text,
            "api_key": reveal(self._account.key).decode(),
            "api_secret": reveal(secret).decode() if secret else "",
        }
        return form if text.isascii() else {**form, "type": "unicode"}

    def read(self, document: Mapping[str, Any]) -> tuple[bool, object]:
        """Status ``0`` of the first message is success."""
        first = document["messages"][0]
        sent = first["status"] == "0"
        return sent, first.get("message-id", "") if sent else first["status"]

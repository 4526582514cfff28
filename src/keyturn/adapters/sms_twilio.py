"""SMS by Twilio's Messages API, or a service that speaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from keyturn.adapters.sms_post import basic, post_form
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.flows.ports.messages import MessageNotSent
from keyturn.secret import Secret

TWILIO: Final = "https://api.twilio.com"
_CREATED: Final = frozenset({200, 201})
_LOST: Final = frozenset({"failed", "undelivered"})


@dataclass(frozen=True)
class TwilioAccount:
    """Credentials; ``sender`` is a messaging service (``MG…``) or a number."""

    account_sid: str
    auth_token: Secret
    sender: str
    content_sid: str = ""
    url: str = TWILIO


class _Created(msgspec.Struct):
    sid: str = ""
    status: str | None = None
    code: int | None = None
    error_code: int | None = None


class TwilioSms:
    """Implements :class:`keyturn.flows.ports.messages.SmsSender`."""

    def __init__(self, account: TwilioAccount, http: HttpClient) -> None:
        self._account = account
        self._http = http

    async def send(self, phone: str, text: str, channel: str) -> str:
        """Return Twilio's id of the message; raises ``MessageNotSent`` with its error number."""
        account = self._account
        path = f"/2010-04-01/Accounts/{quote(account.account_sid, safe='')}/Messages.json"
        form = self._form(phone, text, channel)
        headers = basic(account.account_sid, account.auth_token)
        answer = await post_form(self._http, account.url + path, form, headers)
        return _sid(answer)

    def _form(self, phone: str, text: str, channel: str) -> dict[str, str]:
        account = self._account
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        service = account.sender.startswith("MG")
        form = {"To": f"{prefix}+{phone}", "Body": text}
        if service:
            form["MessagingServiceSid"] = account.sender
        else:
            form["From"] = prefix + account.sender
        if prefix and account.content_sid:
            code = "".join(char for char in text if char.isdigit())
            form |= {"ContentSid": account.content_sid}
            form |= {"ContentVariables": msgspec.json.encode({"1": code}).decode()}
        return form


def _sid(answer: HttpAnswer) -> str:
    try:
        created = msgspec.json.decode(answer.body, type=_Created)
    except msgspec.DecodeError:
        raise MessageNotSent(f"The SMS provider answered {answer.status} without JSON.") from None
    if answer.status not in _CREATED or created.status in _LOST:
        number = created.code or created.error_code or answer.status
        raise MessageNotSent(f"The SMS provider refused the message ({number}).")
    return created.sid

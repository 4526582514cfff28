"""Twilio Verify: the service makes the codes, sends them and says whether one is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from keyturn.adapters.sms_post import basic, post_form
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.flows.ports.messages import MessageNotSent
from keyturn.secret import Secret

VERIFY: Final = "https://verify.twilio.com"
_GOOD: Final = frozenset({200, 201})


@dataclass(frozen=True)
class VerifyAccount:
    """Credentials and the Verify service (``VA…``)."""

    account_sid: str
    auth_token: Secret
    service: str
    url: str = VERIFY


class _Verification(msgspec.Struct):
    sid: str = ""
    status: str = ""
    valid: bool = False
    code: int | None = None


class TwilioVerifySms:
    """Implements ``SmsSender`` and ``SmsCodes`` of :mod:`keyturn.flows.ports.messages`."""

    def __init__(self, account: VerifyAccount, http: HttpClient) -> None:
        self._account = account
        self._http = http

    async def send(self, phone: str, text: str, channel: str) -> str:
        """Return Twilio's id of the verification; ``text`` is not sent: Twilio has its own."""
        del text
        answer = await self._post("Verifications", {"To": f"+{phone}", "Channel": channel})
        known = _read(answer)
        if answer.status not in _GOOD:
            number = known.code or answer.status
            raise MessageNotSent(f"The SMS provider refused the message ({number}).")
        return known.sid

    async def check(self, phone: str, code: str) -> bool:
        """Tell whether Twilio takes ``code``; raises ``MessageNotSent`` when it cannot be asked."""
        answer = await self._post("VerificationCheck", {"To": f"+{phone}", "Code": code})
        known = _read(answer)
        return answer.status in _GOOD and known.valid and known.status == "approved"

    async def _post(self, what: str, form: Mapping[str, str]) -> HttpAnswer:
        account = self._account
        url = f"{account.url}/v2/Services/{quote(account.service, safe='')}/{what}"
        headers = basic(account.account_sid, account.auth_token)
        return await post_form(self._http, url, form, headers)


def _read(answer: HttpAnswer) -> _Verification:
    try:
        return msgspec.json.decode(answer.body, type=_Verification)
    except msgspec.DecodeError:
        raise MessageNotSent(f"The SMS provider answered {answer.status} without JSON.") from None

"""hCaptcha and Cloudflare Turnstile: the same form is posted to both, the same JSON comes back."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from keyturn.accounts.captcha import CaptchaVerdict
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpClient
from keyturn.secret import Secret
from keyturn.secret_access import reveal


class _Answer(msgspec.Struct):
    success: bool
    error_codes: list[str] = msgspec.field(name="error-codes", default_factory=list)


class SiteVerify:
    """Implements :class:`keyturn.flows.ports.guards.CaptchaService`."""

    def __init__(self, http: HttpClient, url: str, secret: Secret) -> None:
        """``url`` is the ``siteverify`` address of the service."""
        self._http = http
        self._url = url
        self._secret = secret

    async def verify(self, answer: str, ip: str | None) -> CaptchaVerdict:
        """Ask the service; raises ``Unreachable`` when it does not answer in its words."""
        fields = {"secret": reveal(self._secret).decode(), "response": answer}
        if ip:
            fields["remoteip"] = ip
        received = await self._http.send(
            "POST",
            self._url,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
        )
        try:
            said = msgspec.json.decode(received.body, type=_Answer)
        except msgspec.DecodeError:
            raise Unreachable("The captcha service did not answer in JSON.") from None
        return CaptchaVerdict(said.success, tuple(said.error_codes))

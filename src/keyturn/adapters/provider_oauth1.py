"""Talks to a provider of OAuth 1.0a: a request token first, then its user's own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.oauth1 import Signing, authorization
from keyturn.accounts.providers import Profile, Provider, profile_of
from keyturn.errors import Unreachable
from keyturn.flows.ports.external import ProviderTokens
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.secret_access import reveal

_NONCE_BYTES: Final = 16
_OK: Final = 200


class OAuth1Servers:
    """The three requests of RFC 5849 §2, each signed with the application's secret.

    Between the first and the second a flow keeps the request token and its secret, blank between.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def begin(self, provider: Provider, callback: str) -> tuple[str, str]:
        """Return the page to send the browser to, and what the flow must keep.

        Raises ``external_exchange`` when the provider refuses ``callback`` or the credentials.
        """
        url = provider.url(provider.row.request_token)
        found = await self._token(provider, url, ("", ""), {"oauth_callback": callback})
        if found.get("oauth_callback_confirmed") != "true":
            raise refuse("external_exchange")
        page = provider.url(provider.row.authorize)
        token = found["oauth_token"]
        return (
            f"{page}?{urlencode({'oauth_token': token})}",
            f"{token} {found['oauth_token_secret']}",
        )

    async def exchange(self, provider: Provider, verifier: str, kept: str) -> ProviderTokens:
        """Exchange what the browser brought back; ``kept`` is what :meth:`begin` returned."""
        token, _, secret = kept.partition(" ")
        url = provider.url(provider.row.token)
        found = await self._token(provider, url, (token, secret), {"oauth_verifier": verifier})
        return ProviderTokens(found["oauth_token"], secret=found["oauth_token_secret"])

    async def profile(self, provider: Provider, tokens: ProviderTokens) -> Profile:
        """Return who signed in; raises ``external_profile``."""
        url = provider.api(provider.row.userinfo)
        answer = await self._send(provider, "GET", url, (tokens.access_token, tokens.secret), {})
        try:
            claims = msgspec.json.decode(answer.body) if answer is not None else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            claims = None
        if answer is None or answer.status != _OK or not isinstance(claims, dict):
            raise refuse("external_profile")
        return profile_of(provider, claims)

    async def _token(
        self, provider: Provider, url: str, pair: tuple[str, str], further: Mapping[str, str]
    ) -> dict[str, Any]:
        answer = await self._send(provider, "POST", url, pair, further)
        if answer is None or answer.status != _OK:
            raise refuse("external_exchange")
        form = parse_qs(answer.body.decode("utf-8", "replace"), max_num_fields=50)
        found = {name: values[0] for name, values in form.items()}
        # A blank would not survive being kept; RFC 5849 tokens have none in practice.
        if not found.get("oauth_token_secret") or " " in found.get("oauth_token", " "):
            raise refuse("external_exchange")
        return found

    async def _send(
        self,
        provider: Provider,
        method: str,
        url: str,
        pair: tuple[str, str],
        further: Mapping[str, str],
    ) -> HttpAnswer | None:
        secret = provider.settings.secret
        signing = Signing(
            consumer=provider.client_id,
            consumer_secret=reveal(secret).decode() if secret else "",
            nonce=secrets.token_hex(_NONCE_BYTES),
            now=int(time.time()),
            token=pair[0],
            token_secret=pair[1],
        )
        headers = {"authorization": authorization(signing, method, url, further)}
        try:
            return await self._http.send(method, url, headers=headers)
        except Unreachable:
            return None

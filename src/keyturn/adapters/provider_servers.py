"""Talks to external providers: discovery, token endpoint, userinfo, and their signed ID tokens."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote_plus, urlencode

import msgspec

from keyturn.accounts.errors import OAuthRefusal, refuse
from keyturn.accounts.providers import Profile, Provider, issuer_of, profile_of, tenant_of
from keyturn.adapters.provider_oauth1 import OAuth1Servers
from keyturn.adapters.steady_clock import steady
from keyturn.errors import Unreachable
from keyturn.flows.ports.external import ProviderTokens
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.jose import jwt
from keyturn.jose.errors import TokenRejected
from keyturn.secret_access import reveal
from keyturn.verify.reports import KeysUnavailable

_REMEMBERED_SECONDS: Final = 3600.0
_MOST: Final = 256
_JSON: Final = {"accept": "application/json"}
_FORM: Final = {**_JSON, "content-type": "application/x-www-form-urlencoded"}

Claims = Mapping[str, object]
Verify = Callable[[str, str, tuple[str, ...], str], Awaitable[Claims]]
"""``(jwks_uri, issuer, audiences, token)`` → claims; raises ``TokenRejected``."""


class HttpProviderServers:
    """Implements :class:`keyturn.flows.ports.external.ProviderServers`."""

    def __init__(self, http: HttpClient, verify: Verify) -> None:
        self._http = http
        self._oauth1 = OAuth1Servers(http)
        self._verify = verify
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    async def authorize_url(self, provider: Provider) -> str:
        """Return the authorization endpoint."""
        return await self._endpoint(provider, provider.row.authorize, "authorization_endpoint")

    async def begin(self, provider: Provider, callback: str) -> tuple[str, str]:
        """Begin a sign-in by OAuth 1.0a."""
        return await self._oauth1.begin(provider, callback)

    async def exchange(
        self, provider: Provider, code: str, redirect_uri: str, verifier: str
    ) -> ProviderTokens:
        """Exchange an authorization code (RFC 6749 §4.1.3)."""
        if provider.row.request_token:
            return await self._oauth1.exchange(provider, code, verifier)
        url = await self._endpoint(provider, provider.row.token, "token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": provider.client_id,
            **({"code_verifier": verifier} if verifier else {}),
        }
        headers = dict(_FORM)
        secret = reveal(provider.settings.secret).decode() if provider.settings.secret else ""
        if secret and provider.row.basic:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}".encode()
            headers["authorization"] = "Basic " + base64.b64encode(pair).decode()
        elif secret:
            form["client_secret"] = secret
        answer = await self._send("POST", url, headers, urlencode(form).encode())
        found = _document(answer) if answer is not None and answer.status == 200 else None
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise refuse("external_exchange")
        profile = found.get(provider.row.profile_in_token)
        return ProviderTokens(
            found["access_token"],
            _text(found.get("refresh_token")),
            _text(found.get("id_token")),
            profile=profile if isinstance(profile, dict) else {},
        )

    async def profile(self, provider: Provider, tokens: ProviderTokens) -> Profile:
        """Return who signed in."""
        row = provider.row
        if row.request_token:
            return await self._oauth1.profile(provider, tokens)
        if row.profile_in_token:
            return profile_of(provider, tokens.profile)
        if row.issuer and not row.userinfo:
            if not tokens.id_token:
                raise refuse("external_profile")
            claims = await self.id_claims(provider, tokens.id_token)
            return profile_of(provider, claims, id_token=True)
        found = await self._get(provider, provider.api(row.userinfo), tokens)
        if not isinstance(found, dict):
            raise refuse("external_profile")
        emails = None
        if row.emails:
            emails = await self._get(provider, provider.api(row.emails), tokens)
        return profile_of(provider, found, emails)

    async def id_claims(self, provider: Provider, id_token: str) -> Claims:
        """Return the claims of a verified ID token."""
        if not provider.issuer:
            raise OAuthRefusal("invalid request", "the provider has no ID tokens")
        issuer = await self._issuer(provider, id_token)
        jwks = await self._endpoint(provider, provider.row.jwks, "jwks_uri", issuer)
        bare = issuer.partition("://")[2]
        if provider.row.bare_issuer and _peeked(id_token).get("iss") == bare:
            issuer = bare
        try:
            return await self._verify(jwks, issuer, provider.settings.client_ids, id_token)
        except TokenRejected as rejected:
            raise OAuthRefusal("invalid request", f"Bad ID token: {rejected.message}") from None
        except KeysUnavailable:
            raise refuse("external_profile") from None

    async def _issuer(self, provider: Provider, id_token: str) -> str:
        """Return whose token it has to be: with tenants that is for their document to say.

        It names one tenant, or any: then the token's own, whose keys are asked for and no others'.
        """
        if not provider.row.tenants:
            return provider.issuer
        tenant = _peeked(id_token).get("tid")
        document = await self._discovered(provider.issuer, "", tenants=True)
        issuer = issuer_of(document["issuer"], tenant)
        if not issuer:
            raise OAuthRefusal("invalid request", "Bad ID token: it names no tenant")
        return issuer

    async def _get(self, provider: Provider, url: str, tokens: ProviderTokens) -> Any:
        extra = {
            name: text.replace("{client_id}", provider.client_id)
            for name, text in provider.row.headers
        }
        headers = {**_JSON, **extra, "authorization": f"Bearer {tokens.access_token}"}
        answer = await self._send("GET", url, headers)
        if answer is None or answer.status != 200:
            raise refuse("external_profile")
        return _document(answer)

    async def _endpoint(self, provider: Provider, text: str, name: str, issuer: str = "") -> str:
        """Return an address of the row, else the one that the provider's discovery names."""
        if text:
            return provider.url(text)
        document = await self._discovered(issuer or provider.issuer, provider.row.discovery)
        found = document.get(name)
        if not isinstance(found, str) or not found.startswith(("https://", "http://")):
            raise refuse("external_exchange")
        return found

    async def _discovered(self, issuer: str, url: str, *, tenants: bool = False) -> dict[str, Any]:
        """Return a discovery document; with ``tenants`` it may be about another one there."""
        known = self._known.get(issuer)
        if known is not None and known[0] > steady():
            return known[1]
        url = url or issuer.rstrip("/") + "/.well-known/openid-configuration"
        answer = await self._send("GET", url, _JSON)
        document = _document(answer) if answer is not None and answer.status == 200 else None
        named = _text(document.get("issuer")) if isinstance(document, dict) else ""
        right = tenant_of(named, issuer) is not None if tenants else named == issuer
        if not isinstance(document, dict) or not right:
            raise refuse("external_exchange")
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[issuer] = steady() + _REMEMBERED_SECONDS, document
        return document

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer | None:
        try:
            return await self._http.send(method, url, headers=headers, body=body)
        except Unreachable:
            return None


def _peeked(id_token: str) -> Claims:
    """Return what an ID token says of itself, to know what to verify it against."""
    try:
        return jwt.peek(id_token).claims
    except TokenRejected as rejected:
        raise OAuthRefusal("invalid request", f"Bad ID token: {rejected.message}") from None


def _document(answer: HttpAnswer) -> Any:
    """Return JSON, or the form that older token endpoints answer with; None for neither."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    if "urlencoded" not in answer.headers.get("content-type", ""):
        return None
    form = parse_qs(answer.body.decode("utf-8", "replace"), max_num_fields=50)
    return {name: values[0] for name, values in form.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

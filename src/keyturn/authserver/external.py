"""``/authorize`` and ``/callback``: out to another provider and back (gotrue.md §4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from keyturn.accounts.errors import AuthError, ErrorRow
from keyturn.accounts.redirects import with_fragment, with_query
from keyturn.authserver import shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply, parse_query
from keyturn.authserver.one_time import failure
from keyturn.authserver.redirecting import origin_of, redirect
from keyturn.authserver.tokens import AUDIENCE, NO_STORE, client_of
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import external
from keyturn.flows.callers import authenticate
from keyturn.flows.external import Arrival, Departure, ExternalFailed
from keyturn.flows.plane import AuthPlane

_DENIED: Final = frozenset({"signup_disabled", "user_banned", "provider_email_needs_verification"})


class CallbackForm(msgspec.Struct):
    """``POST /callback``: what a provider's ``response_mode=form_post`` sends."""

    state: str | None = None
    code: str | None = None
    error: str | None = None
    error_description: str | None = None


class External:
    """Answers ``/authorize``, ``/user/identities/authorize`` and ``/callback``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(
        gives={302: None},
        query={
            "provider": shapes.TEXT,
            "scopes": shapes.TEXT,
            "invite_token": shapes.TEXT,
            **shapes.REDIRECT,
            **shapes.CHALLENGE,
        },
        refuses="validation_failed invited_user_not_found external_exchange column_unreadable "
        "saving_authorization @pkce @text",
    )
    async def authorize(self, exchange: Exchange) -> Reply:
        """``GET /authorize``: to the provider (302)."""
        return redirect(await external.depart(self._plane, self._departure(exchange)), 302)

    @declares(
        who="user",
        gives={200: shapes.GO_TO, 302: None},
        query={
            "provider": shapes.TEXT,
            "scopes": shapes.TEXT,
            "skip_http_redirect": shapes.FLAG,
            **shapes.REDIRECT,
            **shapes.CHALLENGE,
        },
        refuses="manual_linking_disabled unexpected_audience validation_failed external_exchange "
        "column_unreadable saving_authorization @pkce @text",
        audience=True,
    )
    async def link(self, exchange: Exchange) -> Reply:
        """``GET /user/identities/authorize``: to the provider, for an identity more."""
        caller = await authenticate(self._plane, exchange.header(AUTHORIZATION))
        page = await external.depart_to_link(
            self._plane, caller, self._departure(exchange), exchange.header(AUDIENCE)
        )
        if exchange.query("skip_http_redirect") == "true":
            return Reply(200, msgspec.json.encode({"url": page}), (JSON, NO_STORE))
        return redirect(page, 302)

    def _departure(self, exchange: Exchange) -> Departure:
        return Departure(
            provider=exchange.query("provider") or "",
            redirect_to=origin_of(self._plane, exchange).redirect_to,
            scopes=exchange.query("scopes") or "",
            code_challenge=exchange.query("code_challenge") or "",
            code_challenge_method=exchange.query("code_challenge_method") or "",
            parameters=parse_query(exchange.scope.get("query_string", b"")),
            invite_token=exchange.query("invite_token") or "",
        )

    @declares(
        takes=CallbackForm,
        body="form",
        gives={302: None},
        query={"state": shapes.TEXT, "code": shapes.TEXT, "error": shapes.TEXT},
    )
    async def callback(self, exchange: Exchange) -> Reply:
        """``GET`` or ``POST /callback``: back to the application, whatever happened."""
        body = await exchange.body() if exchange.method == "POST" else None
        given = dict(parse_query(exchange.scope.get("query_string", b"") if body is None else body))
        try:
            flow = await external.flow_of(self._plane, given.get("state", ""))
        except AuthError as refused:
            return _failed(self._target(self._plane.settings.site_url), refused)
        target = self._target(flow.redirect_to)
        if "denied" in given:  # OAuth 1.0a
            given["error"] = "access_denied"
        if error := given.get("error"):
            return _failed(target, _told(error, given.get("error_description", "")))
        try:
            arrival = await external.arrive(
                self._plane,
                flow,
                given.get("code") or given.get("oauth_verifier", ""),
                client_of(exchange),
                given.get("oauth_token", ""),
            )
        except ExternalFailed as failed:
            return _failed(target, failed.refused)
        return _back(replace(arrival, redirect_to=target))

    def _target(self, wanted: str) -> str:
        return self._plane.settings.external.redirect_url or wanted


def _told(error: str, description: str) -> AuthError:
    """Return the provider's own error; its words are not ours, so they are cut."""
    status = 403 if error == "access_denied" else 400
    return AuthError(ErrorRow("provider", status, error[:64], (description or error)[:512]))


def _failed(target: str, refused: AuthError) -> Reply:
    """Redirect with the reason, in the query as well: a server may be what reads it.

    As in GoTrue there is always a word of RFC 6749, whatever the status.
    """
    denied = refused.error_code in _DENIED
    word = "access_denied" if denied else failure(refused).get("error", "server_error")
    return redirect(with_fragment(target, {"error": word, **_reason(refused)}, query=True), 302)


def _reason(refused: AuthError) -> dict[str, str]:
    return {name: text for name, text in failure(refused).items() if name != "error"}


def _back(arrival: Arrival) -> Reply:
    if arrival.auth_code:
        return redirect(with_query(arrival.redirect_to, {"code": arrival.auth_code}), 302)
    granted = arrival.granted
    values = {"sb": "", "token_type": "bearer", "provider_token": arrival.tokens.access_token}
    if arrival.tokens.refresh_token:
        values["provider_refresh_token"] = arrival.tokens.refresh_token
    if granted is not None:
        values |= {
            "access_token": granted.access_token,
            "expires_at": str(granted.expires_at),
            "expires_in": str(granted.expires_in),
            "refresh_token": granted.refresh_token,
        }
    return redirect(with_fragment(arrival.redirect_to, values), 302)

"""``/authorize`` and ``/callback``: out to another provider and back (gotrue.md §4.2)."""

from __future__ import annotations

from keyturn.accounts.errors import AuthError, ErrorRow
from keyturn.accounts.redirects import with_fragment, with_query
from keyturn.authserver.exchange import Exchange, Reply, parse_query
from keyturn.authserver.one_time import failure
from keyturn.authserver.redirecting import origin_of, redirect
from keyturn.authserver.tokens import client_of
from keyturn.flows import external
from keyturn.flows.external import Arrival, Departure, ExternalFailed
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.external import Flow


class External:
    """Answers ``/authorize`` and ``/callback``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def authorize(self, exchange: Exchange) -> Reply:
        """``GET /authorize``: to the provider (302)."""
        wanted = Departure(
            provider=exchange.query("provider") or "",
            redirect_to=origin_of(self._plane, exchange).redirect_to,
            scopes=exchange.query("scopes") or "",
            code_challenge=exchange.query("code_challenge") or "",
            code_challenge_method=exchange.query("code_challenge_method") or "",
            parameters=parse_query(exchange.scope.get("query_string", b"")),
        )
        return redirect(await external.depart(self._plane, wanted), 302)

    async def callback(self, exchange: Exchange) -> Reply:
        """``GET`` or ``POST /callback``: back to the application, whatever happened."""
        given = parse_query(
            await exchange.body()
            if exchange.method == "POST"
            else exchange.scope.get("query_string", b"")
        )
        try:
            flow = await external.flow_of(self._plane, given.get("state", ""))
        except AuthError as refused:
            return _failed(self._plane.settings.site_url, refused)
        if error := given.get("error"):
            return _failed(flow.redirect_to, _told(error, given.get("error_description", "")), flow)
        try:
            arrival = await external.arrive(
                self._plane, flow, given.get("code", ""), client_of(exchange)
            )
        except ExternalFailed as failed:
            return _failed(flow.redirect_to, failed.refused, flow)
        return _back(arrival)


def _told(error: str, description: str) -> AuthError:
    """Return the provider's own error; its words are not ours, so they are cut."""
    status = 403 if error == "access_denied" else 400
    return AuthError(ErrorRow("provider", status, error[:64], (description or error)[:512]))


def _failed(target: str, refused: AuthError, flow: Flow | None = None) -> Reply:
    """Redirect with the reason; applications with PKCE read the query."""
    pkce = flow is not None and bool(flow.challenge)
    return redirect(with_fragment(target, failure(refused), query=pkce), 302)


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

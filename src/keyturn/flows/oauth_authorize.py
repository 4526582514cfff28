"""The authorization endpoint and the user's consent (OAuth 2.1 §4.1, gotrue.md §4.2).

The consent page is the application's own, at ``SITE_URL`` + ``OAUTH_SERVER_AUTHORIZATION_PATH``: it
signs the user in, shows what :func:`look` returns and posts what the user decided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import require_storable, storable, uuid_text
from keyturn.accounts.oauth_clients import new_secret
from keyturn.accounts.oauth_server import AuthorizationRequest, request_fault, scopes_of
from keyturn.accounts.redirects import is_allowed, with_query
from keyturn.flows.callers import authenticate
from keyturn.flows.oauth_clients import require_server
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.oauth_server import Authorization

_ID_BYTES: Final = 24
_CODE_BYTES: Final = 32


async def authorize(plane: AuthPlane, request: AuthorizationRequest) -> str:
    """Keep a request and return where to send the browser.

    A wrong client or redirect URI is raised, never redirected; anything else that is wrong goes
    back to the client as ``error`` in its redirect URI (RFC 6749 §4.1.2.1).
    """
    require_server(plane)
    settings = plane.settings.oauth_server
    request = await _trusted(plane, request)
    scope = " ".join(scopes_of(request.scope)) or settings.default_scope
    request = replace(request, scope=scope)
    fault = request_fault(request)
    if not fault and not _storable(request):
        fault = "the request has a character that cannot be stored"
    if fault:
        return _failed(request.redirect_uri, "invalid_request", fault, request.state)
    if not settings.authorization_path:
        text = "oauth authorization path not configured"
        return _failed(request.redirect_uri, "server_error", text, request.state)
    now = plane.clock()
    authorization_id = new_secret(plane.entropy(_ID_BYTES))
    await plane.oauth.create_authorization(
        authorization_id, request, now + settings.authorization_life, now
    )
    page = plane.settings.site_url.rstrip("/") + "/" + settings.authorization_path.lstrip("/")
    return f"{page}?{urlencode({'authorization_id': authorization_id})}"


async def _trusted(plane: AuthPlane, request: AuthorizationRequest) -> AuthorizationRequest:
    """Return ``request`` with the client's id as it is kept, its redirect URI one of the client's.

    Matching is exact (OAuth 2.1 §2.3.1).
    """
    if not request.client_id:
        raise refuse("client_id_required")
    if not request.redirect_uri:
        raise refuse("redirect_uri_required")
    client_id = uuid_text(request.client_id)
    if client_id is None:
        raise refuse("authorize_client_format")
    client = await plane.oauth.find_client(client_id)
    if client is None:
        raise refuse("authorize_client_unknown")
    if request.redirect_uri not in client.redirect_uris:
        raise refuse("redirect_uri_invalid")
    return replace(request, client_id=client_id)


def _storable(request: AuthorizationRequest) -> bool:
    return all(storable(text) for text in (request.state, request.resource, request.nonce))


async def decider(plane: AuthPlane, authorization: str | None, origin: str | None) -> Caller:
    """Return the user who may decide.

    ``origin`` is the header of that name: a browser's request must come from the application.
    Raises ``consent_origin``, ``consent_by_client`` and what ``authenticate`` raises.
    """
    require_server(plane)
    allowed = plane.messages.settings.redirect_allow_list if plane.messages else ()
    if origin and not is_allowed(origin, plane.settings.site_url, allowed):
        raise refuse("consent_origin")
    caller = await authenticate(plane, authorization)
    if caller.session is not None and caller.session.oauth_client_id:
        raise refuse("consent_by_client")
    return caller


async def look(plane: AuthPlane, caller: Caller, authorization_id: str) -> Authorization:
    """Return a request, which is the caller's from now on.

    It has a ``code`` when an earlier consent of the caller covers it. Raises
    ``authorization_not_found`` and ``authorization_not_pending``.
    """
    require_storable(authorization_id)
    code = new_secret(plane.entropy(_CODE_BYTES))
    verdict, found = await plane.oauth.look(authorization_id, caller.user.id, code, plane.clock())
    return _there(verdict, found)


async def decide(plane: AuthPlane, caller: Caller, authorization_id: str, action: str) -> str:
    """Approve or deny a request and return where the browser goes: back to the client.

    Raises ``consent_action`` and what :func:`look` raises.
    """
    if action not in {"approve", "deny"}:
        raise refuse("consent_action")
    require_storable(authorization_id)
    approve = action == "approve"
    code = new_secret(plane.entropy(_CODE_BYTES))
    verdict, found = await plane.oauth.decide(
        authorization_id, caller.user.id, code, plane.clock(), approve=approve
    )
    decided = _there(verdict, found)
    if approve:
        return approved_url(decided)
    text = "User denied the request"
    return _failed(decided.redirect_uri, "access_denied", text, decided.state)


def approved_url(decided: Authorization) -> str:
    """Return the client's redirect URI with the code and the state."""
    state = {"state": decided.state} if decided.state else {}
    return with_query(decided.redirect_uri, {"code": decided.code, **state})


def _there(verdict: str, found: Authorization | None) -> Authorization:
    if found is None:
        raise _refusal(verdict)
    return found


def _refusal(verdict: str) -> AuthError:
    return refuse(verdict)


def _failed(redirect_uri: str, error: str, description: str, state: str) -> str:
    told = {"error": error, "error_description": description}
    return with_query(redirect_uri, {**told, **({"state": state} if state else {})})

"""What a user has authorized, and what an authorized client may know of its user."""

from __future__ import annotations

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import uuid_text
from keyturn.accounts.oauth_server import scopes_of, user_info
from keyturn.flows.callers import authenticate
from keyturn.flows.oauth_authorize import decider
from keyturn.flows.oauth_clients import require_server
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.oauth_server import OAuthGrant


async def userinfo(plane: AuthPlane, authorization: str | None) -> dict[str, object]:
    """Return the claims that the session's scopes allow (OpenID Connect Core §5.3)."""
    require_server(plane)
    caller = await authenticate(plane, authorization)
    scopes = scopes_of(caller.session.scopes or "") if caller.session else ()
    return user_info(caller.user, scopes)


async def list_grants(plane: AuthPlane, authorization: str | None) -> list[OAuthGrant]:
    """Return the consents of the caller that hold, newest first."""
    caller = await decider(plane, authorization, None)
    return await plane.oauth.grants(caller.user.id)


async def revoke(
    plane: AuthPlane, authorization: str | None, client_id: str, info: ClientInfo
) -> None:
    """Take a consent back; the client's sessions end at once.

    Raises ``grant_client_required``, ``client_id_format``, ``oauth_consent_not_found``.
    """
    caller = await decider(plane, authorization, None)
    if not client_id:
        raise refuse("grant_client_required")
    wanted = uuid_text(client_id)
    if wanted is None:
        raise refuse("client_id_format")
    audit = plane.settings.audit_log_postgres
    if not await plane.oauth.revoke_grant(caller.user.id, wanted, info, plane.clock(), audit=audit):
        raise refuse("oauth_consent_not_found")

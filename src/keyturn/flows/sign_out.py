"""Signing out: this session, the others, or all."""

from __future__ import annotations

from keyturn.accounts.errors import refuse
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.accounts import ClientInfo

SCOPES = frozenset({"global", "local", "others"})


async def sign_out(plane: AuthPlane, caller: Caller, scope: str, client: ClientInfo) -> None:
    """Delete the sessions in ``scope`` (empty: global) with their refresh tokens.

    A token without a session has no *local* and no *others*: all sessions end, as in GoTrue.
    Raises ``logout_scope`` for another scope.
    """
    scope = scope or "global"
    if scope not in SCOPES:
        raise refuse("logout_scope", f"Unsupported logout scope {scope[:32]!r}")
    session_id = caller.session.id if caller.session else None
    await plane.accounts.sign_out(
        caller.user.id,
        session_id,
        scope if session_id else "global",
        client,
        plane.clock(),
        audit=plane.settings.audit_log_postgres,
    )

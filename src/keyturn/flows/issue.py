"""Turning an account and its session into tokens; used by every flow that signs somebody in."""

from __future__ import annotations

from datetime import datetime

from keyturn.accounts import refresh_tokens
from keyturn.accounts.claims import access_claims, lifetime
from keyturn.accounts.errors import AuthError, WeakPassword
from keyturn.accounts.identifiers import uuid4_from
from keyturn.accounts.sessions import Session
from keyturn.accounts.user import User
from keyturn.flows.hooks import custom_claims
from keyturn.flows.plane import AuthPlane, Granted, RefreshFacts
from keyturn.flows.ports.accounts import ClientInfo, NewSession
from keyturn.jose import jwt

V2 = 2
_PREFIX = 5


def new_session(plane: AuthPlane, method: str, provider: str) -> NewSession:
    """Return a session to open, with a first refresh token of the configured version."""
    session_id = uuid4_from(plane.entropy(16))
    if plane.settings.refresh_algorithm_version == V2:
        key = refresh_tokens.new_key(plane.entropy(refresh_tokens.KEY_BYTES))
        sealed = plane.columns.seal(session_id, key)
        return NewSession(session_id, method, provider, hmac_key=sealed, plain_key=key)
    token = refresh_tokens.new_simple(plane.entropy(refresh_tokens.V1_ENTROPY))
    return NewSession(session_id, method, provider, token=token)


def first_token(opened: NewSession) -> tuple[str, RefreshFacts]:
    """Return the refresh token of a session just opened, with its header facts."""
    if opened.token is not None:
        return opened.token, RefreshFacts(prefix=opened.token[:_PREFIX])
    return refresh_tokens.signed_text(opened.id, 0, opened.plain_key or ""), RefreshFacts(counter=0)


async def grant(
    plane: AuthPlane,
    user: User,
    session: Session,
    refresh: tuple[str, RefreshFacts],
    now: datetime,
    *,
    weak: WeakPassword | None = None,
    client: ClientInfo | None = None,
) -> Granted:
    """Sign an access token with the key in use and return the whole answer.

    Raises ``HookFailed`` when the custom access token hook does not answer properly; a session
    that was opened for this is closed again, a refreshed one stays: its client may try again.
    """
    issued_at, expires_at = times = lifetime(plane.settings, user, session, now)
    claims = access_claims(plane.settings, user, session, times)
    token, facts = refresh
    if plane.settings.hooks.custom_access_token is not None:
        claims = await _customised(plane, user, session, claims, facts, client)
    return Granted(
        access_token=jwt.encode(claims, plane.ring.current().signing_key),
        expires_in=expires_at - issued_at,
        expires_at=expires_at,
        refresh_token=token,
        user=user,
        session_id=session.id,
        refresh=facts,
        weak_password=weak,
    )


async def _customised(
    plane: AuthPlane,
    user: User,
    session: Session,
    claims: dict[str, object],
    facts: RefreshFacts,
    client: ClientInfo | None,
) -> dict[str, object]:
    refreshed = facts.rotated or facts.reused
    method = "token_refresh" if refreshed or not session.amr else session.amr[0].method
    try:
        return await custom_claims(plane, user.id, claims, method, client)
    except AuthError:
        if not refreshed:
            await plane.accounts.sign_out(
                user.id, session.id, "local", client or ClientInfo(), plane.clock(), audit=False
            )
        raise

"""Exchanging a refresh token, safely under concurrency (gotrue.md §3.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from keyturn.accounts import refresh_tokens
from keyturn.accounts.errors import OAuthRefusal, refuse
from keyturn.accounts.refresh_tokens import SignedToken, SimpleToken
from keyturn.flows.issue import V2, grant
from keyturn.flows.plane import AuthPlane, Granted, RefreshFacts
from keyturn.flows.ports.accounts import ClientInfo, RefreshOutcome
from keyturn.flows.ports.oauth_server import RefreshStore

_PREFIX = 5
_PATIENCE_SECONDS = 5.0
_SHORTEST_PAUSE_SECONDS = 0.010
_PAUSE_SPREAD_SECONDS = 0.020

Attempt = Callable[[datetime], Awaitable[RefreshOutcome]]


async def refresh(
    plane: AuthPlane, token: str, client: ClientInfo, store: RefreshStore | None = None
) -> Granted:
    """Return new tokens for ``token``: one round trip unless somebody holds the session's lock.

    Raises the ``AuthError`` rows that begin with ``refresh_``; after 5 seconds of finding the
    session locked, ``refresh_conflict`` (409). A session of an OAuth client raises
    ``OAuthRefusal``: only that client may refresh it, through its own ``store``.
    """
    store = store or plane.accounts
    parsed = refresh_tokens.parse(token)
    if isinstance(parsed, SimpleToken):
        attempt = _swapping(plane, store, parsed, client)
    else:
        attempt = _counting(plane, store, parsed, client)
    now, outcome = await _patiently(plane, attempt)
    return await granted(plane, outcome, now, client)


def _swapping(
    plane: AuthPlane, store: RefreshStore, token: SimpleToken, client: ClientInfo
) -> Attempt:
    settings = plane.settings
    fresh = refresh_tokens.new_simple(plane.entropy(refresh_tokens.V1_ENTROPY))
    upgrade = settings.refresh_algorithm_version == V2
    key = refresh_tokens.new_key(plane.entropy(refresh_tokens.KEY_BYTES)) if upgrade else ""

    async def attempt(now: datetime) -> RefreshOutcome:
        # A key is encrypted for its session, which only the database can name.
        given = None if key and plane.columns.seals else key
        outcome = await store.refresh_v1(token.text, fresh, given, settings, client, now)
        if outcome.verdict != "key_wanted" or outcome.session is None:
            return outcome
        sealed = plane.columns.seal(outcome.session.id, key)
        return await store.refresh_v1(token.text, fresh, sealed, settings, client, now)

    return attempt


def _counting(
    plane: AuthPlane, store: RefreshStore, token: SignedToken, client: ClientInfo
) -> Attempt:
    async def once(now: datetime, key: str | None) -> RefreshOutcome:
        return await store.refresh_v2(
            token.session_id,
            token.counter,
            token.signed,
            token.tag,
            plane.settings,
            client,
            now,
            key,
        )

    async def attempt(now: datetime) -> RefreshOutcome:
        outcome = await once(now, None)
        if outcome.verdict != "sealed_key":
            return outcome
        key = plane.columns.open(token.session_id, outcome.hmac_key or "")
        return await once(now, key) if key else RefreshOutcome("refresh_not_found")

    return attempt


async def _patiently(plane: AuthPlane, attempt: Attempt) -> tuple[datetime, RefreshOutcome]:
    """Try until nobody else holds the rows; waiting in PostgreSQL would use up its connections."""
    waited = 0.0
    while True:
        now = plane.clock()
        outcome = await attempt(now)
        if outcome.verdict != "locked":
            return now, outcome
        if waited >= _PATIENCE_SECONDS:
            raise refuse("refresh_conflict")
        pause = _SHORTEST_PAUSE_SECONDS + _PAUSE_SPREAD_SECONDS * plane.entropy(1)[0] / 255
        await asyncio.sleep(pause)
        waited += pause


async def granted(
    plane: AuthPlane, outcome: RefreshOutcome, now: datetime, client: ClientInfo
) -> Granted:
    """Return the tokens of ``outcome``, or raise the row that its verdict names."""
    if outcome.verdict == "invalid_client":
        raise OAuthRefusal(
            "invalid_client", "This session belongs to an OAuth client, which has to refresh it"
        )
    if outcome.verdict != "ok":
        raise refuse(outcome.verdict)
    user, session = outcome.user, outcome.session
    if user is None or session is None:
        raise refuse("refresh_no_session")
    reused = bool(outcome.cause)
    if outcome.token is not None:
        token, prefix = outcome.token, outcome.token[:_PREFIX]
    else:
        key = plane.columns.open(session.id, outcome.hmac_key or "")
        if key is None:
            raise refuse("column_unreadable")
        token, prefix = refresh_tokens.signed_text(session.id, outcome.counter or 0, key), None
    facts = RefreshFacts(
        rotated=not reused,
        reused=reused,
        cause=outcome.cause,
        prefix=prefix,
        counter=outcome.counter,
    )
    return await grant(plane, user, session, (token, facts), now, client=client)

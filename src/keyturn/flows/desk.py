"""What the console does with accounts: look them up, end their sessions, ban them.

Every change is written to GoTrue's audit log, as its admin API does, and to Keyturn's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import require_storable, uuid_text
from keyturn.accounts.user import User
from keyturn.flows.ports.accounts import AccountStore, Actor, ClientInfo, UserChange, UserQuery
from keyturn.flows.ports.audit import AccountVerb, AuditLog
from keyturn.flows.ports.sessions import SessionRecord, SessionStore
from keyturn.keyring.change import Intent
from keyturn.keyring.reigns import reigns, signer_at
from keyturn.keyring.ring import KeyRing, RingKey

PAGE: Final = 25
_NIL_UUID: Final = "00000000-0000-0000-0000-000000000000"
_NOWHERE: Final = ClientInfo(ip=None, user_agent="")


@dataclass(frozen=True)
class Desk:
    """Accounts and sessions of the Auth server; ``token_life`` is that of its access tokens."""

    accounts: AccountStore
    sessions: SessionStore
    log: AuditLog
    aud: str
    token_life: timedelta
    audit: bool = True
    """Whether GoTrue's audit log is kept in the database."""


@dataclass(frozen=True)
class Found:
    """One page of accounts; ``number`` begins at 1."""

    users: list[User]
    total: int
    number: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True)
class OpenSession:
    """A session, the key that signed its newest token, and whether that token still lives.

    ``key`` is None when the token is older than every key that the ring knows.
    """

    record: SessionRecord
    signed_at: datetime | None
    key: RingKey | None
    token_lives: bool


async def search(desk: Desk, text: str, number: int) -> Found:
    """Return accounts whose e-mail address or full name holds ``text``, or whose id it is."""
    require_storable(text)
    found = await desk.accounts.list_users(UserQuery(desk.aud, number, PAGE, text))
    return Found(found.users, found.total, number)


async def show(
    desk: Desk, ring: KeyRing, user_id: str, now: datetime
) -> tuple[User, list[OpenSession]]:
    """Return an account and its sessions, newest first; raises ``user_not_found`` (404)."""
    target = _id(user_id)
    user, _ = await desk.accounts.caller(target, None)
    records = await desk.sessions.of_user(target)
    if user is None or records is None:
        raise refuse("user_not_found")
    return user, [_opened(desk, ring, record, now) for record in records]


async def end_session(desk: Desk, intent: Intent, user_id: str, session_id: str) -> None:
    """End one session; raises ``session_not_found`` (404)."""
    target, wanted = _id(user_id), uuid_text(session_id)
    if wanted is None:
        raise refuse("session_id_not_uuid")
    ended = await desk.sessions.revoke(
        target, wanted, _actor(intent), _NOWHERE, intent.now, audit=desk.audit
    )
    if not ended:
        raise refuse("session_not_found")
    await _note(desk, "end_session", intent, target)


async def end_all_sessions(desk: Desk, intent: Intent, user_id: str) -> None:
    """End every session of an account."""
    target = _id(user_id)
    await desk.accounts.sign_out(target, None, "global", _NOWHERE, intent.now, audit=desk.audit)
    await _note(desk, "end_sessions", intent, target)


async def ban(desk: Desk, intent: Intent, user_id: str, length: timedelta) -> None:
    """Let an account neither sign in nor refresh for ``length``, and end its sessions."""
    target = _id(user_id)
    await _change(desk, intent, target, UserChange(banned_until=intent.now + length))
    await desk.accounts.sign_out(target, None, "global", _NOWHERE, intent.now, audit=desk.audit)
    await _note(desk, "ban", intent, target)


async def lift_ban(desk: Desk, intent: Intent, user_id: str) -> None:
    """Let an account sign in again."""
    target = _id(user_id)
    await _change(desk, intent, target, UserChange(lift_ban=True))
    await _note(desk, "lift_ban", intent, target)


async def census(desk: Desk, ring: KeyRing, now: datetime) -> Mapping[str, int]:
    """Return key → number of sessions whose newest access token it signed and that still lives.

    An estimate: a session that was refreshed early has an older token that lives as well, one that
    was ended is not counted although its token lives elsewhere, and servers learn of a rotation
    within moments.
    """
    life = max(desk.token_life, timedelta(seconds=ring.token_life))
    spans = [(reign.key.kid, reign.since, reign.until) for reign in reigns(ring)]
    return await desk.sessions.census(spans, now - life)


def _opened(desk: Desk, ring: KeyRing, record: SessionRecord, now: datetime) -> OpenSession:
    signed: datetime | None = record.refreshed_at or record.session.created_at
    if signed is None:  # GoTrue's columns may be empty.
        return OpenSession(record, None, None, token_lives=False)
    return OpenSession(record, signed, signer_at(ring, signed), now < signed + desk.token_life)


async def _change(desk: Desk, intent: Intent, target: str, change: UserChange) -> None:
    await desk.accounts.update_user(
        target, change, _actor(intent), _NOWHERE, intent.now, audit=desk.audit
    )


async def _note(desk: Desk, verb: AccountVerb, intent: Intent, target: str) -> None:
    await desk.log.record_account(
        verb, at=intent.now, actor=intent.actor, account=target, reason=intent.reason
    )


def _actor(intent: Intent) -> Actor:
    return Actor(id=_NIL_UUID, username=intent.actor)


def _id(text: str) -> str:
    found = uuid_text(text)
    if found is None:
        raise refuse("user_id_not_uuid")
    return found

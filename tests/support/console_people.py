"""Accounts with sessions for a console, written as the Auth server writes them."""

from __future__ import annotations

import uuid
from datetime import datetime

from tests.conftest import Database

_USER = """
insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data,
                        raw_user_meta_data, created_at, updated_at)
values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, $3,
        '{}', '{}', $3, $3)
"""
_SESSION = """
insert into auth.sessions (id, user_id, created_at, updated_at, refreshed_at, user_agent, ip)
values ($1, $2, $3, $4, $4 at time zone 'utc', $5, '192.0.2.7')
"""
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


async def person(
    database: Database, email: str, *signed: datetime, created: datetime | None = None
) -> tuple[str, list[str]]:
    """Make an account with a session per moment of ``signed``; return the ids."""
    pool = await database.pool()
    user_id, sessions = str(uuid.uuid4()), []
    at = created or signed[0]
    await pool.execute(_USER, user_id, email, at)
    for moment in signed:
        sessions.append(str(uuid.uuid4()))
        await pool.execute(_SESSION, sessions[-1], user_id, at, moment, _FIREFOX)
    return user_id, sessions

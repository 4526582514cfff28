"""Using a code costs the same whatever else waits: rows that PostgreSQL read, not time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
SECRET = "a-legacy-secret-of-more-than-32-bytes"
CROWD = 3000
PHONE = "4915112345678"
_FILL = (
    # What statistics say must not matter: they were made before the crowd came, and stay.
    "alter table auth.users set (autovacuum_enabled = off)",
    "alter table auth.one_time_tokens set (autovacuum_enabled = off)",
    "analyze auth.users, auth.one_time_tokens",
    f"""
    insert into auth.users (instance_id, id, aud, role, email, phone, recovery_token,
                            recovery_sent_at, created_at, updated_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated',
           'authenticated', 'u' || n || '@crowd.test', (490000000000 + n)::text,
           encode(sha224(('u' || n)::bytea), 'hex'), now(), now(), now()
      from generate_series(1, {CROWD}) n
    """,
    """
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    select gen_random_uuid(), id, 'recovery_token', recovery_token, email from auth.users
    """,
)
_SERVERS_THERE = """
    select count(*) from pg_stat_activity
     where datname = current_database() and usename = 'supabase_auth_admin'
"""
_READ = """
    select sum(seq_tup_read) from pg_stat_user_tables
     where schemaname = 'auth' and relname in ('users', 'one_time_tokens')
"""


@pytest.mark.parametrize("by", ["hash", "code", "a wrong code", "test number"])
async def test_a_code_is_found_by_its_index(
    by: str,
    open_server: OpenAuth,
    database: Any,
    service_role: Callable[[str], dict[str, str]],
    eventually: Callable[..., Any],
) -> None:
    admin = await database.pool(database.dsn, size=1)
    for statement in _FILL:
        await admin.execute(statement)
    # Filling read the crowd once; that is told before the servers are there, whenever it is told.
    await admin.fetchval("select pg_stat_force_next_flush()")
    before = await admin.fetchval(_READ)
    admin_headers = service_role(SECRET)
    async with open_server(
        GOTRUE_JWT_SECRET=SECRET,
        GOTRUE_EXTERNAL_PHONE_ENABLED="true",
        GOTRUE_SMS_TEST_OTP=f"{PHONE}:123456",
    ) as auth:
        account = {"email": "ada@example.com", "phone": PHONE}
        made = await auth.http.post("/admin/users", headers=admin_headers, json=account)
        assert made.status_code == 200, made.text
        link = {"type": "recovery", "email": account["email"]}
        made = await auth.http.post("/admin/generate_link", headers=admin_headers, json=link)
        typed = {"email": account["email"], "token": made.json()["email_otp"]}
        asked = {
            "hash": {"type": "recovery", "token_hash": made.json()["hashed_token"]},
            "code": {"type": "recovery", **typed},
            "a wrong code": {"type": "recovery", **typed, "token": "000000x"},
            "test number": {"type": "sms", "phone": PHONE, "token": "123456"},
        }[by]
        answer = await auth.http.post("/verify", json=asked)
        assert answer.status_code == (403 if by == "a wrong code" else 200), answer.text

    async def gone() -> bool:  # what a connection counted is told when it ends
        return not await admin.fetchval(_SERVERS_THERE)

    await eventually(gone)
    assert await admin.fetchval(_READ) - before < 10

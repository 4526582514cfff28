"""Administrators and accounts on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.plane import (
    BROWSER,
    OPEN,
    PASSWORD,
    HasDatabase,
    TestPlane,
    open_plane,
    registered,
    signed_in,
)

from keyturn.accounts.errors import AuthError
from keyturn.accounts.user import User
from keyturn.flows import admin_users, refresh
from keyturn.flows.admin_users import AdminUser, ListQuery
from keyturn.flows.plane import Admin
from keyturn.flows.user import authenticate_admin

SERVICE = Admin({"role": "service_role"})
SOME_ID = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
HASH = "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."


async def created(plane: TestPlane, **members: Any) -> User:
    return await admin_users.create(plane, SERVICE, AdminUser(**members), BROWSER)


async def changed(plane: TestPlane, user_id: str, **members: Any) -> User:
    return await admin_users.update(plane, SERVICE, user_id, AdminUser(**members), BROWSER)


def decoded(raw: Any) -> Any:
    return msgspec.json.decode(raw)


async def test_a_created_account_is_as_given(database: HasDatabase) -> None:
    plane = await open_plane(database)
    plane.pool.trips = 0
    user = await created(
        plane,
        id=SOME_ID.upper(),
        email="Ada@Example.com",
        phone="+4915123",
        password=PASSWORD,
        email_confirm=True,
        role="editor",
        user_metadata={"name": "Ada", "none": None},
        app_metadata={"plan": "pro"},
        ban_duration="24h",
    )
    assert plane.pool.trips == 1
    assert (user.id, user.email, user.phone, user.role) == (
        SOME_ID,
        "ada@example.com",
        "4915123",
        "editor",
    )
    assert user.email_confirmed_at == plane.clock.now
    assert user.phone_confirmed_at is None
    assert user.banned_until == plane.clock.now + timedelta(hours=24)
    assert decoded(user.user_metadata) == {"name": "Ada", "email_verified": True}
    assert decoded(user.app_metadata) == {
        "provider": "email",
        "providers": ["email", "phone"],
        "plan": "pro",
    }
    assert {identity.provider for identity in user.identities} == {"email", "phone"}
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 0


async def test_an_account_without_password_cannot_be_signed_in_to(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await created(plane, email="ada@example.com", email_confirm=True)
    stored = await plane.pool.fetchval("select encrypted_password from auth.users")
    assert stored.startswith("$2a$")
    with pytest.raises(AuthError):
        await signed_in(plane, "ada@example.com", "")


async def test_a_hash_from_elsewhere_is_taken_over(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await created(plane, email="ada@example.com", password_hash=HASH, email_confirm=True)
    assert await plane.pool.fetchval("select encrypted_password from auth.users") == HASH
    assert (await signed_in(plane, "ada@example.com", "")).user.email == "ada@example.com"


@pytest.mark.parametrize(
    ("members", "status", "code", "words"),
    [
        ({}, 400, "validation_failed", "without either an email or phone"),
        ({"email": "nonsense"}, 400, "validation_failed", "invalid format"),
        ({"phone": "nonsense"}, 400, "validation_failed", "E.164"),
        ({"email": "a@b.co", "id": "7"}, 400, "validation_failed", "uuid v4"),
        ({"email": "a@b.co", "id": "0" * 36}, 400, "validation_failed", "uuid v4"),
        (
            {"email": "a@b.co", "password": "x" * 8, "password_hash": HASH},
            400,
            "validation_failed",
            "Only a password",
        ),
        ({"email": "a@b.co", "password_hash": "md5"}, 400, "validation_failed", "not a bcrypt"),
        ({"email": "a@b.co", "password": "x" * 73}, 400, "validation_failed", "72"),
        ({"email": "a@b.co", "ban_duration": "1 week"}, 400, "validation_failed", "ban duration"),
        ({"email": "a@b.co", "ban_duration": "2562048h"}, 400, "validation_failed", "ban"),
        ({"email": "a@b.co", "role": "a\0b"}, 400, "validation_failed", "cannot be stored"),
        ({"email": "a@b.co", "user_metadata": {"a": "\0"}}, 400, "validation_failed", "stored"),
        ({"email": "a@b.co", "app_metadata": {"a": 1e99}}, 400, "validation_failed", "large"),
        ({"email": "a@b.co", "role": "x" * 300}, 400, "validation_failed", "too long"),
        ({"email": "taken@example.com"}, 422, "email_exists", "email address has already been"),
        ({"phone": "4915123"}, 422, "phone_exists", "phone number has already been"),
    ],
)
async def test_accounts_that_are_not_created(
    database: HasDatabase, members: Any, status: int, code: str, words: str
) -> None:
    plane = await open_plane(database)
    await created(plane, email="taken@example.com", phone="4915123")
    with pytest.raises(AuthError) as raised:
        await created(plane, **members)
    assert (raised.value.status, raised.value.error_code) == (status, code)
    assert words in raised.value.message
    assert await plane.pool.fetchval("select count(*) from auth.users") == 1


async def test_an_id_is_taken_once(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await created(plane, id=SOME_ID, email="a@b.co")
    with pytest.raises(AuthError) as raised:
        await created(plane, id=SOME_ID, email="c@d.co")
    assert (raised.value.status, raised.value.error_code) == (422, "user_already_exists")


async def test_listing_pages_sorts_and_finds(database: HasDatabase) -> None:
    plane = await open_plane(database)
    for number in range(5):
        await created(
            plane, email=f"user{number}@example.com", user_metadata={"full_name": f"N°{number}"}
        )
        plane.clock.forward(minutes=1)
    await created(plane, email="other@example.com", aud="elsewhere")

    async def emails(**query: str) -> list[str]:
        plane.pool.trips = 0
        found = await admin_users.list_users(plane, ListQuery(**query))
        assert plane.pool.trips == 1
        return [user.email[4] for user in found.users]

    assert await emails() == ["4", "3", "2", "1", "0"]
    assert await emails(page="2", per_page="2") == ["2", "1"]
    assert await emails(page="9", per_page="2") == []
    assert await emails(sort="created_at asc", per_page="2") == ["0", "1"]
    assert await emails(sort="created_at DESC", per_page="1") == ["4"]
    assert await emails(matching="USER3@") == ["3"]
    assert await emails(matching="n°2") == ["2"]
    assert await emails(matching="%") == []
    assert await emails(matching="' or true --") == []
    last = await admin_users.list_users(plane, ListQuery(page="3", per_page="2"))
    assert (last.total, last.page.number, last.aud) == (5, 3, "authenticated")
    assert last.page.last(last.total) == 3
    beyond = await admin_users.list_users(plane, ListQuery(page="7", per_page="2"))
    assert (beyond.total, beyond.users) == (5, [])
    elsewhere = await admin_users.list_users(plane, ListQuery(aud="elsewhere"))
    assert [user.email for user in elsewhere.users] == ["other@example.com"]
    found = await admin_users.list_users(plane, ListQuery(matching=last.users[0].id.upper()))
    assert [user.id for user in found.users] == [last.users[0].id]


@pytest.mark.parametrize(
    "query",
    [
        ListQuery(page="x"),
        ListQuery(page="-1"),
        ListQuery(per_page="1.5"),
        ListQuery(per_page="٣"),
        ListQuery(page="9" * 30),
        ListQuery(sort="email"),
        ListQuery(sort="created_at; drop table auth.users"),
        ListQuery(matching="\0"),
    ],
)
async def test_pages_and_sorts_that_are_none(database: HasDatabase, query: ListQuery) -> None:
    with pytest.raises(AuthError) as raised:
        await admin_users.list_users(await open_plane(database), query)
    assert (raised.value.status, raised.value.error_code) == (400, "validation_failed")


async def test_an_empty_list_has_one_page(database: HasDatabase) -> None:
    listing = await admin_users.list_users(
        await open_plane(database), ListQuery(page="0", per_page="0")
    )
    assert (listing.users, listing.total, listing.page.last(0)) == ([], 0, 1)
    assert (listing.page.number, listing.page.size) == (1, 50)


async def test_changing_an_account(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com", old="x", drop=1)
    plane.clock.forward(minutes=1)
    plane.pool.trips = 0
    user = await changed(
        plane,
        granted.user.id.upper(),
        email="ADA2@example.com",
        phone="4915123",
        phone_confirm=True,
        role=" editor ",
        user_metadata={"drop": None, "new": True},
        app_metadata={"plan": "pro"},
    )
    assert plane.pool.trips == 1
    assert (user.email, user.phone, user.role) == ("ada2@example.com", "4915123", "editor")
    assert user.phone_confirmed_at == plane.clock.now
    metadata = decoded(user.user_metadata)
    assert (metadata["old"], metadata["new"]) == ("x", True)
    assert "drop" not in metadata
    assert decoded(user.app_metadata) == {
        "provider": "email",
        "providers": ["email", "phone"],
        "plan": "pro",
    }
    emails = [one.email for one in user.identities if one.provider == "email"]
    assert emails == ["ada2@example.com"]
    assert (await refresh.refresh(plane, granted.refresh_token, BROWSER)).user.role == "editor"


async def test_a_password_set_by_an_administrator_ends_all_sessions(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    await changed(plane, granted.user.id, password="another horse")
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 0
    await signed_in(plane, "ada@example.com", "another horse")
    with pytest.raises(AuthError) as raised:
        await changed(plane, granted.user.id, password="short")
    assert raised.value.error_code == "weak_password"


async def test_bans_begin_and_end(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    banned = await changed(plane, granted.user.id, ban_duration="1h30m")
    assert banned.banned_until == plane.clock.now + timedelta(minutes=90)
    untouched = await changed(plane, granted.user.id, user_metadata={})
    assert untouched.banned_until == banned.banned_until
    assert (await changed(plane, granted.user.id, ban_duration="none")).banned_until is None


@pytest.mark.parametrize("members", [{"email": "taken@example.com"}, {"phone": "4915123"}])
async def test_changes_that_collide(database: HasDatabase, members: Any) -> None:
    plane = await open_plane(database)
    await created(plane, email="taken@example.com", phone="4915123")
    user = await created(plane, email="me@example.com")
    with pytest.raises(AuthError) as raised:
        await changed(plane, user.id, **members, user_metadata={"changed": True})
    assert raised.value.error_code in {"email_exists", "phone_exists"}
    unchanged = await admin_users.get(plane, user.id)
    assert unchanged == user


@pytest.mark.parametrize(
    ("user_id", "status", "code"),
    [
        ("7", 404, "validation_failed"),
        ("' --", 404, "validation_failed"),
        (SOME_ID, 404, "user_not_found"),
    ],
)
async def test_ids_of_nobody(database: HasDatabase, user_id: str, status: int, code: str) -> None:
    plane = await open_plane(database)
    for asking in (
        admin_users.get(plane, user_id),
        changed(plane, user_id, role="x"),
        admin_users.delete(plane, SERVICE, user_id, BROWSER),
        admin_users.delete(plane, SERVICE, user_id, BROWSER, soft=True),
    ):
        with pytest.raises(AuthError) as raised:
            await asking
        assert (raised.value.status, raised.value.error_code) == (status, code)


async def test_deleting_leaves_nothing(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    await admin_users.delete(plane, SERVICE, granted.user.id, BROWSER)
    for table in ("users", "identities", "sessions", "refresh_tokens", "mfa_amr_claims"):
        assert await plane.pool.fetchval(f"select count(*) from auth.{table}") == 0, table
    await registered(plane, "ada@example.com")


async def test_soft_deletion_keeps_a_row_that_says_nothing(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, sms_autoconfirm=True))
    granted = await registered(plane, "ada@example.com", name="Ada Lovelace")
    await changed(plane, granted.user.id, phone="4915123")
    await admin_users.delete(plane, SERVICE, granted.user.id, BROWSER, soft=True)
    row = await plane.pool.fetchval(
        "select u::text || i::text from auth.users u, auth.identities i"
    )
    for trace in ("ada@example.com", "Lovelace", "4915123", "$2a$"):
        assert trace not in row
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 0
    left = await admin_users.get(plane, granted.user.id)
    assert left.deleted_at == plane.clock.now
    await admin_users.delete(plane, SERVICE, granted.user.id, BROWSER, soft=True)
    assert (await admin_users.get(plane, granted.user.id)) == left
    await registered(plane, "ada@example.com")


async def test_a_foreign_key_of_the_operator_stops_a_deletion(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await plane.pool.execute("create table auth.orders (buyer uuid references auth.users)")
    await plane.pool.fetchval(
        "insert into auth.orders values ($1) returning buyer", granted.user.id
    )
    with pytest.raises(AuthError) as raised:
        await admin_users.delete(plane, SERVICE, granted.user.id, BROWSER)
    assert (raised.value.status, raised.value.message) == (500, "Database error deleting user")
    assert (await admin_users.get(plane, granted.user.id)).id == granted.user.id


async def test_the_audit_log_names_the_administrator(database: HasDatabase) -> None:
    plane = await open_plane(database)
    user = await created(plane, email="ada@example.com")
    boss = await registered(plane, "boss@example.com")
    await plane.pool.execute("update auth.users set role = 'supabase_admin'")
    promoted = await refresh.refresh(plane, boss.refresh_token, BROWSER)
    admin = await authenticate_admin(plane, f"Bearer {promoted.access_token}")
    await admin_users.delete(plane, admin, user.id, BROWSER)
    rows = await plane.pool.fetch(
        "select payload::text as payload from auth.audit_log_entries "
        "where payload -> 'traits' ->> 'user_email' = 'ada@example.com' order by created_at"
    )
    traits = {"user_email": "ada@example.com", "user_id": user.id, "user_phone": ""}
    payloads = {decoded(row["payload"])["action"]: decoded(row["payload"]) for row in rows}
    assert payloads == {
        "user_signedup": {
            "action": "user_signedup",
            "actor_id": "00000000-0000-0000-0000-000000000000",
            "actor_username": "service_role",
            "actor_via_sso": False,
            "log_type": "team",
            "traits": traits,
        },
        "user_deleted": {
            "action": "user_deleted",
            "actor_id": boss.user.id,
            "actor_username": "boss@example.com",
            "actor_via_sso": False,
            "log_type": "team",
            "traits": traits,
        },
    }

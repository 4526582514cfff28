"""Bearer tokens, looking at and changing one's own account, signing out."""

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

from keyturn.accounts.errors import AuthError, WeakPassword
from keyturn.flows import refresh, sign_out, sign_up, user
from keyturn.flows.plane import Caller, Granted
from keyturn.flows.user import UserUpdate

USER_ID = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


def bearer(granted: Granted) -> str:
    return f"Bearer {granted.access_token}"


async def caller_of(plane: TestPlane, granted: Granted) -> Caller:
    return await user.authenticate(plane, bearer(granted))


async def not_authenticated(plane: TestPlane, header: str | None) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await user.authenticate(plane, header)
    return raised.value


async def update_refused(plane: TestPlane, granted: Granted, request: UserUpdate) -> AuthError:
    caller = await caller_of(plane, granted)
    with pytest.raises(AuthError) as raised:
        await user.update(plane, caller, request, BROWSER)
    return raised.value


async def test_getting_the_user_is_one_round_trip(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    plane.pool.trips = 0
    caller = await user.authenticate(plane, f"bEaReR {granted.access_token}")
    assert user.get(plane, caller) == granted.user
    assert plane.pool.trips == 1
    assert caller.session is not None
    assert caller.session.id == granted.session_id


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer  x", "xBearer y"]
)
async def test_without_a_bearer_token(database: HasDatabase, header: str | None) -> None:
    error = await not_authenticated(await open_plane(database), header)
    assert (error.status, error.error_code) == (401, "no_authorization")
    assert error.message == "This endpoint requires a valid Bearer token"


@pytest.mark.parametrize(
    ("claims", "status", "code", "message"),
    [
        ({}, 403, "bad_jwt", "invalid claim: missing sub claim"),
        ({"sub": "x"}, 400, "bad_jwt", "invalid claim: sub claim must be a UUID"),
        (
            {"sub": USER_ID},
            403,
            "user_not_found",
            "User from sub claim in JWT does not exist",
        ),
        (
            {"sub": USER_ID, "session_id": "x"},
            403,
            "bad_jwt",
            "invalid claim: session_id claim must be a UUID",
        ),
    ],
)
async def test_tokens_of_ours_that_name_nobody(
    database: HasDatabase, claims: dict[str, object], status: int, code: str, message: str
) -> None:
    plane = await open_plane(database)
    error = await not_authenticated(plane, plane.signing_token(**claims))
    assert (error.status, error.error_code, error.message) == (status, code, message)


async def test_bad_signatures_and_old_tokens_are_bad_jwts(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    body, _, signature = granted.access_token.rpartition(".")
    forged = f"{body}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBB'}"
    for token in (forged, "x.y.z", "nonsense", body + "."):
        error = await not_authenticated(plane, f"Bearer {token}")
        assert (error.status, error.error_code) == (403, "bad_jwt")
        assert error.message.startswith("invalid JWT: unable to parse or verify signature, ")
    plane.clock.forward(hours=1)
    assert (await not_authenticated(plane, bearer(granted))).error_code == "bad_jwt"


async def test_another_users_session_does_not_count(database: HasDatabase) -> None:
    plane = await open_plane(database)
    ada, eve = await registered(plane), await registered(plane)
    mixed = plane.signing_token(sub=eve.user.id, session_id=ada.session_id)
    assert (await not_authenticated(plane, mixed)).row.name == "jwt_session_not_found"


async def test_bans_and_deletions_take_effect_at_once(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await plane.pool.fetchval(
        "update auth.users set banned_until = $1 returning id", plane.clock.now + timedelta(days=1)
    )
    error = await not_authenticated(plane, bearer(granted))
    assert (error.status, error.error_code) == (403, "user_banned")
    await plane.pool.execute("delete from auth.users")
    assert (await not_authenticated(plane, bearer(granted))).row.name == "jwt_user_not_found"


async def test_administrators_are_known_by_their_role(database: HasDatabase) -> None:
    plane = await open_plane(database)
    plane.pool.trips = 0
    admin = await user.authenticate_admin(plane, plane.signing_token(role="service_role"))
    assert admin.user is None
    assert plane.pool.trips == 0
    granted = await registered(plane)
    with pytest.raises(AuthError) as raised:
        await user.authenticate_admin(plane, bearer(granted))
    assert (raised.value.status, raised.value.message) == (403, "User not allowed")
    await plane.pool.execute("update auth.users set role = 'supabase_admin'")
    promoted = await refresh.refresh(plane, granted.refresh_token, BROWSER)
    admin = await user.authenticate_admin(plane, bearer(promoted))
    assert admin.user is not None
    await plane.pool.execute("delete from auth.sessions")
    with pytest.raises(AuthError) as raised:
        await user.authenticate_admin(plane, bearer(promoted))
    assert raised.value.row.name == "jwt_session_not_found"


@pytest.mark.parametrize(
    ("header", "claims", "audience"),
    [
        (None, None, "authenticated"),
        ("mobile", {"aud": "web"}, "mobile"),
        (None, {"aud": "web"}, "web"),
        (None, {"aud": ["web", "x"]}, "web"),
        (None, {"aud": "web", "role": "service_role"}, "authenticated"),
        (None, {"aud": 7}, "authenticated"),
    ],
)
async def test_the_audience_of_a_request(
    database: HasDatabase, header: str | None, claims: Any, audience: str
) -> None:
    assert user.audience(await open_plane(database), header, claims) == audience


async def test_another_audience_is_refused_on_get(database: HasDatabase) -> None:
    plane = await open_plane(database)
    caller = await caller_of(plane, await registered(plane))
    with pytest.raises(AuthError, match="audience"):
        user.get(plane, caller, "elsewhere")


async def test_metadata_is_merged_and_null_removes(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, None, keep="me", drop="me", nested={"a": 1})
    caller = await caller_of(plane, granted)
    data = {"drop": None, "nested": {"b": None}, "new": "'; --", "ü": ["ß"]}
    plane.clock.forward(minutes=1)
    plane.pool.trips = 0
    changed = await user.update(plane, caller, UserUpdate(data=data), BROWSER)
    assert plane.pool.trips == 1
    metadata = _json(changed.user_metadata)
    assert "drop" not in metadata
    assert (metadata["keep"], metadata["nested"], metadata["new"], metadata["ü"]) == (
        "me",
        {"b": None},
        "'; --",
        ["ß"],
    )
    assert changed.updated_at == plane.clock.now
    assert changed.app_metadata == granted.user.app_metadata


def _json(raw: Any) -> Any:
    return msgspec.json.decode(raw)


async def test_users_may_not_write_app_metadata(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    request = UserUpdate(app_metadata={"role": "boss"})
    error = await update_refused(plane, granted, request)
    assert (error.status, error.error_code) == (403, "not_admin")
    await plane.pool.execute("update auth.users set role = 'supabase_admin'")
    changed = await user.update(plane, await caller_of(plane, granted), request, BROWSER)
    assert _json(changed.app_metadata)["role"] == "boss"


async def test_a_new_password_ends_the_other_sessions(database: HasDatabase) -> None:
    plane = await open_plane(database)
    other = await registered(plane, "ada@example.com")
    mine = await signed_in(plane, "ada@example.com")
    await plane.pool.fetchval(
        "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) "
        "values (gen_random_uuid(), $1, 'recovery_token', 'h', 'x') returning id",
        mine.user.id,
    )
    request = UserUpdate(password="another horse")
    await user.update(plane, await caller_of(plane, mine), request, BROWSER)
    assert (await not_authenticated(plane, bearer(other))).row.name == "jwt_session_not_found"
    await caller_of(plane, mine)
    await signed_in(plane, "ada@example.com", "another horse")
    with pytest.raises(AuthError):
        await signed_in(plane, "ada@example.com", PASSWORD)
    assert await plane.pool.fetchval("select count(*) from auth.one_time_tokens") == 0
    actions = await plane.pool.fetch(
        "select payload ->> 'action' as a from auth.audit_log_entries "
        "where payload ->> 'action' in ('user_updated_password', 'user_modified')"
    )
    assert sorted(row["a"] for row in actions) == ["user_modified", "user_updated_password"]


async def test_passwords_that_are_not_taken(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    same = await update_refused(plane, granted, UserUpdate(password=PASSWORD))
    assert (same.status, same.error_code) == (422, "same_password")
    weak = await update_refused(plane, granted, UserUpdate(password="short"))
    assert isinstance(weak, WeakPassword)
    long = await update_refused(plane, granted, UserUpdate(password="x" * 73))
    assert long.error_code == "validation_failed"


async def test_the_current_password_is_asked_for_where_configured(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, password_needs_current=True))
    granted = await registered(plane)
    new = "another horse"
    for current, code in (
        (None, "current_password_required"),
        ("wrong one", "current_password_invalid"),
        ("x" * 100, "validation_failed"),
    ):
        request = UserUpdate(password=new, current_password=current)
        error = await update_refused(plane, granted, request)
        assert (error.status, error.error_code) == (400, code)
    request = UserUpdate(password=new, current_password=PASSWORD)
    await user.update(plane, await caller_of(plane, granted), request, BROWSER)


async def test_reauthentication_is_asked_for_after_a_day(database: HasDatabase) -> None:
    settings = replace(OPEN, password_needs_reauthentication=True, jwt_exp=10**6)
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    plane.clock.forward(hours=25)
    error = await update_refused(plane, granted, UserUpdate(password="another horse"))
    assert (error.status, error.error_code) == (400, "reauthentication_needed")
    error = await update_refused(plane, granted, UserUpdate(password="another horse", nonce="123"))
    assert (error.status, error.error_code) == (422, "reauthentication_not_valid")
    plane.clock.forward(hours=-2)
    request = UserUpdate(password="another horse")
    await user.update(plane, await caller_of(plane, granted), request, BROWSER)


async def test_a_second_factor_protects_password_and_address(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await plane.pool.fetchval(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at) "
        "values (gen_random_uuid(), $1, 'totp', 'verified', now(), now()) returning id",
        granted.user.id,
    )
    for request in (UserUpdate(password="another horse"), UserUpdate(email="new@example.com")):
        error = await update_refused(plane, granted, request)
        assert (error.status, error.error_code) == (401, "insufficient_aal")
    caller = await caller_of(plane, granted)
    await user.update(plane, caller, UserUpdate(data={"a": 1}), BROWSER)


async def test_sso_users_keep_what_their_provider_says(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await plane.pool.execute("update auth.users set is_sso_user = true")
    error = await update_refused(plane, granted, UserUpdate(password="another horse"))
    assert (error.status, error.error_code) == (422, "user_sso_managed")


async def test_a_new_address_needs_mail_which_there_is_not(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    error = await update_refused(plane, granted, UserUpdate(email="new@example.com"))
    assert error.error_code == "email_provider_disabled"
    assert "no mail server" in error.message
    assert "AUTOCONFIRM" not in error.message, "it would not help"
    caller = await caller_of(plane, granted)
    same = await user.update(plane, caller, UserUpdate(email="ADA@example.com"), BROWSER)
    assert same.email == "ada@example.com"
    phone = await update_refused(plane, granted, UserUpdate(phone="4915123"))
    assert phone.error_code == "phone_provider_disabled"


async def test_an_anonymous_user_becomes_permanent(database: HasDatabase) -> None:
    plane = await open_plane(database)
    await registered(plane, "taken@example.com")
    granted = await sign_up.sign_up(plane, sign_up.SignUp(), BROWSER)
    alone = await update_refused(plane, granted, UserUpdate(password="a password"))
    assert (alone.status, alone.error_code) == (422, "validation_failed")
    taken = await update_refused(plane, granted, UserUpdate(email="taken@example.com"))
    assert (taken.status, taken.error_code) == (422, "email_exists")
    request = UserUpdate(email="me@example.com", password="a password")
    changed = await user.update(plane, await caller_of(plane, granted), request, BROWSER)
    assert (changed.id, changed.email) == (granted.user.id, "me@example.com")
    assert not changed.is_anonymous
    assert changed.email_confirmed_at == plane.clock.now
    assert _json(changed.app_metadata) == {"provider": "email", "providers": ["email"]}
    (identity,) = changed.identities
    assert (identity.provider, identity.email) == ("email", "me@example.com")
    again = await signed_in(plane, "me@example.com", "a password")
    assert again.user.id == granted.user.id


async def test_a_phone_number_is_added_under_autoconfirm(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, sms_autoconfirm=True))
    granted = await registered(plane)
    caller = await caller_of(plane, granted)
    changed = await user.update(plane, caller, UserUpdate(phone="+4915123"), BROWSER)
    assert (changed.phone, changed.phone_confirmed_at) == ("4915123", plane.clock.now)
    assert _json(changed.app_metadata)["providers"] == ["email", "phone"]
    other = await registered(plane)
    error = await update_refused(plane, other, UserUpdate(phone="4915123"))
    assert (error.status, error.error_code) == (422, "phone_exists")


@pytest.mark.parametrize(("scope", "left"), [("", 0), ("global", 0), ("local", 2), ("others", 1)])
async def test_signing_out(database: HasDatabase, scope: str, left: int) -> None:
    plane = await open_plane(database)
    stranger = await registered(plane)
    await registered(plane, "ada@example.com")
    mine, _ = [await signed_in(plane, "ada@example.com") for _ in range(2)]
    caller = await caller_of(plane, mine)
    plane.pool.trips = 0
    await sign_out.sign_out(plane, caller, scope, BROWSER)
    assert plane.pool.trips == 1
    remaining = await plane.pool.fetchval(
        "select count(*) from auth.sessions where user_id = $1", mine.user.id
    )
    assert remaining == left
    await caller_of(plane, stranger)
    if scope == "others":
        await caller_of(plane, mine)
    else:
        with pytest.raises(AuthError, match="Session from session_id"):
            await caller_of(plane, mine)
        with pytest.raises(AuthError, match="Not Found"):
            await refresh.refresh(plane, mine.refresh_token, BROWSER)
    logged = await plane.pool.fetchval(
        "select count(*) from auth.audit_log_entries where payload ->> 'action' = 'logout'"
    )
    assert logged == 1


async def test_unknown_scopes_end_nothing(database: HasDatabase) -> None:
    plane = await open_plane(database)
    caller = await caller_of(plane, await registered(plane))
    with pytest.raises(AuthError) as raised:
        await sign_out.sign_out(plane, caller, "everything", BROWSER)
    assert (raised.value.status, raised.value.error_code) == (400, "validation_failed")
    assert await plane.pool.fetchval("select count(*) from auth.sessions") == 1

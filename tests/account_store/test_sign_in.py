"""Signing up and in on a real database."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.plane import PASSWORD, HasDatabase, open_plane, registered, signed_in

from keyturn.accounts.errors import AuthError
from keyturn.accounts.user import user_json
from keyturn.jose import jwt


async def test_a_new_user_is_signed_in_with_gotrues_claims(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com", full_name="Ada")
    header, claims = jwt.peek(granted.access_token)
    assert list(header) == ["alg", "kid", "typ"]
    assert list(claims) == [
        "iss", "sub", "aud", "exp", "iat", "email", "phone", "app_metadata", "user_metadata",
        "role", "aal", "amr", "session_id", "is_anonymous",
    ]  # fmt: skip

    again = await signed_in(plane, "Ada@Example.com", PASSWORD)
    assert again.user.id == granted.user.id
    with pytest.raises(AuthError) as refused:
        await signed_in(plane, "ada@example.com", "wrong")
    assert refused.value.error_code == "invalid_credentials"
    from keyturn.flows import refresh
    from tests.support.plane import BROWSER

    plane.pool.trips = 0
    r = await refresh.refresh(plane, granted.refresh_token, BROWSER)
    assert r.refresh_token != granted.refresh_token
    assert plane.pool.trips == 1

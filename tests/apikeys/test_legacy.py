"""Legacy API keys: what Supabase's generate-keys.sh would write, verified by another library."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import jwt
import pytest

from keyturn.apikeys import legacy
from keyturn.apikeys.legacy import NotALegacyKey
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a-jwt-secret-that-is-long-enough-for-postgrest"


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_a_legacy_key_verifies_with_the_secret_and_names_no_key(
    role: Literal["anon", "service_role"],
) -> None:
    minted = legacy.mint(role, signing_key_from_secret(Secret(SECRET), kid=None), NOW)
    text = reveal(minted.secret).decode()
    assert jwt.get_unverified_header(text) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(text, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert claims["role"] == role
    assert claims["iss"] == "supabase"
    assert claims["exp"] - claims["iat"] == 10 * 365 * 86400
    assert minted.prefix.startswith("jwt_")
    assert minted.prefix[4:] not in text


@pytest.mark.parametrize(
    "key",
    [generate("ES256", kid="k1"), generate("HS256", kid="named")],
    ids=["asymmetric", "secret with a kid"],
)
def test_only_the_legacy_secret_makes_legacy_keys(key: SigningKey) -> None:
    with pytest.raises(NotALegacyKey):
        legacy.mint("anon", key, NOW)

"""Which claims a custom access token hook may return."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.accounts.hook_claims import REQUIRED, accepted_claims
from keyturn.accounts.hooks import HookFailed

CLAIMS: dict[str, Any] = {
    "aud": "authenticated",
    "exp": 2_000,
    "iat": 1_000,
    "sub": "someone",
    "email": "",
    "phone": "",
    "role": "authenticated",
    "aal": "aal1",
    "session_id": "a-session",
    "is_anonymous": False,
}


def complaint(claims: object) -> str:
    with pytest.raises(HookFailed) as raised:
        accepted_claims({"claims": claims}, 2_000)
    assert (raised.value.status, raised.value.error_code) == (500, "unexpected_failure")
    return raised.value.message


def test_more_claims_are_welcome_and_sorted() -> None:
    given = {**CLAIMS, "zone": [1], "plan": {"name": "pro"}, "aud": ["a", "b"]}
    accepted = accepted_claims({"claims": given}, 2_000)
    assert accepted == given
    assert list(accepted) == sorted(given)


def test_optional_claims_may_go() -> None:
    assert "app_metadata" not in accepted_claims({"claims": CLAIMS}, 2_000)


@pytest.mark.parametrize("name", REQUIRED)
def test_required(name: str) -> None:
    text = complaint({key: value for key, value in CLAIMS.items() if key != name})
    assert text == (
        f"output claims do not conform to the expected schema: \n- (root): {name} is required\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("aud", 1, "aud: Invalid type. Expected: [string,array], given: integer"),
        ("exp", "2000", "exp: Invalid type. Expected: integer, given: string"),
        ("exp", 1.5, "exp: Invalid type. Expected: integer, given: number"),
        ("iat", True, "iat: Invalid type. Expected: integer, given: boolean"),
        ("sub", None, "sub: Invalid type. Expected: string, given: null"),
        ("app_metadata", [], "app_metadata: Invalid type. Expected: object, given: array"),
        ("amr", {}, "amr: Invalid type. Expected: array, given: object"),
        ("amr", ["otp"], "amr.0: Invalid type. Expected: object, given: string"),
        ("role", {}, "role: Invalid type. Expected: string, given: object"),
    ],
)
def test_types(name: str, value: object, wanted: str) -> None:
    assert f"- {wanted}\n" in complaint({**CLAIMS, name: value})


def test_claims_must_be_there() -> None:
    with pytest.raises(HookFailed, match="output claims field is missing"):
        accepted_claims({}, 2_000)
    assert "(root): Invalid type. Expected: object, given: null" in complaint(None)


def test_a_token_may_be_shorter_but_not_outlive_its_key() -> None:
    assert accepted_claims({"claims": {**CLAIMS, "exp": 1_500}}, 2_000)["exp"] == 1_500
    assert "exp: Must be less than or equal to 2000" in complaint({**CLAIMS, "exp": 2_001})

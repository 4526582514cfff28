"""The command line and the servers read the same waits from the same variables."""

from __future__ import annotations

import pytest

from keyturn.errors import UsageError
from keyturn.keyring.policy import RingPolicy
from keyturn.wiring import settings
from keyturn.wiring.ring_policy import ring_policy


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"KEYTURN_PUBLISH_BEFORE_SIGN": "15m", "KEYTURN_CLOCK_LEEWAY": "5s"},
        {"GOTRUE_JWT_EXP": "86400", "KEYTURN_JWKS_MAX_AGE": "5m"},
        {"GOTRUE_JWT_EXP": "0", "KEYTURN_PUBLISH_BEFORE_SIGN": ""},
    ],
)
def test_both_ways_to_read_agree(environment: dict[str, str]) -> None:
    assert ring_policy(environment) == settings.load(environment).ring


def test_the_values_arrive() -> None:
    found = ring_policy({"KEYTURN_PUBLISH_BEFORE_SIGN": "11m", "GOTRUE_JWT_EXP": "7200"})
    assert found == RingPolicy(publish_before_sign=660, max_token_life=7200)


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(UsageError, match="KEYTURN_PUBLISH_BEFORE_SIGN"):
        ring_policy({"KEYTURN_PUBLISH_BEFORE_SIGN": "soon"})

"""Waits that contradict each other are refused before anything starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keyturn.jose.keys import generate
from keyturn.keyring.errors import UnsafePolicy
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.states import KeyState
from keyturn.keyring.verbs import new_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = new_key("k1", generate("ES256", kid="k1"), KeyState.STANDBY, NOW)


def test_the_defaults_are_the_twenty_minutes_of_hosted_supabase() -> None:
    assert RingPolicy().may_sign_from(KEY) == NOW + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"retention": 3600, "max_token_life": 3600, "leeway": 60}, "3660"),
        ({"rotation_interval": 1200}, "published for 1200 s"),
        ({"publish_before_sign": 599}, "without it for 600 s"),
        ({"publish_before_sign": -1}, "publish_before_sign is -1 s"),
        ({"max_token_life": 0}, "must be positive"),
    ],
)
def test_unsafe_waits_are_refused_with_the_numbers(settings: dict[str, int], named: str) -> None:
    with pytest.raises(UnsafePolicy) as refused:
        RingPolicy(**settings)
    assert named in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("policy", "announced", "seconds"),
    [
        (RingPolicy(max_token_life=3600, leeway=60), 0, 3660),
        (RingPolicy(max_token_life=3600, leeway=60), 86400, 86460),
        (RingPolicy(max_token_life=3600, leeway=60, retention=7200), 0, 7200),
        (RingPolicy(max_token_life=60, leeway=0), 0, 600),
    ],
    ids=["own life", "a server announced a longer one", "retention", "gateway tokens"],
)
def test_a_key_verifies_until_its_last_token_expired(
    policy: RingPolicy, announced: int, seconds: int
) -> None:
    from dataclasses import replace

    key = replace(KEY, token_life=announced)
    assert policy.tokens_until(key, NOW) == NOW + timedelta(seconds=seconds)

"""The overview's sentence, and keys and times as words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from keyturn.console.overview import Addresses, Overview, PartLine, key_lines, statement
from keyturn.console.words import ago, left
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.gateway.traffic import Traffic
from keyturn.jose.keys import generate
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def ring_key(kid: str, state: KeyState, **changes: Any) -> RingKey:
    """Return a key that was made two hours ago."""
    made = NOW - timedelta(hours=2)
    signer = generate("ES256", kid=kid)
    key = RingKey(
        kid=kid,
        alg="ES256",
        state=state,
        key=signer.verifying_key(),
        signer=signer,
        legacy=False,
        created_at=made,
        published_at=made,
    )
    return replace(key, **changes)


PARTS = [
    PartLine(name, "ready", True, NOW - timedelta(minutes=3), 0, None)
    for name in ("postgres", "auth", "rest", "envoy")
]
API_KEY = ApiKeyRecord(
    UUID(int=1), "default", "secret", "service_role", b"h" * 32, "sb_secret_abc", NOW
)
RING = KeyRing(
    4,
    (
        ring_key("old-key", KeyState.PREVIOUSLY_USED, tokens_until=NOW + timedelta(minutes=30)),
        ring_key("the-key-in-use", KeyState.IN_USE, promoted_at=NOW - timedelta(days=2)),
        ring_key("next-key", KeyState.STANDBY, published_at=NOW - timedelta(minutes=5)),
        ring_key("bad-key", KeyState.REVOKED),
    ),
)
VIEW = Overview(
    now=NOW,
    addresses=Addresses("http://127.0.0.1:8000", "http://127.0.0.1:8000/jwks", "/data"),
    parts=PARTS,
    ring=RING,
    api_keys=[API_KEY],
    policy=RingPolicy(),
)
ILL = [*PARTS[:3], PartLine("envoy", "restarting", False, NOW, 3, "was killed by SIGKILL")]

LEGACY = ring_key("secret", KeyState.PREVIOUSLY_USED, alg="HS256", legacy=True)
MOVING = replace(VIEW, ring=KeyRing(5, (*RING.keys, LEGACY)))


RUN_OUT = (
    "New tokens are signed with ES256, while ≈ 3 live tokens of HS256 run out; legacy tokens were "
    "seen 214 times in the last hour."
)


def hour(**tokens: int) -> Traffic:
    """Return an hour with so many requests per algorithm."""
    return Traffic(NOW - timedelta(hours=1), [], tokens, {})


STATEMENTS = {
    "nothing is counted": (VIEW, True, "New tokens are signed with ES256."),
    "all is well": (
        replace(VIEW, live={"the-key-in-use": 9, "old-key": 2}), True,
        "All sessions are signed with ES256."),
    "the move has begun": (
        replace(MOVING, live={"the-key-in-use": 9, "secret": 3}, traffic=hour(ES256=7, HS256=214)),
        True,
        RUN_OUT),
    "the move is nearly over": (
        replace(MOVING, live={"the-key-in-use": 9}, traffic=hour(ES256=7)), True,
        "All sessions are signed with ES256; no legacy token was seen in the last hour."),
    "one legacy token": (
        replace(MOVING, live={}, traffic=hour(HS256=1)), True,
        "All sessions are signed with ES256; legacy tokens were seen once in the last hour."),
    "before the move": (
        replace(VIEW, ring=KeyRing(1, (replace(LEGACY, state=KeyState.IN_USE),)), live={},
                traffic=hour(HS256=5)), True,
        "All sessions are signed with the legacy secret (HS256)."),
    "a part is down": (
        replace(VIEW, parts=ILL), False, "Not everything is up: envoy (restarting)."),
    "no key yet": (replace(VIEW, ring=None), False, "No signing key is in use yet."),
    "an empty ring": (
        replace(VIEW, ring=KeyRing(0, ())), False, "No signing key is in use yet."),
    "the database is away": (
        replace(VIEW, trouble="The database is away."), False, "The database is away."),
}  # fmt: skip


@pytest.mark.parametrize(("view", "good", "text"), STATEMENTS.values(), ids=list(STATEMENTS))
def test_one_sentence_says_how_things_stand(view: Overview, good: bool, text: str) -> None:
    """The first trouble is the sentence; without one, what signs and what is left of before."""
    said = statement(view)

    assert (said.good, said.text) == (good, text)


def test_keys_stand_in_the_order_that_matters_with_their_next_step() -> None:
    """In use, standby, previously used, revoked; each with what it waits for."""
    lines = key_lines(VIEW)

    assert [line.word for line in lines] == ["In use", "Standby", "Previously used", "Revoked"]
    notes = [line.note for line in lines]
    assert notes[1] == "may sign from 2026-11-23 22:15 UTC (in 15 minutes)"
    assert notes[2] == "its last token expires at 2026-11-23 22:30 UTC"
    later = replace(VIEW, now=NOW + timedelta(hours=1))
    assert [line.note for line in key_lines(later)][1:3] == [
        "may be promoted",
        "its last token has expired: it may be revoked",
    ]


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "less than a second"),
        (timedelta(seconds=9), "9 seconds"),
        (timedelta(minutes=9, seconds=58), "9 minutes 58 seconds"),
        (timedelta(minutes=9), "9 minutes"),
        (timedelta(minutes=10, seconds=59), "10 minutes"),
        (timedelta(minutes=119, seconds=59), "1 hour 59 minutes"),
        (timedelta(days=2, minutes=3), "2 days"),
        (timedelta(days=2, hours=3), "2 days 3 hours"),
    ],
)
def test_what_runs_out_counts_down(length: timedelta, text: str) -> None:
    """Two units, and seconds at the end."""
    assert left(length) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "less than a second"),
        (timedelta(seconds=-5), "less than a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_lengths_of_time(length: timedelta, text: str) -> None:
    """Times are told in their largest whole unit."""
    assert ago(length) == text

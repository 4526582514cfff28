"""The timeline, the verifiers' evidence and what to see to: from the ring and the gateway's log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.console.test_overview import API_KEY, NOW, ring_key

from keyturn.console.concerns import concerns
from keyturn.console.evidence import readers, verifiers
from keyturn.console.timeline import Facts, timeline
from keyturn.gateway.traffic import JWKS_PATH, Traffic, tally
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState

USED = ring_key("11111111-used", KeyState.IN_USE, promoted_at=NOW - timedelta(days=3))
NEXT = ring_key("22222222-next", KeyState.STANDBY, published_at=NOW - timedelta(minutes=8))
PAST = ring_key("33333333-past", KeyState.PREVIOUSLY_USED, tokens_until=NOW + timedelta(minutes=47))
LEGACY = ring_key(
    "legacy", KeyState.PREVIOUSLY_USED, alg="HS256", legacy=True, tokens_until=NOW
)  # fmt: skip
LEGACY_API_KEY = replace(API_KEY, id=UUID(int=2), name="anon", kind="legacy", role="anon")
QUIET = Facts(KeyRing(4, (USED, NEXT)), RingPolicy(), NOW, [API_KEY], {USED.kid: 7})


def seen(*lines: Mapping[str, object]) -> Traffic:
    """Return what is counted of these lines of the access log."""
    before = (NOW - timedelta(minutes=5)).isoformat()
    text = [json.dumps({"time": before, "credential": "jwt", "key": "k", **line}) for line in lines]
    return tally([line.encode() for line in text], NOW, whole=True)


def shown(
    service: str, status: int, kid: str | None = USED.kid, path: str = "/rest/v1/x", **more: object
) -> dict[str, object]:
    """One request with a token to a service."""
    alg = "HS256" if kid is None else "ES256"
    return {"upstream": service, "status": status, "path": path, "kid": kid, "alg": alg, **more}


def test_the_timeline_says_what_waits_why_and_until_when() -> None:
    """In the order of time: what was done, what may be done, what waits, what comes."""
    fetches = [{"path": JWKS_PATH, "client": name} for name in ("192.0.2.1", "192.0.2.1")]
    old = {"path": JWKS_PATH, "client": "192.0.2.9"}
    traffic = seen(*fetches, {**old, "time": (NOW - timedelta(minutes=30)).isoformat()})
    ring = KeyRing(4, (LEGACY, PAST, USED, NEXT))
    live = {USED.kid: 7, PAST.kid: 1}
    found = timeline(replace(QUIET, ring=ring, live=live, traffic=traffic))

    assert [(one.word, one.text) for one in found] == [
        ("done", "Key 11111111 (ES256) began to sign"),
        ("ready", "The legacy secret may be revoked"),
        ("12 minutes left", "Key 22222222 (ES256) may sign"),
        ("47 minutes left", "Key 33333333 (ES256) may be revoked"),
        ("later", "Rotate once a year at least"),
    ]
    assert [one.at for one in found[1:4]] == [
        NOW, NOW + timedelta(minutes=12), NOW + timedelta(minutes=47),
    ]  # fmt: skip
    assert "1 of 2 readers of the JWKS asked for it since." in found[2].more
    assert "≈ 1 live token carries it." in found[3].more


def test_a_wait_that_is_over_says_so() -> None:
    """The standby may sign; a planned rotation that is late is due; legacy keys hold the secret."""
    later = NOW + timedelta(minutes=13)
    policy = RingPolicy(rotation_interval=86_400)
    ring = KeyRing(4, (LEGACY, USED, NEXT))
    facts = Facts(ring, policy, later, [LEGACY_API_KEY])
    words = {one.text: one.word for one in timeline(facts)}
    assert words["Rotating is safe"] == "ready"
    assert words["The next planned rotation"] == "due"
    assert words["The legacy secret cannot be revoked yet"] == "held"
    assert timeline(replace(facts, ring=KeyRing(0, ()))) == []


def test_verifiers_prove_which_keys_work_where() -> None:
    """Accepted per key, refused, and of those the tokens of nobody's key."""
    traffic = seen(
        shown("rest", 200), shown("rest", 404), shown("rest", 201), shown("rest", 401),
        shown("rest", 200, kid=None), shown("rest", 401, kid="unknown"),
        shown("rest", 401, kid="unknown", key=None),
        shown("auth", 200, path="/auth/v1/user"), shown("auth", 200, path="/auth/v1/token"),
        shown("auth", 200, path="/auth/v1/users-of-somebody"), shown("realtime", 101),
        shown("console", 200, path="/signing-keys"), shown("storage", 403), shown("rest", 503),
    )  # fmt: skip
    ring = KeyRing(4, (LEGACY, USED, NEXT))
    found = {one.name: one for one in verifiers(replace(QUIET, ring=ring, traffic=traffic))}

    assert list(found) == ["auth", "rest", "realtime"]
    accepted = {name: {proof.key and proof.key.kid: proof.accepted for proof in one.proofs}
                for name, one in found.items()}  # fmt: skip
    assert accepted == {
        "auth": {USED.kid: 1}, "rest": {USED.kid: 3, "legacy": 1}, "realtime": {USED.kid: 1},
    }  # fmt: skip
    assert (found["rest"].refused, found["rest"].strangers) == (2, 1)
    assert verifiers(QUIET) == []
    assert [one.proofs for one in verifiers(replace(QUIET, traffic=seen()))] == [[], []]


def test_a_name_that_somebody_made_up_fills_no_memory() -> None:
    """The header of a token is whatever its sender wrote."""
    many = seen(*(shown("rest", 401, kid=f"made-up-{number}") for number in range(2000)))
    assert len(many.verdicts) == 500


def test_readers_of_the_jwks_know_the_standby_or_not() -> None:
    """Who fetched since it was published does."""
    early = (NOW - timedelta(minutes=9)).isoformat()
    traffic = seen(
        {"path": JWKS_PATH, "client": "early", "time": early},
        {"path": JWKS_PATH, "client": "late"},
    )
    found = readers(replace(QUIET, traffic=traffic))
    assert [(one.address, one.knows_standby) for one in found] == [("late", True), ("early", False)]


TROUBLES = {
    "the legacy secret signs": (
        replace(QUIET, ring=KeyRing(1, (replace(LEGACY, state=KeyState.IN_USE), NEXT))),
        "The legacy secret signs"),
    "nobody uses the legacy keys": (
        replace(QUIET, api_keys=[LEGACY_API_KEY]), "nobody has used them for a day"),
    "a key is over": (
        replace(QUIET, ring=KeyRing(1, (USED, NEXT, replace(PAST, tokens_until=NOW)))),
        "is still trusted, and no token of it lives"),
    "a key is old": (
        replace(QUIET, ring=KeyRing(1, (replace(USED, promoted_at=NOW - timedelta(days=400)),))),
        "has signed for 400 days"),
    "tokens of nobody's key": (
        replace(QUIET, traffic=seen(shown("rest", 401, kid="unknown"))),
        "rest refused 1 request whose token names no key of this ring"),
    "a verifier caches nothing": (
        replace(QUIET, traffic=seen(*({"path": JWKS_PATH, "client": "greedy"} for _ in range(60)))),
        "greedy fetches the JWKS with every request"),
    "a secret key is forgotten": (
        replace(QUIET, api_keys=[replace(API_KEY, created_at=NOW - timedelta(days=91))]),
        "was not used for 91 days"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "words"), TROUBLES.values(), ids=list(TROUBLES))
def test_what_to_see_to(facts: Facts, words: str) -> None:
    """One concern, with a remedy and the page where it is seen to."""
    (one,) = concerns(facts)
    assert words in one.text
    assert one.remedy
    assert one.link.startswith("/")


def test_nothing_to_see_to() -> None:
    """A key held by legacy API keys is no concern of its own; what fails now comes first."""
    assert concerns(replace(QUIET, traffic=seen(shown("rest", 200)))) == []
    used = replace(LEGACY_API_KEY, last_used_at=NOW)
    held = replace(QUIET, ring=KeyRing(1, (USED, NEXT, LEGACY)), api_keys=[used])
    assert concerns(held) == []
    both = replace(
        QUIET, api_keys=[LEGACY_API_KEY], traffic=seen(shown("rest", 401, kid="unknown"))
    )
    assert [one.kind for one in concerns(both)] == ["bad", "wait"]
    few = seen(shown("rest", 401, kid="unknown"), shown("rest", 200))
    assert [one.kind for one in concerns(replace(QUIET, traffic=few))] == ["wait"]

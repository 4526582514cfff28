"""The cache's decisions at their very limits, and what is told of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.verifier.issuer import NEW, OLD

from keyturn import AlarmKind, CachePolicy, KeysUnavailable
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwks import KeySet, public_jwks
from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal
from keyturn.verify import jwks_cache as cache
from keyturn.verify import published
from keyturn.verify.jwks_cache import CacheState, Origin, Receipt
from keyturn.verify.jwks_health import health_of, unavailable
from keyturn.verify.reports import KeyView

POLICY = CachePolicy()
ONE = KeySet([OLD.verifying_key()])
TWO = KeySet([OLD.verifying_key(), NEW.verifying_key()])
NEVER = CacheState()


def arrived(state: CacheState = NEVER, keys: KeySet | None = ONE, **more: Any) -> CacheState:
    """``state`` after a set came at 1000."""
    receipt = Receipt(keys, 600, more.pop("etag", None))
    return cache.received(state, receipt, POLICY, now=1000, luck=more.pop("luck", 0))


def test_a_receipt_is_kept_with_all_that_it_says() -> None:
    state = arrived(cache.failed(cache.attempted(NEVER, 999), "down"), etag='"a"')
    assert (state.generation, state.failures, state.last_error) == (1, 0, None)
    found = state.snapshot
    assert found is not None
    assert (found.generation, found.origin, found.etag) == (1, Origin.FETCHED, '"a"')
    assert (found.refresh_from, found.soft_until, found.hard_until) == (1480, 1600, 88_000)
    assert arrived(state, TWO).generation == 2


@pytest.mark.parametrize(("luck", "at"), [(-1, 1420), (0, 1480), (1, 1540)])
def test_luck_moves_the_refresh_both_ways(luck: float, at: float) -> None:
    found = arrived(luck=luck).snapshot
    assert found is not None
    assert found.refresh_from == pytest.approx(at)


def test_failures_are_counted_and_their_latest_reason_kept() -> None:
    state = cache.failed(cache.failed(NEVER, "first"), "second")
    assert (state.failures, state.last_error) == (2, "second")
    odd = arrived(NEVER, None)
    assert (odd.failures, odd.last_error) == (
        1,
        "the endpoint answered 304 to a request without a condition",
    )


def test_pushing_and_invalidating_are_one_generation_each() -> None:
    state = arrived()
    assert cache.invalidated(state) == CacheState(generation=2)
    pushed = cache.pushed(state, TWO, POLICY, now=1001, luck=0)
    assert pushed.snapshot is not None
    assert (pushed.generation, pushed.snapshot.origin) == (3, Origin.PUSHED)
    assert pushed.snapshot.etag is None


def test_a_restored_set_keeps_its_age_and_is_due_at_once() -> None:
    receipt = Receipt(ONE, 600, '"a"', Origin.FILE)
    found = cache.restored(NEVER, receipt, POLICY, now=1000, age=100).snapshot
    assert found is not None
    assert (found.confirmed_at, found.refresh_from, found.soft_until) == (900, 1000, 1500)
    assert cache.restored(NEVER, Receipt(None, 600), POLICY, now=1, age=0) == NEVER


def test_when_the_background_asks_next() -> None:
    assert cache.next_attempt_at(NEVER, POLICY) == float("-inf")
    tried = cache.attempted(NEVER, 1000)
    assert cache.next_attempt_at(cache.failed(tried, "x"), POLICY) == 1001
    assert cache.next_attempt_at(cache.failed(cache.failed(tried, "x"), "x"), POLICY) == 1002
    fresh = arrived(tried)
    assert cache.next_attempt_at(fresh, POLICY) == 1480
    late = cache.failed(cache.attempted(fresh, 1500), "x")
    assert cache.next_attempt_at(late, POLICY) == 1501


def test_health_is_the_state_in_seconds() -> None:
    state = cache.attempted(arrived(), 1090)
    found = health_of(state, 1100, source="s", counters={"a": 1})
    assert found.as_dict() == {
        "status": "fresh", "ready": True, "source": "s", "origin": "fetched", "generation": 1,
        "keys": ({"kid": "old", "alg": "ES256"},), "age": 100, "stale_in": 500,
        "unusable_in": 86_900, "last_attempt_ago": 10, "failures": 0, "last_error": None,
        "counters": {"a": 1},
    }  # fmt: skip
    assert found.keys == (KeyView("old", "ES256"),)
    assert health_of(state, 1600, source="s", counters={}).status == "stale"
    nothing = health_of(cache.failed(NEVER, "down"), 5, source="s", counters={})
    assert (nothing.status, nothing.ready, nothing.keys, nothing.age) == (
        "unavailable",
        False,
        (),
        None,
    )
    assert (nothing.failures, nothing.last_error, nothing.last_attempt_ago) == (1, "down", None)


def test_the_lack_of_keys_is_explained() -> None:
    def told(state: CacheState) -> str:
        error = unavailable(state, "https://a.example")
        assert isinstance(error, KeysUnavailable)
        return error.message

    once = cache.failed(NEVER, "it answered 500, expected 200")
    assert told(NEVER) == "The keys of https://a.example have not arrived yet."
    assert told(once).endswith(": it answered 500, expected 200 (1 attempt failed).")
    assert told(cache.failed(once, "x")).endswith(": x (2 attempts in a row failed).")


@pytest.mark.parametrize(
    "rules",
    [
        {"min_ttl": 600, "max_ttl": 600},
        {"refresh_at": 0.9, "jitter": 0.1},
        {"refresh_at": 1.0, "jitter": 0},
        {"retry_first": 5, "retry_longest": 5},
        {"max_stale": 0, "unknown_kid_cooldown": 0, "jitter": 0},
    ],
)
def test_rules_at_their_limits_are_accepted(rules: dict[str, Any]) -> None:
    assert CachePolicy(**rules) != POLICY


@pytest.mark.parametrize(
    ("header", "age", "ttl"),
    [
        ("max-age=61", None, 61),
        ('max-age="61"', None, 61),
        ("max-age=99999999999999999999", None, 3600),
        ("max-age=" + "9" * 5000, None, 3600),  # more digits than int() reads
        ("max-age=1000", "9" * 5000, 60),
        ('max-age="X61X"', None, 600),
        ("no-store", "0", 60),
        ("", "100", 600),
    ],
)
def test_headers_at_their_limits(header: str, age: str | None, ttl: float) -> None:
    assert POLICY.soft_ttl(header, age) == ttl


def test_nothing_to_cache_is_no_second_at_all() -> None:
    assert CachePolicy(min_ttl=0.5).soft_ttl("no-store", None) == 0.5


def jwk(name: str = "old") -> dict[str, object]:
    """A good public key."""
    return {**OLD.verifying_key().public_jwk(), "kid": name}


def test_every_alarm_names_its_key_and_says_why() -> None:
    leaked = json.loads(reveal(private_jwk(generate("ES256", kid="leaked"))))
    shared = json.loads(reveal(private_jwk(generate("HS256", kid="shared"))))
    weak = {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "weak"}
    long = {**jwk("long"), "x5c": ["A" * 9000]}
    document = {"keys": [leaked, shared, weak, long, jwk("two"), {**jwk("two"), "use": "sig",
                "alg": "ES256", "ext": True}]}  # fmt: skip
    found = published.read(document, POLICY)
    told = {alarm.kid: (alarm.kind, alarm.message) for alarm in found.alarms}
    assert told['"leaked"'] == (
        AlarmKind.PRIVATE_MEMBERS,
        "the published key has the private members d; treat it as stolen",
    )
    assert told['"shared"'] == (
        AlarmKind.OCT_KEY,
        "a shared secret is published; treat it as stolen",
    )
    assert told['"weak"'][0] is AlarmKind.UNUSABLE_KEY
    assert "1 bits, expected 2048" in told['"weak"'][1]
    assert told['"long"'] == (AlarmKind.UNUSABLE_KEY, "the key is longer than 8192 bytes")
    assert told['"two"'] == (AlarmKind.DUPLICATE_KID, "2 different keys have the same name")
    assert told[None] == (AlarmKind.EMPTY_SET, "the key set holds no usable key")


def test_secrets_are_recognised_by_kind_and_by_member() -> None:
    for secret in ({"kty": "oct"}, {**jwk(), "k": "AAAA"}):
        alarms = published.read({"keys": [secret]}, POLICY).alarms
        assert alarms[0].kind is AlarmKind.OCT_KEY
        assert (alarms[0].kid is None) is ("kid" not in secret)


def test_a_key_and_a_document_of_the_limit_are_read() -> None:
    room = POLICY.max_key_bytes - len(json.dumps({**jwk(), "x5c": ""}, separators=(",", ":")))
    assert len(published.read({"keys": [{**jwk(), "x5c": "A" * room}]}, POLICY).keys) == 1
    assert published.read({"keys": [{**jwk(), "x5c": "A" * (room + 1)}]}, POLICY).keys == ()
    text = json.dumps(public_jwks([OLD.verifying_key()]))
    padded = text + " " * (POLICY.max_bytes - len(text))
    assert len(published.read(padded, POLICY).keys) == 1
    assert len(published.read(padded.encode(), POLICY).keys) == 1
    with pytest.raises(InvalidKey, match="longer than 262144 bytes"):
        published.read(padded + " ", POLICY)


def test_a_name_and_a_kind_of_the_same_text_are_not_one_name() -> None:
    nameless = {name: member for name, member in jwk().items() if name != "kid"}
    for kid in ("EC", "kid", "no kid"):
        assert len(published.read({"keys": [jwk(kid), nameless]}, POLICY).keys) == 2

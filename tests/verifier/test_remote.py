"""A verifier and a real endpoint: rotations, outages, floods, and who waits for whom."""

from __future__ import annotations

import base64
import gc
import json
import threading

import pytest
from tests.verifier.issuer import NEW, OLD, STRANGE, Bench, Gate, Issuer, token

from keyturn import CachePolicy, KeysUnavailable, TokenRejected
from keyturn.jose.jwks import public_jwks
from keyturn.jose.keys import private_jwk, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.verify.reports import AlarmKind


def rejected(bench: Bench, text: str) -> str:
    """The code with which ``text`` is rejected."""
    with pytest.raises(TokenRejected) as refused:
        bench.verifier.verify_now(text)
    return refused.value.code


async def test_the_first_token_fetches_and_the_next_ones_do_not(bench: Bench) -> None:
    for _ in range(5):
        assert (await bench.verifier.verify(token(OLD)))["sub"] == "u"
        assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    assert bench.issuer.asked == 1


async def test_prewarm_leaves_nothing_to_fetch_for_the_first_token(bench: Bench) -> None:
    health = await bench.verifier.prewarm()
    assert (health.ready, health.status, [key.kid for key in health.keys]) == (
        True,
        "fresh",
        ["old"],
    )
    await bench.verifier.verify(token(OLD))
    assert bench.issuer.asked == 1


async def test_prewarm_of_a_dead_endpoint_says_so_and_does_not_raise(bench: Bench) -> None:
    bench.issuer.status = 503
    health = await bench.verifier.prewarm()
    assert not health.ready
    assert "503" in str(health.last_error)


def test_a_rotation_nobody_announced_costs_one_fetch(bench: Bench) -> None:
    bench.verifier.verify_now(token(OLD))
    bench.issuer.publish(OLD, NEW)
    bench.clock.forward(31)
    assert bench.verifier.verify_now(token(NEW))["sub"] == "u"
    assert bench.issuer.asked == 2


def test_a_flood_of_unknown_keys_makes_one_fetch_per_cooldown(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    for round_ in range(3):
        bench.clock.forward(31)
        for _ in range(50):
            assert rejected(bench, token(STRANGE)) == "unknown_kid"
        assert bench.issuer.asked == 2 + round_
    assert bench.count("suppressed_kid") == 3 * 49


def test_a_flood_makes_one_fetch_per_cooldown_also_when_every_fetch_fails(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.status = 500
    bench.clock.forward(31)
    for _ in range(50):
        assert rejected(bench, token(STRANGE)) == "unknown_kid"
    assert bench.issuer.asked == 2
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"


@pytest.mark.parametrize("header_key", ["HS256", "EdDSA", "none"])
def test_forgeries_that_no_published_key_could_save_fetch_nothing(
    bench: Bench, header_key: str
) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(31)
    header = base64.urlsafe_b64encode(json.dumps({"alg": header_key, "kid": "x"}).encode())
    assert rejected(bench, f"{header.rstrip(b'=').decode()}.e30.AAAA") == "unknown_kid"
    assert bench.issuer.asked == 1


def test_known_keys_do_not_wait_while_an_unknown_one_is_looked_for(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(31)
    gate = bench.issuer.before = Gate()
    searcher = threading.Thread(target=rejected, args=(bench, token(STRANGE)))
    searcher.start()
    assert gate.reached.wait(5)
    # The endpoint holds its answer until this test lets go: whoever waits for it would hang here.
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    gate.open.set()
    searcher.join()


def test_keys_are_refreshed_ahead_in_the_background(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(479)
    bench.verifier.verify_now(token(OLD))
    assert bench.issuer.asked == 1
    gate = bench.issuer.before = Gate()
    bench.clock.forward(2)
    bench.verifier.verify_now(token(OLD))  # returns although the endpoint holds its answer
    bench.until(lambda: bench.issuer.asked == 2)
    gate.open.set()
    bench.until(lambda: bench.verifier.health().age == 0)


def test_a_dead_endpoint_keeps_serving_until_the_hard_cap(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.status = 500
    bench.clock.forward(600 + 86_399)
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    bench.until(lambda: bench.count("fetch_failures") == 1)
    assert bench.verifier.health().status == "stale"
    bench.until(lambda: [alarm.kind for alarm in bench.alarms] == [AlarmKind.STALE])
    bench.clock.forward(1)
    with pytest.raises(KeysUnavailable, match=r"answered 500") as unavailable:
        bench.verifier.verify_now(token(OLD))
    assert unavailable.value.code == "keys_unavailable"
    assert not bench.verifier.health().ready


def test_keys_come_back_after_the_hard_cap(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.clock.forward(10**6)
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    assert bench.issuer.asked == 2


def test_fail_closed_serves_nothing_past_its_time(issuer: Issuer) -> None:
    bench = Bench(issuer, CachePolicy(max_stale=0))
    bench.verifier.prewarm_now()
    issuer.status = 500
    bench.clock.forward(601)
    with pytest.raises(KeysUnavailable):
        bench.verifier.verify_now(token(OLD))
    bench.verifier.close()


def test_while_there_are_no_keys_not_every_request_asks_again(bench: Bench) -> None:
    bench.issuer.status = 500
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            bench.verifier.verify_now(token(OLD))
    assert bench.issuer.asked == 1
    bench.issuer.status = 200
    bench.clock.forward(1)
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"


def test_a_removed_key_is_dead_after_the_next_refresh(bench: Bench) -> None:
    bench.issuer.publish(OLD, NEW)
    bench.verifier.prewarm_now()
    bench.verifier.verify_now(token(OLD))
    bench.issuer.publish(NEW)
    bench.clock.forward(481)
    bench.verifier.verify_now(token(NEW))
    bench.until(lambda: bench.verifier.health().generation == 2)
    assert rejected(bench, token(OLD)) == "unknown_kid"


def test_an_unchanged_set_is_confirmed_by_its_etag(bench: Bench) -> None:
    bench.issuer.headers["etag"] = '"v1"'
    bench.verifier.prewarm_now()
    bench.clock.forward(500)
    bench.verifier.verify_now(token(OLD))
    bench.until(lambda: bench.count("not_modified") == 1)
    bench.until(lambda: bench.verifier.health().age == 0)
    assert bench.issuer.requests[1]["if-none-match"] == '"v1"'
    assert bench.verifier.health().generation == 1


def test_the_answer_says_how_long_the_keys_are_fresh(bench: Bench) -> None:
    bench.issuer.headers |= {"cache-control": "max-age=900", "age": "100"}
    assert bench.verifier.prewarm_now().stale_in == 800


def test_pushed_keys_replace_the_old_ones_at_once(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.verifier.push(public_jwks([NEW.verifying_key()]))
    assert bench.verifier.verify_now(token(NEW))["sub"] == "u"
    bench.issuer.publish(NEW)
    assert rejected(bench, token(OLD)) == "unknown_kid"


def test_an_answer_older_than_a_push_is_thrown_away(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    gate = bench.issuer.before = Gate()
    bench.clock.forward(481)
    bench.verifier.verify_now(token(OLD))
    assert gate.reached.wait(5)
    bench.verifier.push(public_jwks([NEW.verifying_key()]))
    gate.open.set()
    bench.until(lambda: bench.count("superseded") == 1)
    assert [key.kid for key in bench.verifier.health().keys] == ["new"]


def test_invalidated_keys_are_not_used_even_when_the_endpoint_is_dead(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.status = 500
    bench.verifier.invalidate()
    with pytest.raises(KeysUnavailable):
        bench.verifier.verify_now(token(OLD))


def test_invalidated_keys_are_fetched_again_at_once(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.publish(NEW)
    bench.verifier.invalidate()
    assert bench.verifier.verify_now(token(NEW))["sub"] == "u"
    assert rejected(bench, token(OLD)) == "unknown_kid"


def test_published_secrets_are_alarming_and_never_verify(bench: Bench) -> None:
    shared = signing_key_from_secret(Secret("s" * 40), kid="shared")
    leaked = [json.loads(reveal(private_jwk(key))) for key in (OLD, shared)]
    bench.issuer.body = json.dumps({"keys": leaked}).encode()
    assert rejected(bench, token(OLD)) == "unknown_kid"
    assert rejected(bench, token(shared)) == "unknown_kid"
    bench.until(lambda: len(bench.alarms) == 3)
    assert {alarm.kind for alarm in bench.alarms} == {
        AlarmKind.PRIVATE_MEMBERS,
        AlarmKind.OCT_KEY,
        AlarmKind.EMPTY_SET,
    }
    assert leaked[0]["d"] not in str(bench.alarms)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b"\xff", b'{"keys":[1]}'])
def test_a_broken_document_does_not_displace_good_keys(bench: Bench, body: bytes) -> None:
    bench.verifier.prewarm_now()
    bench.issuer.body = body
    bench.clock.forward(481)
    bench.verifier.verify_now(token(OLD))
    bench.until(lambda: bench.count("fetch_failures") == 1)
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"


def test_a_closed_verifier_uses_what_it_has_and_asks_no_more(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.verifier.close()
    bench.clock.forward(700)
    assert bench.verifier.verify_now(token(OLD))["sub"] == "u"
    assert rejected(bench, token(STRANGE)) == "unknown_kid"
    assert bench.issuer.asked == 1


def test_a_forgotten_verifier_ends_its_thread(issuer: Issuer) -> None:
    bench = Bench(issuer)
    bench.verifier.prewarm_now()
    with pytest.raises(TokenRejected):
        bench.verifier.verify_now(token(STRANGE))
    worker = next(t for t in threading.enumerate() if t.name == "keyturn-jwks")
    del bench
    gc.collect()
    worker.join(5)
    assert not worker.is_alive()

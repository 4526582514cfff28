"""What a remembered token answers, and what it never may."""

from __future__ import annotations

import base64
import gc
import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import cast

import pytest
from tests.token_cache.desk import POLICY, Desk, at, make, new_cache, new_desk

from keyturn.jose.errors import (
    AudienceMismatch,
    BadSignature,
    TokenExpired,
    TokenNotYetValid,
    TokenRejected,
    TokenRevoked,
    UnknownKid,
)
from keyturn.jose.jwks import KeySet
from keyturn.verify.token import verify
from keyturn.verify.token_cache import TokenCachePolicy


@pytest.mark.parametrize("alg", ["ES256", "HS256"])
def test_the_second_time_no_signature_is_computed(alg: str) -> None:
    desk, cache = new_desk(alg), new_cache()
    token = make(desk.key)
    first = cache.verify(token, desk.keys, POLICY, now=at(0))
    second = cache.verify(token, desk.keys, POLICY, now=at(1))
    assert first == second == verify(token, desk.keys, POLICY, now=at(0))
    assert desk.material.computed == 2  # one of them is the line above
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.entries) == (1, 1, 1)


def test_every_character_of_the_token_counts(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        changed = token[:position] + other + token[position + 1 :]
        with pytest.raises(TokenRejected):
            cache.verify(changed, desk.keys, POLICY, now=at(0))
    for changed in (token + "=", token + ".", " " + token, token[:-1], token + "é"):
        with pytest.raises(TokenRejected):
            cache.verify(changed, desk.keys, POLICY, now=at(0))


def test_same_signature_under_other_claims_is_not_the_token(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "role": "service_role"}).encode())
    with pytest.raises(BadSignature):
        cache.verify(
            f"{header}.{forged.decode().rstrip('=')}.{signature}", desk.keys, POLICY, now=at(0)
        )


def test_a_key_that_left_the_set_is_gone_at_once(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    with pytest.raises(UnknownKid):
        cache.verify(token, KeySet(), POLICY, now=at(0))


def test_another_set_with_the_same_key_computes_again(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    cache.verify(token, desk.again(), POLICY, now=at(0))
    assert desk.material.computed == 2
    assert (cache.stats().resets, cache.stats().entries) == (1, 1)


def test_a_key_of_the_same_name_does_not_inherit(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    with pytest.raises(BadSignature):
        cache.verify(token, new_desk().keys, POLICY, now=at(0))


def test_another_policy_judges_for_itself(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    with pytest.raises(AudienceMismatch):
        cache.verify(token, desk.keys, replace(POLICY, audience="other"), now=at(0))
    with pytest.raises(TokenExpired):
        cache.verify(token, desk.keys, replace(POLICY, leeway=5), now=at(3605))


def test_time_is_asked_at_every_hit(desk: Desk) -> None:
    policy, cache = replace(POLICY, leeway=10), new_cache()
    token = make(desk.key, exp=at(60).timestamp(), nbf=at(0).timestamp())
    for seconds in (-10, 0, 69.5):
        assert cache.verify(token, desk.keys, policy, now=at(seconds))
    with pytest.raises(TokenExpired):
        cache.verify(token, desk.keys, policy, now=at(70))
    with pytest.raises(TokenNotYetValid):
        cache.verify(token, desk.keys, policy, now=at(-10.5))
    assert cache.verify(token, desk.keys, policy, now=at(0))


def test_an_entry_is_verified_anew_when_it_is_old(desk: Desk) -> None:
    cache, token = new_cache(TokenCachePolicy(max_age=60)), make(desk.key)
    for seconds in (0, 59.9, 60, 119.9, 120):
        cache.verify(token, desk.keys, POLICY, now=at(seconds))
    assert desk.material.computed == 3


def test_a_clock_that_went_back_makes_no_entry_live_longer(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(100))
    cache.verify(token, desk.keys, POLICY, now=at(50))
    assert desk.material.computed == 2


def test_revocation_is_asked_at_every_hit_and_at_the_first_time(desk: Desk) -> None:
    revoked = set[object]()
    cache = new_cache(revoked=lambda claims: claims["sub"] in revoked)
    token, other = make(desk.key), make(desk.key, sub="other")
    subject = cache.verify(token, desk.keys, POLICY, now=at(0))["sub"]
    assert cache.verify(token, desk.keys, POLICY, now=at(1))
    revoked |= {subject, "other"}
    for _ in range(2):
        with pytest.raises(TokenRevoked):
            cache.verify(token, desk.keys, POLICY, now=at(2))
    with pytest.raises(TokenRevoked):
        cache.verify(other, desk.keys, POLICY, now=at(2))
    assert (cache.stats().revoked, cache.stats().entries) == (3, 1)


def test_a_revocation_list_that_cannot_answer_lets_nobody_in(desk: Desk) -> None:
    def broken(_claims: Mapping[str, object]) -> bool:
        raise ConnectionError

    cache, token = new_cache(revoked=broken), make(desk.key)
    with pytest.raises(ConnectionError):
        cache.verify(token, desk.keys, POLICY, now=at(0))
    assert cache.stats().entries == 0


def test_what_one_caller_does_to_the_claims_no_other_sees(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    for _ in range(3):
        claims = cache.verify(token, desk.keys, POLICY, now=at(0))
        assert claims["app_metadata"] == {"providers": ["email"]}
        with pytest.raises(TypeError):
            cast("dict[str, object]", claims)["role"] = "service_role"
        cast("dict[str, list[str]]", claims["app_metadata"])["providers"].append("admin")


def test_a_rejected_token_leaves_nothing_behind(desk: Desk) -> None:
    cache = new_cache()
    bad = (
        make(desk.key, exp=at(-1).timestamp()),
        make(desk.key, aud="other"),
        make(new_desk().key),
        "a.b.c",
        "",
        "é" * 50,
        "\ud800.\ud800.\ud800",
    )
    for token in bad:
        with pytest.raises(TokenRejected):
            cache.verify(token, desk.keys, POLICY, now=at(0))
    with pytest.raises(TokenRejected):
        cache.verify(cast("str", None), desk.keys, POLICY, now=at(0))
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)


def test_no_token_and_no_signature_stays_in_memory(desk: Desk) -> None:
    cache, token = new_cache(), make(desk.key)
    cache.verify(token, desk.keys, POLICY, now=at(0))
    signature = token.rpartition(".")[2]
    raw = base64.urlsafe_b64decode(signature + "=")
    pending: list[object] = [vars(cache)]
    seen = set[int]()
    while pending:
        held = pending.pop()
        if id(held) in seen or held is desk.keys or isinstance(held, type):
            continue
        seen.add(id(held))
        assert not (isinstance(held, str) and signature in held)
        assert not (isinstance(held, bytes) and (signature.encode() in held or raw in held))
        if not callable(held):
            pending += gc.get_referents(held)
    assert len(seen) > 10


def test_numbers_come_back_as_they_were(desk: Desk) -> None:
    numbers = {"big": 2**63, "small": -(2**60), "half": 0.5, "one": 1.0, "yes": True, "none": None}
    cache, token = new_cache(), make(desk.key, numbers=numbers)
    for _ in range(2):
        found = cache.verify(token, desk.keys, POLICY, now=at(0))["numbers"]
        assert found == numbers
        assert list(map(type, cast("dict[str, object]", found).values())) == [
            *map(type, numbers.values())
        ]


def test_the_table_holds_digests_and_nothing_an_attacker_wrote(desk: Desk) -> None:
    """Keys of the table cannot be chosen, so neither can their places in it."""
    cache, stranger = new_cache(), new_desk()
    good = make(desk.key)
    cache.verify(good, desk.keys, POLICY, now=at(0))
    for number in range(50):
        with pytest.raises(TokenRejected):
            cache.verify(make(stranger.key, n=number), desk.keys, POLICY, now=at(0))
    table = cache._table
    assert table is not None
    assert set(table.entries) == {sha256(good.encode()).digest()}


def test_each_cache_is_alone(desk: Desk) -> None:
    one, other = new_cache(), new_cache()
    token = make(desk.key)
    one.verify(token, desk.keys, POLICY, now=at(0))
    other.verify(token, desk.keys, POLICY, now=at(0))
    assert desk.material.computed == 2
    one.clear()
    other.verify(token, desk.keys, POLICY, now=at(0))
    assert (desk.material.computed, other.stats().hits, one.stats().entries) == (2, 1, 0)

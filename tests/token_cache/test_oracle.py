"""Whatever happens in whatever order: the answer is that of a verifier without a memory."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.token_cache.desk import NOON, POLICY, at, make, new_cache, new_desk

from keyturn.jose.errors import TokenRejected, TokenRevoked
from keyturn.jose.jwks import KeySet
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify
from keyturn.verify.token_cache import TokenCachePolicy

DESKS = (new_desk(kid="a"), new_desk(kid="b"))
BOTH = KeySet([key for desk in DESKS for key in desk.keys])
SETS = (BOTH, DESKS[0].keys, DESKS[1].keys, DESKS[0].again(), KeySet())
POLICIES = (
    POLICY,
    replace(POLICY, leeway=3, check_iat=True),
    replace(POLICY, audience="other"),
    replace(POLICY, require=frozenset(), audience=None),
)
MOMENTS = st.sampled_from((-3.25, -3, -2.5, -0.5, 0, 0.25, 3, 4.5, 7, 7.5, 10, 10.5, 12.5, 13, 40))
TIMES = st.sampled_from((0, 0.25, 0.1, 3, 4, 7.5, 10, 9.3, None))


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """A token whose times lie where the clock will be."""
    desk = draw(st.sampled_from(DESKS))
    times = {name: draw(TIMES) for name in ("exp", "nbf", "iat")}
    changes = {name: NOON + value for name, value in times.items() if value is not None}
    changes.setdefault("exp", NOON + draw(st.sampled_from((5, 10, 3600))))
    return make(desk.key, **changes, sub=draw(st.sampled_from(("one", "two"))))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, KeySet, Policy, float, bool]]:
    """Few tokens, shown often, while keys, rules, time and revocations change around them."""
    batch = draw(st.lists(tokens(), min_size=1, max_size=4))
    calls = st.tuples(
        st.sampled_from(batch),
        st.sampled_from((BOTH, BOTH, BOTH, *SETS)),
        st.sampled_from((POLICY, POLICY, POLICY, *POLICIES)),
        MOMENTS,
        st.booleans(),
    )
    return draw(st.lists(calls, min_size=2, max_size=25))


def outcome(token: str, keys: KeySet, policy: Policy, when: float, revoked: bool) -> object:
    """What a verifier without a memory says: claims, or the code of the rejection."""
    try:
        claims = verify(token, keys, policy, now=at(when))
    except TokenRejected as rejected:
        return rejected.code
    return TokenRevoked.code if revoked and claims["sub"] == "two" else claims


@given(
    history=histories(),
    limits=st.sampled_from(
        (
            TokenCachePolicy(),
            TokenCachePolicy(max_entries=2),
            TokenCachePolicy(max_age=5),
            TokenCachePolicy(max_bytes=1400),
            TokenCachePolicy(max_token_bytes=300),
            None,
        )
    ),
)
def test_the_answer_is_that_of_a_verifier_without_a_memory(
    history: list[tuple[str, KeySet, Policy, float, bool]], limits: TokenCachePolicy | None
) -> None:
    revoking = False
    cache = new_cache(limits, revoked=lambda claims: revoking and claims["sub"] == "two")
    for token, keys, policy, when, revoked in history:
        revoking = revoked
        try:
            answer: object = cache.verify(token, keys, policy, now=at(when))
        except TokenRejected as rejected:
            answer = rejected.code
        assert answer == outcome(token, keys, policy, when, revoked)
    stats = cache.stats()
    assert stats.entries <= (limits.max_entries if limits else 0)
    assert stats.bytes <= (limits.max_bytes if limits else 0)

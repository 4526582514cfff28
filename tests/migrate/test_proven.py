"""The closing summary of a change says no more than was proven."""

from __future__ import annotations

import pytest

from keyturn.migrate.commands import Command, Probe, RecreateService
from keyturn.migrate.plan import Plan
from keyturn.migrate.proven import Proven, proven

AUTH = RecreateService("r1", 0, "auth")


def ask(name: str, kinds: str, **more: str) -> Probe:
    """A proof, named after what it asks."""
    return Probe(f"{name}-{kinds.replace(' ', '-')}-{len(more)}", 0, name, {"kinds": kinds, **more})


def after(*commands: Command) -> Proven:
    """What is proven when all of them are done."""
    plan = Plan("p", "t", 0, ("one",), commands, {})
    return proven(plan, [one.id for one in commands])


BOTH = ask("accept", "user ES256,user HS256")


@pytest.mark.parametrize(
    ("commands", "signed_out", "says"),
    [
        ((AUTH, BOTH), 0, "Users signed out: 0; every service accepts HS256 and ES256 tokens"),
        ((BOTH, AUTH), None, "not proven"),
        ((AUTH,), None, "no running service was asked"),
        ((AUTH, ask("accept", "user ES256", old="no")), None, "not asked about"),
        ((AUTH, ask("accept", "user ES256", services="auth,rest")), None, "not asked about"),
        (
            (AUTH, ask("accept", "user ES256"), ask("refuse", "user HS256")),
            None,
            "Users with ES256 tokens signed out: 0; every service refuses HS256 tokens now.",
        ),
        ((), 0, "no service was told anything"),
    ],
)
def test_users_are_said_to_stay_only_where_it_was_seen(
    commands: tuple[Command, ...], signed_out: int | None, says: str
) -> None:
    found = after(*commands)
    assert found.signed_out == signed_out
    assert says in found.sentences()[0]


def test_a_proof_that_was_not_reached_proves_nothing() -> None:
    plan = Plan("p", "t", 0, ("one",), (AUTH, BOTH), {})
    assert proven(plan, ["r1"]).signed_out is None


def test_what_signs_and_what_is_refused_is_said() -> None:
    sign = Probe("s", 0, "sign", {"alg": "ES256", "kid": "k"})
    found = after(AUTH, sign, BOTH, ask("refuse", "forged"))
    assert found.sentences()[1:] == (
        "A sign-in and a refresh gave ES256 tokens.",
        "Forged tokens accepted: 0.",
    )
    assert found.as_dict()["proofs"] == 3


def test_after_a_revocation_the_summary_says_what_happens_to_whom() -> None:
    commands = (
        AUTH,
        ask("accept", "user ES256", old="no"),
        ask("refuse", "user ES256", old="only"),
    )
    plan = Plan("p", "t", 0, ("one",), commands, {}, verb="revoke k1")
    seen = proven(plan, [one.id for one in commands])
    assert seen.as_dict()["revoked_refused"] is True
    assert seen.signed_out is None
    assert "refuses the access tokens of the revoked key" in seen.sentences()[0]
    assert "Nobody has to sign in again" in seen.sentences()[0]
    unseen = proven(plan, [one.id for one in commands[:2]])
    assert unseen.as_dict()["revoked_refused"] is False
    assert "was not seen" in unseen.sentences()[0]
    assert after(AUTH).as_dict()["revoked_refused"] is None

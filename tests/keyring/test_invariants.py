"""Random histories of the ring against a small, stupid oracle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from keyturn.errors import KeyturnError
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.keyring import verbs
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState, Verb
from keyturn.secret import Secret

POLICY = RingPolicy()
START = datetime(2026, 1, 1, tzinfo=UTC)
ES256 = generate("ES256", kid="shared")
SECRET = signing_key_from_secret(Secret("s" * 32), kid=None)
PICK = st.integers(min_value=0, max_value=30)


@dataclass
class Oracle:
    """What ought to be true, kept by the simplest means: names in sets, times in dicts."""

    standby: dict[str, datetime] = field(default_factory=dict)
    in_use: str = ""
    former: dict[str, datetime] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)


class Histories(RuleBasedStateMachine):
    """Every verb at any time on any key: the ring follows the oracle or refuses and stays."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.count = 0
        self.ring = KeyRing(0, ())
        self.oracle = Oracle()

    def make(self, alg: str) -> tuple[str, SigningKey]:
        """Return a key with a new name; the material does not matter here and is shared."""
        assert alg == "ES256"
        self.count += 1
        kid = f"k{self.count}"
        return kid, SigningKey("ES256", kid, ES256.material)

    @initialize(legacy=st.booleans())
    def begin(self, legacy: bool) -> None:
        kid, signer = self.make("ES256")
        standby = verbs.new_key(kid, signer, KeyState.STANDBY, self.now)
        if legacy:
            first = verbs.new_key("legacy", SECRET, KeyState.IN_USE, self.now, legacy=True)
        else:
            other, fresh = self.make("ES256")
            first = verbs.new_key(other, fresh, KeyState.IN_USE, self.now)
        self.ring = verbs.start(Intent(self.now, "t"), first, (standby,)).result(self.ring)
        self.oracle.standby[kid] = self.now
        self.oracle.in_use = first.kid

    @rule(seconds=st.sampled_from([1, 600, 1199, 1200, 3660, 90000]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def generate(self) -> None:
        kid, signer = self.make("ES256")
        key = verbs.new_key(kid, signer, KeyState.STANDBY, self.now)
        change = verbs.add_standby(self.ring, Intent(self.now, "t"), key, verb=Verb.GENERATE)
        self.ring = change.result(self.ring)
        self.oracle.standby[kid] = self.now

    @rule(pick=PICK, force=st.booleans())
    def promote(self, pick: int, force: bool) -> None:
        kid = self._any(pick)
        published = self.oracle.standby.get(kid)
        allowed = published is not None and (
            force or self.now - published >= timedelta(seconds=1200)
        )
        intent = Intent(self.now, "t", "because", force)
        done = self._try(lambda: verbs.promote(self.ring, POLICY, intent, kid, self.make))
        assert done is allowed
        if done:
            self._promoted(kid)

    @rule(force=st.booleans(), revoke_old=st.booleans())
    def rotate(self, force: bool, revoke_old: bool) -> None:
        oldest = min(self.oracle.standby.values())
        old = self.oracle.in_use
        intent = Intent(self.now, "t", "because", force)
        done = self._try(
            lambda: verbs.rotate(self.ring, POLICY, intent, self.make, revoke_old=revoke_old)
        )
        assert done is (force or self.now - oldest >= timedelta(seconds=1200))
        if done:
            assert self.oracle.standby[self.ring.in_use.kid] == oldest
            self._promoted(self.ring.in_use.kid)
            if revoke_old:
                del self.oracle.former[old]
                self.oracle.revoked.add(old)

    @rule(pick=PICK, force=st.booleans())
    def revoke(self, pick: int, force: bool) -> None:
        kid = self._any(pick)
        stopped = self.oracle.former.get(kid)
        expired = stopped is not None and (force or self.now - stopped >= timedelta(seconds=3660))
        intent = Intent(self.now, "t", "because", force)
        done = self._try(lambda: verbs.revoke(self.ring, intent, kid, self.make))
        assert done is (kid in self.oracle.standby or expired)
        if done:
            self.oracle.standby.pop(kid, None)
            self.oracle.former.pop(kid, None)
            self.oracle.revoked.add(kid)
            self._topped_up()

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        kid = self._any(pick)
        done = self._try(lambda: verbs.delete(self.ring, Intent(self.now, "t"), kid))
        assert done is (kid in self.oracle.revoked)
        self.oracle.revoked.discard(kid)

    @invariant()
    def the_ring_is_what_the_oracle_says(self) -> None:
        if not self.ring.keys:
            return
        states = {key.kid: key.state for key in self.ring.keys}
        expected = {self.oracle.in_use: KeyState.IN_USE}
        expected |= dict.fromkeys(self.oracle.standby, KeyState.STANDBY)
        expected |= dict.fromkeys(self.oracle.former, KeyState.PREVIOUSLY_USED)
        expected |= dict.fromkeys(self.oracle.revoked, KeyState.REVOKED)
        assert states == expected
        assert len(self.ring.standby) >= 1

    @invariant()
    def private_halves_live_only_before_and_while_signing(self) -> None:
        for key in self.ring.keys:
            holds = key.state in (KeyState.STANDBY, KeyState.IN_USE)
            assert (key.signer is not None) is holds

    @invariant()
    def published_is_what_verifies(self) -> None:
        published = {key.kid for key in KeySet.parse(self.ring.public_jwks())}
        trusted = {self.oracle.in_use, *self.oracle.standby, *self.oracle.former} - {"", "legacy"}
        assert published == trusted

    def _any(self, pick: int) -> str:
        kids = sorted(key.kid for key in self.ring.keys)
        return kids[pick % len(kids)]

    def _try(self, change: object) -> bool:
        """Apply a change; a refusal must leave the ring as it was."""
        assert callable(change)
        before = self.ring
        try:
            self.ring = change().result(self.ring)
        except KeyturnError:
            assert self.ring == before
            return False
        assert self.ring.version == before.version + 1
        return True

    def _promoted(self, kid: str) -> None:
        del self.oracle.standby[kid]
        self.oracle.former[self.oracle.in_use] = self.now
        self.oracle.in_use = kid
        self._topped_up()

    def _topped_up(self) -> None:
        if not self.oracle.standby:
            self.oracle.standby[f"k{self.count}"] = self.now


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

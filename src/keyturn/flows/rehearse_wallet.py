"""The API keys that clients hold, and when each of them moves from a legacy key to an ``sb_`` key.

A client moves call by call: what the new key cannot do (a function behind an old main script) it
goes on doing with the legacy key, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from keyturn.doctor.canaries import Canaries
from keyturn.flows.ports.http import HttpAnswer
from keyturn.flows.rehearse_caller import Call, Caller, Good, Keys, Retry, refusal
from keyturn.flows.rehearse_ledger import Act
from keyturn.profiles.request import CredentialKind


@dataclass(slots=True)
class Wallet:
    """The keys of the deployment that its clients were given."""

    reached: int = 0
    """The last phase that is done."""
    anon: str | None = field(default=None, repr=False)
    service: str | None = field(default=None, repr=False)
    publishable: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    def learn(self, found: Canaries) -> None:
        """Take every key that was not known yet; keys already handed out stay as they are."""
        names = {
            "anon": CredentialKind.ANON_LEGACY,
            "service": CredentialKind.SERVICE_LEGACY,
            "publishable": CredentialKind.PUBLISHABLE,
            "secret": CredentialKind.SECRET,
        }
        for name, kind in names.items():
            if getattr(self, name) is None and kind in found:
                setattr(self, name, found[kind].apikey)


@dataclass(slots=True)
class Holder:
    """One client's choice of key."""

    wallet: Wallet
    moves_after: int | None
    """The phase after which it takes the new key; None: never."""
    powerful: bool = False
    """It acts as ``service_role``."""
    moved: dict[Act, bool] = field(default_factory=dict)

    @property
    def old(self) -> str | None:
        """Return the legacy key, the new one where there is no legacy key."""
        wallet = self.wallet
        old = wallet.service if self.powerful else wallet.anon
        return old or self.new

    @property
    def new(self) -> str | None:
        """Return the ``sb_`` key."""
        return self.wallet.secret if self.powerful else self.wallet.publishable

    @property
    def may_move(self) -> bool:
        """Whether it takes the new key now."""
        ready = self.moves_after is not None and self.wallet.reached >= self.moves_after
        return ready and self.new is not None

    @property
    def current(self) -> str | None:
        """Return the key of an application as it is built now."""
        return self.new if self.may_move else self.old

    def key(self, act: Act) -> str | None:
        """Return the key with which ``act`` is done now."""
        if self.may_move and self.moved.get(act, self.new == self.old):
            return self.new
        return self.old

    async def ask(
        self,
        caller: Caller,
        act: Act,
        make: Callable[[str | None], Call],
        good: Good,
        retry: Retry = Retry.NEVER,
    ) -> HttpAnswer | None:
        """Send ``make(key)``; the first time with the new key is a trial, which may fail."""
        if self.may_move and act not in self.moved:
            answer = await self._try(caller, act, make(self.new), good)
            if answer is not None:
                return answer
        return await caller.ask(act, make(self.key(act)), good, retry)

    async def _try(self, caller: Caller, act: Act, call: Call, good: Good) -> HttpAnswer | None:
        """Return a good answer, and use the new key from then on; None: not (yet) possible."""
        answer = await caller.once(call)
        if answer is None or answer.status in (502, 503, 504):
            return None
        wrong = good(answer)
        self.moved[act] = wrong is None
        if wrong is None:
            caller.ledger.passed(act)
            return answer
        if caller.ledger.worked_before(act):
            caller.ledger.stuck(refusal(act, call, answer, wrong))
        return None


def with_keys(method: str, path: str, keys: Keys, body: object = None, **headers: str) -> Call:
    """Return a call that carries ``keys``."""
    return Call(method, path, {**headers, **keys.headers}, body, keys.words)

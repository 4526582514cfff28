"""Callers without a user: anonymous clients, servers, cron jobs, Studio, functions, S3, health.

Clients hold keys that somebody gave them and move when told. Studio, Functions and Storage hold
what their container was given when it was created last.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from keyturn.deploy.inventory import Kind
from keyturn.flows.rehearse_caller import Call, Caller, Good, Keys, Retry, rows_at_least, status_is
from keyturn.flows.rehearse_ledger import Act
from keyturn.flows.rehearse_users import BUSY, TABLE
from keyturn.flows.rehearse_wallet import Holder, with_keys

_CALM = 120.0


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing that a job does."""

    what: str
    service: Kind
    method: str
    path: str
    good: Good
    body: object = None
    retry: Retry = Retry.NEVER


def _rows(path: str, count: int) -> Errand:
    return Errand("reads rows", Kind.REST, "GET", path, rows_at_least(count), retry=Retry.READS)


_FUNCTION = Errand(
    "calls a function", Kind.FUNCTIONS, "POST", "/functions/v1/echo", status_is(200), {}
)
_BROADCAST = Errand(
    "broadcasts by REST", Kind.REALTIME, "POST", "/realtime/v1/api/broadcast", status_is(202),
    {"messages": []},
)  # fmt: skip
_BUCKETS = Errand("lists buckets", Kind.STORAGE, "GET", "/storage/v1/bucket", status_is(200))
_ALL_ROWS = _rows(f"{TABLE}?select=id", 2)
"""Two rows are there from the beginning, and only service_role sees both."""
ANONYMOUS = (_rows(f"{TABLE}?select=id", 1), _FUNCTION, _BUCKETS, _BROADCAST)
SERVER = (
    _ALL_ROWS,
    Errand("lists users", Kind.AUTH, "GET", "/auth/v1/admin/users?per_page=1", status_is(200)),
    _BUCKETS,
    _FUNCTION,
    _BROADCAST,
)
CRON = (
    Errand(
        "writes a row", Kind.REST, "POST", TABLE, status_is(201), {"body": "by cron"}
    ),
    _FUNCTION,
)  # fmt: skip


@dataclass
class Job:
    """Somebody with an API key and a list of errands."""

    caller: Caller
    holder: Holder
    who: str
    errands: tuple[Errand, ...]
    kinds: frozenset[Kind]

    @property
    def acts(self) -> tuple[Act, ...]:
        """Return what it does."""
        own = (one for one in self.errands if one.service in self.kinds)
        return tuple(Act(self.who, one.what, one.service) for one in own)

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        own = [one for one in self.errands if one.service in self.kinds]
        with clock.taking_part():
            for errand in itertools.cycle(own):
                await self._do(errand)
                await clock.pause(_CALM, BUSY)

    async def _do(self, errand: Errand) -> None:
        def make(key: str | None) -> Call:
            return with_keys(errand.method, errand.path, Keys(key), errand.body)

        act = Act(self.who, errand.what, errand.service)
        await self.holder.ask(self.caller, act, make, errand.good, errand.retry)


@dataclass
class Insiders:
    """Calls of the stack's own, with what the containers hold."""

    caller: Caller
    kinds: frozenset[Kind]

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        acts = tuple(self._acts())
        with clock.taking_part():
            for act in itertools.cycle(acts or (self._nothing,)):
                await act()
                await clock.pause(_CALM, BUSY)

    def _acts(self) -> Iterator[Callable[[], Awaitable[None]]]:
        if Kind.STUDIO in self.kinds:
            yield self._studio
        if Kind.FUNCTIONS in self.kinds:
            yield self._function
        if Kind.STORAGE in self.kinds:
            yield self._s3
        if Kind.REALTIME in self.kinds:
            yield self._health

    async def _nothing(self) -> None:
        """A deployment without any of them."""

    async def _studio(self) -> None:
        key = self.caller.stage.held(Kind.STUDIO).get("SUPABASE_SERVICE_KEY")
        for errand in (_ALL_ROWS, _BUCKETS):
            if key and errand.service in self.kinds:
                await self._with(key, "Studio", errand)

    async def _function(self) -> None:
        key = self.caller.stage.held(Kind.FUNCTIONS).get("SUPABASE_SERVICE_ROLE_KEY")
        if key and Kind.REST in self.kinds:
            await self._with(key, "a function", _ALL_ROWS)

    async def _with(self, key: str, who: str, errand: Errand) -> None:
        call = with_keys(errand.method, errand.path, Keys(key), errand.body)
        act = Act(who, errand.what, errand.service)
        await self.caller.ask(act, call, errand.good, errand.retry)

    async def _s3(self) -> None:
        key = self.caller.stage.held(Kind.STORAGE).get("S3_PROTOCOL_ACCESS_KEY_ID")
        if not key:
            return
        scope = f"{key}/19700101/local/s3/aws4_request"
        headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}
        call = Call("GET", "/storage/v1/s3", headers, credential="S3 access key")
        act = Act("an S3 client", "lists buckets", Kind.STORAGE)
        await self.caller.ask(act, call, status_is(200))

    async def _health(self) -> None:
        token, base = self.caller.stage.health_token(), self.caller.stage.address(Kind.REALTIME)
        if token is None or base is None:
            return
        url = f"{base}/api/tenants/realtime-dev/health"
        call = Call("GET", url, {"authorization": token}, credential="healthcheck token")
        act = Act("the healthcheck", "asks Realtime", Kind.REALTIME)
        await self.caller.ask(act, call, status_is(200))

"""Signed-in users: sign in, refresh before the token expires, read, write, upload, call.

Like auth-js they look twice a minute and refresh when less than 90 s are left
(``EXPIRY_MARGIN_MS``). Whoever cannot refresh is signed out.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from keyturn.clock import unix
from keyturn.deploy.inventory import Kind
from keyturn.flows.ports.http import HttpAnswer
from keyturn.flows.rehearse_caller import (
    Call,
    Caller,
    Keys,
    Retry,
    first_text,
    members_of,
    rows_at_least,
    status_is,
)
from keyturn.flows.rehearse_ledger import Act
from keyturn.flows.rehearse_wallet import Holder, with_keys

TABLE: Final = "/rest/v1/keyturn_notes"
REFRESH_WHEN_LEFT: Final = 90
CALM: Final = 30.0
BUSY: Final = 1.0
WHO: Final = "a signed-in user"
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of a user who lives for one rehearsal


@dataclass(slots=True)
class Session:
    """What auth-js keeps."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: int
    user_id: str


@dataclass
class User:
    """One of them."""

    caller: Caller
    holder: Holder
    email: str
    kinds: frozenset[Kind]
    """The services that the deployment has."""
    session: Session | None = None
    _registered: bool = False
    _wrote: bool = False
    _uploaded: bool = False

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        with clock.taking_part():
            acts = itertools.cycle(tuple(self._acts()))
            for turn in itertools.count():
                await self.keep_session()
                if self.session is not None and (clock.busy or turn % 2 == 0):
                    await next(acts)()
                await clock.pause(CALM, BUSY)

    def _acts(self) -> Iterator[Callable[[], Awaitable[object]]]:
        yield self._who_am_i
        if Kind.REST in self.kinds:
            yield self._rows
        if Kind.STORAGE in self.kinds:
            yield self._object
        if Kind.FUNCTIONS in self.kinds:
            yield self._function
        if Kind.REALTIME in self.kinds:
            yield self._broadcast

    # The session

    async def keep_session(self) -> None:
        """Sign in, or refresh when it is time."""
        if self.session is None:
            await self._sign_in()
        elif self.session.expires_at - unix(self.caller.clock()) < REFRESH_WHEN_LEFT:
            await self._refresh(self.session)

    async def _sign_in(self) -> None:
        body = {"email": self.email, "password": _PASSWORD}
        path = "/auth/v1/token?grant_type=password" if self._registered else "/auth/v1/signup"
        what = "signs in" if self._registered else "signs up"
        answer = await self._ask(what, Kind.AUTH, "POST", path, body)
        if answer is not None:
            self._registered = True
            self._take(answer)

    async def _refresh(self, session: Session) -> None:
        body = {"refresh_token": session.refresh}
        path, act = "/auth/v1/token?grant_type=refresh_token", Act(WHO, "refreshes", Kind.AUTH)

        def make(key: str | None) -> Call:
            return with_keys("POST", path, Keys(key), body)

        before = self.caller.ledger.now.refused
        answer = await self.holder.ask(self.caller, act, make, status_is(200), Retry.REFRESH)
        if answer is not None:
            self._take(answer)
        elif self.caller.ledger.now.refused > before:
            self.session = None
            self.caller.ledger.signed_out()

    def _take(self, answer: HttpAnswer) -> None:
        members = members_of(answer)
        access, refresh = (first_text(members, name) for name in ("access_token", "refresh_token"))
        expires, user = members.get("expires_at"), members.get("user")
        if access and refresh and isinstance(expires, int) and isinstance(user, dict):
            self.session = Session(access, refresh, expires, str(user.get("id")))

    # What users do

    async def _who_am_i(self) -> None:
        await self._ask("asks who they are", Kind.AUTH, "GET", "/auth/v1/user")

    async def _rows(self) -> None:
        owner = self.session.user_id if self.session else ""
        if not self._wrote:
            row = {"owner": owner, "body": "a note"}
            answer = await self._ask("writes a row", Kind.REST, "POST", TABLE, row, statuses=(201,))
            self._wrote = answer is not None
        path = f"{TABLE}?select=body&owner=eq.{owner}"
        act = Act(WHO, "reads their rows", Kind.REST)

        def make(key: str | None) -> Call:
            return with_keys("GET", path, self._keys(key))

        if self._wrote:
            await self.holder.ask(self.caller, act, make, rows_at_least(1), Retry.READS)

    async def _object(self) -> None:
        path = f"/storage/v1/object/notes/{self.email}"
        if not self._uploaded:
            answer = await self._ask("uploads an object", Kind.STORAGE, "POST", path, b"a picture")
            self._uploaded = answer is not None
        if self._uploaded:
            await self._ask("reads their object", Kind.STORAGE, "GET", path)
            await self._ask("uploads an object", Kind.STORAGE, "POST", path, b"a picture")

    async def _function(self) -> None:
        await self._ask("calls a function", Kind.FUNCTIONS, "POST", "/functions/v1/echo", {})

    async def _broadcast(self) -> None:
        await self._ask(
            "broadcasts by REST",
            Kind.REALTIME,
            "POST",
            "/realtime/v1/api/broadcast",
            {"messages": []},
            statuses=(202,),
        )

    async def _ask(
        self,
        what: str,
        service: Kind,
        method: str,
        path: str,
        body: object = None,
        statuses: tuple[int, ...] = (200,),
    ) -> HttpAnswer | None:
        def make(key: str | None) -> Call:
            return with_keys(method, path, self._keys(key), body)

        act = Act(WHO, what, service)
        return await self.holder.ask(self.caller, act, make, status_is(*statuses))

    def _keys(self, key: str | None) -> Keys:
        return Keys(key, self.session.access if self.session else None)

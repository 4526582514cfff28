"""Signed URLs: made now and then, opened again and again until they expire."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.clock import unix
from keyturn.deploy.inventory import Kind
from keyturn.flows.rehearse_caller import (
    Call,
    Caller,
    Keys,
    first_text,
    members_of,
    status_is,
)
from keyturn.flows.rehearse_ledger import Act
from keyturn.flows.rehearse_users import BUSY, CALM, User
from keyturn.flows.rehearse_wallet import with_keys

LONG_LIFE = 7 * 24 * 3600
"""Of URLs made once Storage has a key of its own for them."""
_EVERY = 1800


@dataclass
class UrlClient:
    """Shares the objects of ``user``."""

    caller: Caller
    user: User
    first_life: int
    """Seconds that a URL lives which is made before anything is changed."""
    _urls: list[tuple[str, int]] = field(default_factory=list, repr=False)
    _next: int = 0
    _turn: int = 0

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        with clock.taking_part():
            while True:
                if self.user.session is not None:
                    await self._act(unix(clock()))
                await clock.pause(CALM, BUSY)

    async def _act(self, now: int) -> None:
        if now >= self._next:
            await self._sign(now)
        # A URL in its last seconds may expire on its way.
        self._urls = [one for one in self._urls if one[1] > now + CALM]
        if self._urls:
            self._turn += 1
            path, _ = self._urls[self._turn % len(self._urls)]
            call = Call("GET", path, credential="signed URL")
            act = Act("whoever was given a signed URL", "opens it", Kind.STORAGE)
            await self.caller.ask(act, call, status_is(200))

    async def _sign(self, now: int) -> None:
        session, name = self.user.session, f"notes/url-of-{self.user.email}"
        if session is None:
            return
        held = self.caller.stage.held(Kind.STORAGE).get("JWT_JWKS", "")
        life = LONG_LIFE if "urlSigningKey" in held else self.first_life
        keys = Keys(self.user.holder.current, session.access)
        act = Act("a signed-in user", "signs a URL", Kind.STORAGE)
        upload = with_keys("POST", f"/storage/v1/object/{name}", keys, b"shared")
        if await self.caller.ask(act, upload, status_is(200)) is None:
            return
        call = with_keys("POST", f"/storage/v1/object/sign/{name}", keys, {"expiresIn": life})
        answer = await self.caller.ask(act, call, status_is(200))
        url = first_text(members_of(answer), "signedURL") if answer is not None else None
        if url:
            self._urls.append((f"/storage/v1{url}", now + life))
            self._next = now + _EVERY

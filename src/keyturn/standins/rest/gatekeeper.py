"""Who asks: the bearer token judged by PostgREST's rules, verified once per token and key ring."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from keyturn.clock import Clock
from keyturn.jose.keys import VerifyingKey
from keyturn.profiles.postgrest import (
    Admitted,
    Settings,
    admit,
    anonymous,
    bearer,
    check_claims,
    verified_claims,
)

REMEMBERED: Final = 1000
"""Tokens whose signature is remembered (PostgREST's ``jwt-cache-max-entries``)."""
Keys = Iterable[VerifyingKey]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may reach the database, as handlers need them."""

    admitted: Admitted
    claims: str
    """The claims as JSON, for ``request.jwt.claims``."""

    @property
    def role(self) -> str:
        """The role to assume."""
        return self.admitted.role

    @property
    def authenticated(self) -> bool:
        """Whether the role is another than the anonymous one."""
        return self.admitted.authenticated


class Admits(Protocol):
    """Decides who may reach the database."""

    def admit(self, authorization: str | None) -> Caller:
        """Return who asks; raises :class:`keyturn.profiles.postgrest.TokenRefused`."""
        ...


class Gatekeeper:
    """Admits callers; what it remembers is forgotten whenever the keys change."""

    def __init__(self, keys: Callable[[], Keys], settings: Settings, clock: Clock) -> None:
        """``keys`` returns the current key set, the same object until it changes."""
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._known_keys: Keys | None = None
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._anonymous: Caller | None = None

    def admit(self, authorization: str | None) -> Caller:
        """Return who asks; raises :class:`keyturn.profiles.postgrest.TokenRefused`."""
        token = bearer(authorization)
        if token is None:
            if self._anonymous is None:
                self._anonymous = _caller(anonymous(self._settings))
            return self._anonymous
        keys = self._keys()
        if keys is not self._known_keys:
            self._callers.clear()
            self._known_keys = keys
        known = self._callers.get(token)
        if known is None:
            return self._verified(token, keys)
        check_claims(known.admitted.claims, self._settings, now=self._clock())
        self._callers.move_to_end(token)
        return known

    def _verified(self, token: str, keys: Keys) -> Caller:
        """Verify and remember; refusals are not kept, so a flood of them evicts nothing."""
        claims = verified_claims(token, keys)
        caller = _caller(admit(claims, self._settings, now=self._clock()))
        self._callers[token] = caller
        if len(self._callers) > REMEMBERED:
            self._callers.popitem(last=False)
        return caller


def _caller(admitted: Admitted) -> Caller:
    return Caller(admitted, msgspec.json.encode(admitted.claims).decode())

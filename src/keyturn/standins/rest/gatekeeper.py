"""Who asks: the bearer token judged by PostgREST's rules, verified once per token and key ring."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from keyturn.clock import Clock
from keyturn.jose.keys import VerifyingKey
from keyturn.profiles.postgrest import (
    Admitted,
    Settings,
    admit,
    anonymous,
    bearer,
    verified_claims,
)

REMEMBERED: Final = 1000
"""Tokens whose signature is remembered (PostgREST's ``jwt-cache-max-entries``)."""
Keys = Iterable[VerifyingKey]


class Gatekeeper:
    """Admits callers; what it remembers is forgotten whenever the keys change."""

    def __init__(self, keys: Callable[[], Keys], settings: Settings, clock: Clock) -> None:
        """``keys`` returns the current key set, the same object until it changes."""
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._known_keys: Keys | None = None
        self._claims: OrderedDict[str, Mapping[str, object]] = OrderedDict()
        self._anonymous: Admitted | None = None

    def admit(self, authorization: str | None) -> Admitted:
        """Return who asks; raises :class:`keyturn.profiles.postgrest.TokenRefused`."""
        token = bearer(authorization)
        if token is None:
            if self._anonymous is None:
                self._anonymous = anonymous(self._settings)
            return self._anonymous
        return admit(self._verified(token), self._settings, now=self._clock())

    def _verified(self, token: str) -> Mapping[str, object]:
        keys = self._keys()
        if keys is not self._known_keys:
            self._claims.clear()
            self._known_keys = keys
        claims = self._claims.get(token)
        if claims is None:
            # Refusals are not remembered: a flood of bad tokens must not evict good ones.
            claims = verified_claims(token, keys)
            self._claims[token] = claims
            if len(self._claims) > REMEMBERED:
                self._claims.popitem(last=False)
        else:
            self._claims.move_to_end(token)
        return claims

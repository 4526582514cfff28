"""Somebody who tries what must never work: by the gateway and past it, at every service.

Forged, expired and unknown keys as doctor's probe makes them; an unsigned token; an HS256 token
whose secret is the public key; and, once phase 3 is done, the legacy keys themselves.
"""

from __future__ import annotations

import hmac
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from keyturn.clock import unix
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.canaries import canaries
from keyturn.doctor.probe_answers import Reply, read
from keyturn.doctor.probe_requests import Ask, asks
from keyturn.flows.rehearse_caller import Call, Caller
from keyturn.flows.rehearse_ledger import Intrusion
from keyturn.jose import base64url
from keyturn.migrate.fresh import Randomness
from keyturn.profiles.request import Credential, CredentialKind

_CALM: Final = 300.0
_BUSY: Final = 4.0
_NO_FUNCTION: Final = "keyturn-no-such-function"
_KINDS: Final = (CredentialKind.FORGED, CredentialKind.EXPIRED, CredentialKind.UNKNOWN_KID)
_AWAY: Final = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One credential that must be refused."""

    words: str
    credential: Credential


@dataclass
class Forger:
    """Tries all of them, one after another."""

    caller: Caller
    kinds: frozenset[Kind]
    randomness: Randomness
    retired: dict[str, str] = field(default_factory=dict, repr=False)
    """Words → a key that was good once and must not be any more."""
    apikey: str | None = field(default=None, repr=False)
    """One that passes the gateway."""

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        with clock.taking_part():
            for turn in itertools.count():
                attempts = tuple(self._attempts())
                await self._try(attempts[turn % len(attempts)])
                await clock.pause(_CALM, _BUSY)

    async def try_all(self) -> None:
        """Try everything once, now."""
        for attempt in self._attempts():
            await self._try(attempt)

    def _attempts(self) -> Iterator[Attempt]:
        now = self.caller.clock()
        found = canaries(self.caller.stage.inventory(), now, self.randomness)
        for kind in _KINDS:
            if kind in found:
                yield Attempt(f"{kind} token", found[kind])
        apikey = self.apikey or next((one.apikey for one in found.values() if one.apikey), None)
        for words, token in (*self._made(unix(now)), *self.retired.items()):
            yield Attempt(words, Credential(CredentialKind.FORGED, apikey, token))

    def _made(self, now: int) -> Iterator[tuple[str, str]]:
        claims = {"role": "service_role", "iss": "supabase", "iat": now, "exp": now + 3600}
        yield "unsigned token", f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."
        held = self.caller.stage.held(Kind.REST).get("PGRST_JWT_SECRET", "")
        # An attacker sees only what is published: the public JWK is no secret.
        public = next(iter(_public(held)), None)
        if public is not None:
            header = {"alg": "HS256", "typ": "JWT", "kid": public.get("kid")}
            signed = f"{_part(header)}.{_part(claims)}"
            text = json.dumps(public, separators=(",", ":")).encode()
            mac = hmac.digest(text, signed.encode(), "sha256")
            yield "token signed with the public key", f"{signed}.{_text(mac)}"

    async def _try(self, attempt: Attempt) -> None:
        direct = [kind for kind in VERIFIERS if kind in self.kinds]
        kind = attempt.credential.kind or CredentialKind.FORGED
        wanted = asks({kind: attempt.credential}, direct, unused=_NO_FUNCTION, socket_key="")
        for ask in wanted:
            if not ask.websocket and ask.service in self.kinds:
                await self._one(ask, attempt)

    async def _one(self, ask: Ask, attempt: Attempt) -> None:
        stage = self.caller.stage
        base = stage.address(ask.service) if ask.direct else stage.gateway
        call = Call(ask.method, f"{base}{ask.path}", ask.headers, ask.body, attempt.words)
        answer = await self.caller.once(call)
        if answer is None or answer.status in _AWAY:
            return
        reply = Reply(answer.status, answer.headers, answer.body)
        accepted = read(ask.service, reply, lambda text: text).accepted is True
        intrusion = Intrusion(ask.service, attempt.words, ask.direct)
        self.caller.ledger.forged(intrusion, accepted=accepted)


def _public(text: str) -> Iterator[dict[str, object]]:
    try:
        found = json.loads(text).get("keys", [])
    except (ValueError, AttributeError):
        return
    for key in found if isinstance(found, list) else []:
        if isinstance(key, dict) and key.get("kty") == "EC":
            yield key


def _part(value: object) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(content: bytes) -> str:
    return base64url.encode(content).decode("ascii")

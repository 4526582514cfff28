"""The why: one pasted credential followed through the gateway and each service.

Nothing of the credential is kept for show but its alg, kid, role and end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.doctor import canary_values as own
from keyturn.doctor.credentials import Jwt, is_opaque, read_jwt
from keyturn.errors import KeyturnError
from keyturn.profiles.request import Credential
from keyturn.profiles.verdict import Outcome, Step, Verdict
from keyturn.verify.moments import moment, relation
from keyturn.verify.recognition import recognise

FINE: Final = frozenset({Outcome.ACCEPTED, Outcome.OPEN, Outcome.ABSENT})
_YEAR_10000: Final = 253_402_300_800
_API_ROLES: Final = ("anon", "service_role")
_HEADER: Final = re.compile(r"^\s*(?:-H\s*)?[\"']?(authorization|apikey)\s*:\s*", re.IGNORECASE)
_BEARER: Final = re.compile(r"^bearer\s+", re.IGNORECASE)

Follow = Callable[[Inventory, Credential, Kind], Verdict]
"""Predicts the whole way of one credential to one service."""


class NotACredential(KeyturnError):
    """The text is neither a token nor an API key."""

    code = "not_a_credential"


@dataclass(frozen=True, slots=True)
class Pasted:
    """A credential as a client would send it, and how to speak of it."""

    credential: Credential
    subject: str
    """``a user's token: ES256, kid "5f0c…", role authenticated, expires in 52 min``."""
    sent: str
    """Which headers carry what."""


@dataclass(frozen=True, slots=True)
class Why:
    """The ways of one credential; ``ways`` is in the order of the services."""

    pasted: Pasted
    ways: Mapping[Kind, Verdict]

    @property
    def accepted(self) -> bool:
        """Whether every service that was asked about takes it as what it is."""
        return all(verdict.outcome in FINE for verdict in self.ways.values())

    def as_dict(self) -> dict[str, object]:
        """Return the ways for JSON; of the credential only what may be shown."""
        return {
            "subject": self.pasted.subject,
            "sent": self.pasted.sent,
            "accepted": self.accepted,
            "services": {
                kind.value: {**verdict.as_dict(), "refused_by": refuser(verdict)}
                for kind, verdict in self.ways.items()
            },
        }


def refusal(verdict: Verdict) -> Step | None:
    """Return the first step that refuses, None when none does."""
    return next((step for step in verdict.steps if step.ok is False), None)


def refuser(verdict: Verdict) -> str | None:
    """Return who refuses first: ``gateway``, ``storage``, …"""
    step = refusal(verdict)
    return step.at if step else None


def read(text: str, inventory: Inventory, now: datetime) -> Pasted:
    """Return the credential in ``text``: a token, an API key, or a whole header line.

    A user's token is sent with the deployment's own API key, a legacy key as both, an sb_ key as
    ``apikey``, unless the header says otherwise. Raises :class:`NotACredential`.
    """
    header = _HEADER.match(text)
    value = (text[header.end() :] if header else text).strip().strip("\"'")
    bearer = _BEARER.match(value)
    value = value[bearer.end() :].strip() if bearer else value
    if is_opaque(value):
        return _opaque(value, as_bearer=bool(bearer))
    token = read_jwt(value)
    if token is None:
        known = recognise(value)
        raise NotACredential(known.message, hint=known.hint)
    only_apikey = header is not None and header[1].lower() == "apikey"
    return _token(value, token, inventory, now, only_apikey=only_apikey)


def trace(
    pasted: Pasted,
    inventory: Inventory,
    now: datetime,
    *,
    services: Sequence[Kind] = VERIFIERS,
    follow: Follow | None = None,
) -> Why:
    """Follow ``pasted`` to each of ``services`` that the deployment has."""
    ask = follow or by_profiles(now)
    found = [kind for kind in services if inventory.of_kind(kind)]
    return Why(pasted, {kind: ask(inventory, pasted.credential, kind) for kind in found})


def by_profiles(now: datetime, *, direct: bool = False) -> Follow:
    """Return the prediction by the profiles; Realtime is asked for a socket, as clients do.

    ``direct`` goes past the gateway.
    """
    from keyturn.profiles.deployment import follow

    def ask(inventory: Inventory, credential: Credential, service: Kind) -> Verdict:
        socket = service is Kind.REALTIME
        return follow(inventory, credential, service, now=now, direct=direct, websocket=socket)

    return ask


def _opaque(value: str, *, as_bearer: bool) -> Pasted:
    secret = value.startswith("sb_secret_")
    subject = f"a {'secret' if secret else 'publishable'} API key (sb_)"
    if as_bearer:
        return Pasted(
            Credential(None, value, value), subject, "as apikey and as Authorization: Bearer"
        )
    return Pasted(Credential(None, value, None), subject, "as apikey")


def _token(
    value: str, token: Jwt, inventory: Inventory, now: datetime, *, only_apikey: bool
) -> Pasted:
    subject = _subject(token, now)
    if only_apikey:
        return Pasted(Credential(None, value, None), subject, "as apikey")
    if token.role in _API_ROLES and "sub" not in token.claims:
        sent = "as apikey and as Authorization: Bearer"
        return Pasted(Credential(None, value, value), subject, sent)
    key, name = _own_key(inventory)
    sent = f"as Authorization: Bearer, with {name} as apikey"
    return Pasted(Credential(None, key, value), subject, sent)


def _own_key(inventory: Inventory) -> tuple[str | None, str]:
    legacy = own.find_legacy(inventory, own.ANON)
    if legacy:
        return legacy, "the deployment's anon key"
    key = own.find(inventory, own.PUBLISHABLE)
    return key, "the deployment's publishable key" if key else "nothing"


def _subject(token: Jwt, now: datetime) -> str:
    what = "an API key (JWT)" if token.role in _API_ROLES else "a user's token"
    kid = f'kid "{token.kid}"' if token.kid else "no kid"
    parts = [token.alg or "no alg", kid, f"role {token.role}" if token.role else "no role"]
    parts.append(_end(token.expires, now))
    return f"{what}: {', '.join(parts)}"


def _end(expires: int | None, now: datetime) -> str:
    if expires is None:
        return "no exp"
    if not 0 <= expires < _YEAR_10000:
        return "an exp that is no date"
    seconds = now.timestamp()
    word = "expires" if expires > seconds else "expired"
    return f"{word} {moment(expires)} ({relation(expires, seconds)})"

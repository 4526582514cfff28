"""PostgreSQL rows to accounts and sessions, and documents the other way."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.accounts.sessions import Amr, Session
from keyturn.accounts.user import Factor, Identity, User
from keyturn.flows.ports.accounts import Actor, NewUser, RefreshOutcome, UserChange
from keyturn.flows.ports.factors import NewFactor, Proof

_identities = msgspec.json.Decoder(tuple[Identity, ...])
_factors = msgspec.json.Decoder(tuple[Factor, ...])
_amr = msgspec.json.Decoder(tuple[Amr, ...])
_JSON = slice(17, 21)  # of keyturn.account: app_metadata … identities


def user(row: Any) -> User:
    """Return the account in a value of type ``keyturn.account``."""
    values: list[Any] = list(row)
    app_metadata, user_metadata, factors, identities = values[_JSON]
    values[_JSON] = (
        compact(app_metadata),
        compact(user_metadata),
        _factors.decode(factors) if factors else (),
        _identities.decode(identities) if identities else (),
    )
    return User(*values)


def session(row: Any) -> Session:
    """Return the session in a value of type ``keyturn.session_facts``."""
    session_id, created_at, amr, oauth_client_id, scopes = tuple(row)
    methods = _amr.decode(amr) if amr else ()
    return Session(session_id, created_at, methods, oauth_client_id, scopes)


def refreshed(row: Any) -> RefreshOutcome:
    """Return the outcome in a value of type ``keyturn.refreshed``."""
    verdict, cause, token, hmac_key, counter, who, opened = tuple(row)
    if verdict == "key_wanted":
        return RefreshOutcome(verdict, session=session(opened))
    if verdict != "ok":
        return RefreshOutcome(verdict, hmac_key=hmac_key if verdict == "sealed_key" else None)
    return RefreshOutcome(verdict, cause, token, hmac_key, counter, user(who), session(opened))


def compact(text: str) -> msgspec.Raw:
    """Return JSON without the spaces that jsonb's text has: verifiers re-encode and compare."""
    return msgspec.Raw(msgspec.json.format(text.encode(), indent=-1))


def document(value: NewUser | UserChange | Actor | NewFactor | Proof | None) -> str | None:
    """Return ``value`` as JSON text; members that are None are left out."""
    if value is None:
        return None
    members = {name: getattr(value, name) for name in value.__dataclass_fields__}
    present = {name: member for name, member in members.items() if member is not None}
    return msgspec.json.encode(present).decode()

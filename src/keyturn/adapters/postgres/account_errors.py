"""What PostgreSQL objects to while accounts are written, in the words of the Auth API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from keyturn.accounts.errors import AuthError, DatabaseRefused, refuse, row

_UNIQUE = {
    "users_email_partial_key": "email_exists",
    "users_phone_key": "phone_exists",
    "users_pkey": "user_exists",
    "custom_oauth_providers_identifier_key": "custom_provider_exists",
    "mfa_factors_user_friendly_name_unique": "factor_name_conflict",
    "unique_phone_factor_per_user": "factor_phone_verified",
}
_TOO_LONG = "22001"
_DATA_EXCEPTION = "22"
_TOO_COMPLEX = "54"
# What an operator's trigger may raise and what its constraints say; the rest is a fault of ours
# or of the database and passes.
_OPERATORS = ("23", "42", "P0", "PT", "0A", "09", "27", "38", "39")


@contextmanager
def translated(row_name: str) -> Iterator[None]:
    """Turn errors of PostgreSQL into ``AuthError``; ``row_name`` is what was being done."""
    try:
        yield
    except asyncpg.PostgresError as raised:
        error = _translated(raised, row_name)
        if error is None:
            raise
        raise error from raised


def _translated(raised: asyncpg.PostgresError, row_name: str) -> AuthError | None:
    state = getattr(raised, "sqlstate", None) or ""
    schema = getattr(raised, "schema_name", None)
    if schema == "auth":
        known = _UNIQUE.get(getattr(raised, "constraint_name", None) or "")
        if known:
            return refuse(known)
    if state == _TOO_LONG:
        return refuse("text_too_long")
    if state[:2] in (_DATA_EXCEPTION, _TOO_COMPLEX):
        return refuse("text_not_storable")
    if state[:2] in _OPERATORS:
        fields = {
            "message": str(raised.args[0]) if raised.args else None,
            "hint": getattr(raised, "hint", None),
            "detail": getattr(raised, "detail", None),
        }
        return DatabaseRefused(row(row_name), sqlstate=state, fields=fields)
    return None

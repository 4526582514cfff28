"""What a deployment publishes about its keys, read for a report: JWKS, discovery, and its clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from keyturn.doctor.one_line import one_line
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk import PRIVATE_MEMBERS
from keyturn.verify import published
from keyturn.verify.jwks_policy import CachePolicy
from keyturn.verify.reports import AlarmKind

_LEAKS: Final = frozenset({AlarmKind.PRIVATE_MEMBERS, AlarmKind.OCT_KEY})
_SECRET_MEMBERS: Final = PRIVATE_MEMBERS | {"k"}
_MEMBERS: Final = (
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
)
"""Members of a discovery document that a report may show (OpenID Connect Discovery 1.0 §3)."""
_LONGEST_LIST: Final = 16


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """A JWKS as a verifier would take it."""

    kids: tuple[str, ...] = ()
    algs: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    """Names of secret members (``k``, ``d``, …) that the set shows to everybody."""
    problem: str | None = None


def read_jwks(body: bytes) -> PublishedKeys:
    """Return what is in the JWKS ``body``; never raises."""
    try:
        found = published.read(body, CachePolicy())
    except InvalidKey as broken:
        return PublishedKeys(problem=one_line(broken.message))
    others = [one.message for one in found.alarms if one.kind not in _LEAKS]
    return PublishedKeys(
        kids=tuple(one_line(key.kid) for key in found.keys if key.kid),
        algs=tuple(key.alg for key in found.keys),
        leaks=_leaks(body) if len(others) < len(found.alarms) else (),
        problem=one_line("; ".join(others)) if others else None,
    )


def _leaks(body: bytes) -> tuple[str, ...]:
    members = (jwk.keys() for jwk in json.loads(body)["keys"])
    return tuple(sorted(set().union(*members) & _SECRET_MEMBERS))


def read_discovery(body: bytes) -> Mapping[str, object]:
    """Return the members that a report may show, empty when ``body`` is no such document."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    shown = {name: _shown(document.get(name)) for name in _MEMBERS}
    return {name: value for name, value in shown.items() if value is not None}


def clock_skew(date: str | None, began: datetime, seconds: float) -> float | None:
    """Return the server's clock minus ours, in seconds with one decimal, None without a date.

    ``Date`` names whole seconds, so half a second is added; the answer was written somewhere in
    the ``seconds`` that the request took from ``began`` on.
    """
    try:
        named = parsedate_to_datetime(date or "")
        there = (named if named.tzinfo else named.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return round(there + 0.5 - (began.timestamp() + seconds / 2), 1)


def _shown(value: object) -> object:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [one_line(one) for one in value[:_LONGEST_LIST]]
    return None

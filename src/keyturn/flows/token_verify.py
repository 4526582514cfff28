"""Judging one token for a person: fetch the keys, then list every reason to refuse it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.http import HttpClient
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwks import KeySet
from keyturn.jose.key import VerifyingKey
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState
from keyturn.verify.anatomy import dissect
from keyturn.verify.diagnosis import Diagnosis, diagnose
from keyturn.verify.moments import moment
from keyturn.verify.policy import Policy

_OK: Final = 200
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost."})


async def published_keys(http: HttpClient, url: str) -> KeySet:
    """Fetch the JWKS at ``url``; raises ``UsageError`` or ``Unreachable``.

    Only https, or http to this machine: whoever can change the answer chooses who is let in.
    """
    check_address(url)
    answer = await http.send("GET", url, headers={"accept": "application/json"})
    if answer.status != _OK:
        raise Unreachable(
            f"The JWKS address answered {answer.status}, expected {_OK}.",
            hint="Redirects are not followed: give the address itself, which usually ends in "
            "/auth/v1/.well-known/jwks.json.",
        )
    try:
        return KeySet.parse_published(answer.body)
    except InvalidKey as refused:
        raise Unreachable(f"The address does not answer with a JWKS: {refused.message}.") from None


def check_address(url: str) -> None:
    """Refuse an address that cannot be trusted; raises ``UsageError`` without repeating it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise UsageError("The JWKS address is not a URL.") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError("The JWKS address holds a user name or password; a JWKS is public.")
    if parts.scheme == "https" and host:
        return
    if parts.scheme != "http" or not _is_local(host):
        raise UsageError(
            "The JWKS address must be https, or http on this machine.",
            hint="Over plain http anybody on the way can put their own key into the set. Fetch it "
            "some safe way and give --jwks-file.",
        )


def _is_local(host: str) -> bool:
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_keys(document: bytes) -> KeySet:
    """Read a JWKS of our own, ``oct`` keys included; raises ``UsageError``."""
    try:
        return KeySet.parse(document)
    except InvalidKey as refused:
        raise UsageError(
            f"The key file cannot be used: {refused.message}.", hint=refused.hint
        ) from None


def with_secret(keys: KeySet, legacy: VerifyingKey | None) -> KeySet:
    """Return ``keys`` and the legacy secret; raises ``UsageError`` when there are two."""
    if legacy is None:
        return keys
    try:
        return KeySet((*keys, legacy), ignored=keys.ignored)
    except InvalidKey as refused:
        raise UsageError(f"The key set has such a secret already: {refused.message}.") from None


def wants_shared_secret(token: str) -> bool:
    """Return whether the token's header asks for a shared secret rather than a public key."""
    alg = (dissect(token).header or {}).get("alg")
    return isinstance(alg, str) and any(
        alg in row.header_names for row in ALGORITHMS.values() if row.symmetric
    )


def usual_algorithms(keys: KeySet) -> frozenset[str]:
    """Return the algorithms to accept when none were named: shared secrets only if one is given."""
    named = {name for name, row in ALGORITHMS.items() if not row.symmetric}
    return frozenset(named | {key.alg for key in keys})


def history(ring: KeyRing) -> dict[str, str]:
    """Say, by ``kid``, what became of keys of ``ring`` that verify nothing any more."""
    return {
        key.kid: "was revoked"
        + (f" on {moment(key.revoked_at.timestamp())}" if key.revoked_at else "")
        for key in ring.in_state(KeyState.REVOKED)
    }


async def judge(
    token: str,
    keys: KeySet,
    policy: Policy,
    *,
    now: datetime,
    gone: Iterable[tuple[str, str]] = (),
) -> Diagnosis:
    """Return every reason for which ``policy`` refuses ``token`` at ``now``."""
    return diagnose(token.strip(), keys, policy, now=now, history=dict(gone))

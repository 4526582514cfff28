"""What people do with API keys: make one (shown once), list them, revoke one at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from keyturn.apikeys import legacy, opaque
from keyturn.apikeys.errors import (
    AmbiguousApiKey,
    BadDescription,
    BadName,
    LegacyNameIsFixed,
    UnknownApiKey,
)
from keyturn.flows.ports.apikeys import ApiKeyRecord, ApiKeyStore, Kind, Role
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import SigningKey, VerifyingKey
from keyturn.keyring.change import Intent
from keyturn.secret import Secret
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

Entropy = Callable[[int], bytes]

DEFAULT_NAME: Final = "default"
LONGEST_DESCRIPTION: Final = 500
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{1,63}")
_ROLES: Final[dict[opaque.OpaqueKind, Role]] = {
    "publishable": "anon",
    "secret": "service_role",
}


async def list_keys(store: ApiKeyStore) -> Sequence[ApiKeyRecord]:
    """Return all API keys, revoked ones too, oldest first."""
    return await store.list()


async def create(
    store: ApiKeyStore,
    intent: Intent,
    *,
    kind: opaque.OpaqueKind,
    name: str,
    entropy: Entropy,
    description: str | None = None,
) -> tuple[ApiKeyRecord, Secret]:
    """Make and store an ``sb_`` key; its text exists only in the answer.

    Raises ``BadName``, ``BadDescription`` or ``DuplicateName``.
    """
    check_name(name)
    said = read_description(description)
    minted = opaque.mint(kind, entropy(opaque.ENTROPY_BYTES))
    record = await _add(store, intent, kind, _ROLES[kind], name, minted, entropy, said)
    return record, minted.secret


async def create_legacy(
    store: ApiKeyStore,
    intent: Intent,
    *,
    role: Role,
    name: str,
    key: SigningKey,
    entropy: Entropy,
    description: str | None = None,
) -> tuple[ApiKeyRecord, Secret]:
    """Sign a legacy ``anon`` or ``service_role`` JWT with the imported secret and register it."""
    check_name(name)
    said = read_description(description)
    minted = legacy.mint(role, key, intent.now)
    record = await _add(store, intent, "legacy", role, name, minted, entropy, said)
    return record, minted.secret


async def register_legacy(
    store: ApiKeyStore,
    intent: Intent,
    *,
    text: str,
    key: VerifyingKey,
    entropy: Entropy,
) -> ApiKeyRecord:
    """Accept an existing ``ANON_KEY`` or ``SERVICE_ROLE_KEY`` that ``key`` verifies.

    It is named after its role. One that is known already is returned as it is, revoked or not.
    Raises ``TokenRejected`` when the key did not sign it, ``UnknownApiKey`` for another role.
    """
    claims = verify(
        text,
        KeySet((key,)),
        Policy(algorithms=frozenset({key.alg}), issuer=None, audience=None),
        now=intent.now,
    )
    role = claims.get("role")
    if role not in ("anon", "service_role"):
        raise UnknownApiKey('a legacy API key has the role "anon" or "service_role"')
    hashed = opaque.digest(text)
    for record in await store.list():
        if record.hash == hashed:
            return record
    minted = opaque.Minted(Secret(text), hashed, opaque.prefix(text))
    chosen: Role = "anon" if role == "anon" else "service_role"
    return await _add(store, intent, "legacy", chosen, chosen, minted, entropy)


async def relabel(
    store: ApiKeyStore, intent: Intent, which: str, *, name: str, description: str | None
) -> ApiKeyRecord:
    """Give the active key that ``which`` names this name and description.

    Raises ``BadName``, ``BadDescription``, ``DuplicateName``, ``LegacyNameIsFixed``, and what
    :func:`revoke` raises when ``which`` names no key.
    """
    record = choose(await store.list(), which)
    said = read_description(description)
    if name != record.name:
        check_name(name)
        if record.kind == "legacy":
            raise LegacyNameIsFixed
    done = await store.relabel(
        record.id,
        name=name,
        description=said,
        now=intent.now,
        actor=intent.actor,
        reason=intent.reason,
    )
    if done is None:
        raise UnknownApiKey(f"the API key {record.name} was revoked meanwhile")
    return done


async def revoke(store: ApiKeyStore, intent: Intent, which: str) -> ApiKeyRecord:
    """Revoke the active key named by id, by shown prefix, by name or by its own text.

    Raises ``UnknownApiKey``, ``AmbiguousApiKey``, or ``WrongChecksum`` for a damaged text.
    """
    record = choose(await store.list(), which)
    done = await store.revoke(record.id, now=intent.now, actor=intent.actor, reason=intent.reason)
    if done is None:
        raise UnknownApiKey(f"the API key {record.name} was revoked meanwhile")
    return done


def choose(records: Sequence[ApiKeyRecord], which: str) -> ApiKeyRecord:
    """Return the one active key that ``which`` names; the errors never repeat a key's text."""
    hashed, shown = None, repr(which)
    if which.startswith(tuple(opaque.PREFIXES.values())) and len(which) > len(opaque.prefix(which)):
        opaque.parse(which)
        hashed, shown = opaque.digest(which), f"{opaque.prefix(which)}…"
    elif which.count(".") == 2:
        hashed, shown = opaque.digest(which), opaque.prefix(which)
    fitting = [
        record
        for record in records
        if record.active
        and (record.hash == hashed or which in (str(record.id), record.prefix, record.name))
    ]
    if not fitting:
        raise UnknownApiKey(f"there is no active API key {shown}")
    if len(fitting) > 1:
        ids = ", ".join(f"{record.kind} {record.id}" for record in fitting)
        raise AmbiguousApiKey(f"{len(fitting)} active API keys are named {shown}: {ids}")
    return fitting[0]


def check_name(name: str) -> None:
    """Raise ``BadName`` unless ``name`` has the form that hosted Supabase accepts."""
    if _NAME.fullmatch(name) is None:
        raise BadName


def read_description(text: str | None) -> str | None:
    """Return ``text`` trimmed, None when nothing is left; raises ``BadDescription``."""
    said = (text or "").strip()
    if len(said) > LONGEST_DESCRIPTION or not said.isprintable():
        raise BadDescription
    return said or None


async def _add(
    store: ApiKeyStore,
    intent: Intent,
    kind: Kind,
    role: Role,
    name: str,
    minted: opaque.Minted,
    entropy: Entropy,
    description: str | None = None,
) -> ApiKeyRecord:
    record = ApiKeyRecord(
        id=UUID(bytes=entropy(16), version=4),
        name=name,
        kind=kind,
        role=role,
        hash=minted.hash,
        prefix=minted.prefix,
        created_at=intent.now,
        description=description,
    )
    await store.add(record, actor=intent.actor, reason=intent.reason)
    return record

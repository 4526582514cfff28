"""The first signing keys and API keys of a local stack, and the file that shows the latter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from keyturn.adapters import system
from keyturn.apikeys.opaque import OpaqueKind, digest
from keyturn.flows import apikeys
from keyturn.flows.keys_start import ensure
from keyturn.flows.ports.apikeys import ApiKeyStore, Role
from keyturn.flows.ports.ring import RingStore
from keyturn.jose.octets import MIN_BYTES
from keyturn.keyring.change import Intent
from keyturn.keyring.ring import KeyRing
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.wiring.first_keys import first_keys
from keyturn.wiring.local_keys import read_local_keys, write_local_keys
from keyturn.wiring.stack_plan import Plan

_ACTOR: Final = "keyturn up"
_OPAQUE: Final[Mapping[str, OpaqueKind]] = {
    "publishable_key": "publishable",
    "secret_key": "secret",
}
_LEGACY: Final[Mapping[str, Role]] = {"anon_key": "anon", "service_role_key": "service_role"}


async def ensure_signing_keys(plan: Plan, store: RingStore) -> KeyRing:
    """Fill an empty ring, importing what the environment brings; later starts change nothing."""
    process = plan.settings.process
    return await ensure(
        store,
        now=system.now(),
        entropy=system.entropy,
        policy=plan.settings.ring,
        alg=process.signing_alg,
        first=first_keys(process.jwt_keys, process.legacy_secret),
        actor=_ACTOR,
    )


def secret_warnings(secret: Secret | None, ring: KeyRing) -> Iterator[str]:
    """Yield what whoever started with the ``JWT_SECRET`` ``secret`` should know about it."""
    if secret is None:
        return
    if not any(key.legacy for key in ring.keys):
        yield (
            "JWT_SECRET has no effect: only the first start imports it. Bring it in with "
            "`keyturn keys import --legacy --file FILE`."
        )
    elif ring.has_legacy is not None and len(secret) < MIN_BYTES:
        yield (
            f"JWT_SECRET has {len(secret)} bytes, so whoever has one token may find it by trying; "
            "retire it soon."
        )


async def ensure_api_keys(plan: Plan, store: ApiKeyStore, ring: KeyRing) -> dict[str, str]:
    """Return the keys that this stack prints: those of its file, made where they are missing.

    A key that was revoked is left out and not replaced: that is the user's decision.
    """
    kept = read_local_keys(plan.where)
    texts = dict(kept)
    for name, kind in _OPAQUE.items():
        if name not in texts:
            texts[name] = _text(await _create(store, kind))
    texts |= await _legacy_keys(store, ring, texts)
    if texts != kept:
        write_local_keys(plan.where, texts)
    active = {record.hash for record in await store.list() if record.active}
    return {name: text for name, text in texts.items() if digest(text) in active}


async def _create(store: ApiKeyStore, kind: OpaqueKind) -> Secret:
    """Make a key under the default name; when that is taken (its text is lost), under another."""
    taken = {record.name for record in await store.list() if record.active and record.kind == kind}
    name = apikeys.DEFAULT_NAME
    if name in taken:
        name = f"local_{system.entropy(4).hex()}"
    intent = Intent(system.now(), _ACTOR, "the first key of this data folder")
    _, secret = await apikeys.create(store, intent, kind=kind, name=name, entropy=system.entropy)
    return secret


async def _legacy_keys(
    store: ApiKeyStore, ring: KeyRing, known: Mapping[str, str]
) -> dict[str, str]:
    """Mint the legacy pair while the imported secret still signs, once."""
    legacy = ring.has_legacy
    if legacy is None or legacy.signer is None:
        return {}
    intent = Intent(system.now(), _ACTOR, "the legacy pair of the imported secret")
    taken = {record.name for record in await store.list() if record.kind == "legacy"}
    made = {}
    for name, role in _LEGACY.items():
        if name not in known and role not in taken:
            _, secret = await apikeys.create_legacy(
                store, intent, role=role, name=role, key=legacy.signer, entropy=system.entropy
            )
            made[name] = _text(secret)
    return made


def _text(secret: Secret) -> str:
    return reveal(secret).decode()

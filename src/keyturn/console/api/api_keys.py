"""``/api-keys``: several named keys, each shown once, and the end of the legacy pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyturn.apikeys.errors import UnknownApiKey
from keyturn.console.api.call import Call, only, text
from keyturn.console.errors import BadRequest
from keyturn.errors import Conflict
from keyturn.flows import apikeys
from keyturn.flows.ports.apikeys import ApiKeyRecord

_KINDS: Final = ("publishable", "secret")
_TEMPLATE: Final = {"role": "service_role"}


class LegacyKeysEnded(Conflict):
    """Legacy API keys that were revoked cannot be turned on again."""

    code = "legacy_keys_ended"
    default_hint = "`keyturn apikeys create --kind legacy` makes new ones while the secret signs."


def shape(record: ApiKeyRecord, revealed: str | None = None) -> dict[str, object]:
    """Return an ApiKey; ``api_key`` is null but in the answer to its creation."""
    changed = record.revoked_at or record.created_at
    return {
        "api_key": revealed,
        "id": str(record.id),
        "type": record.kind,
        "prefix": record.prefix,
        "name": record.name,
        "description": None,
        "hash": record.hash.hex(),
        "secret_jwt_template": _TEMPLATE if record.kind == "secret" else None,
        "inserted_at": record.created_at.isoformat(),
        "updated_at": changed.isoformat(),
        "last_used_at": record.last_used_at.isoformat() if record.last_used_at else None,
    }


async def list_keys(call: Call) -> object:
    """The keys that work, oldest first."""
    return [shape(record) for record in await call.services.api_keys.list() if record.active]


async def get_key(call: Call) -> object:
    """One key that works."""
    return shape(await _active(call))


async def create_key(call: Call) -> object:
    """A new key; this answer is the only one with its text."""
    only(call.body, "type", "name", "description", "secret_jwt_template")
    kind = text(call.body, "type", among=_KINDS)
    if call.body.get("description"):
        raise BadRequest("No description is kept; the name says what a key is for.")
    if call.body.get("secret_jwt_template") not in (None, _TEMPLATE if kind == "secret" else None):
        raise BadRequest("A secret key acts as service_role, a publishable one as anon.")
    record, secret = await apikeys.create(
        call.services.api_keys,
        call.intent(),
        kind="secret" if kind == "secret" else "publishable",
        name=text(call.body, "name"),
        entropy=call.services.entropy,
    )
    return shape(record, call.services.show_once(secret))


async def delete_key(call: Call) -> object:
    """Revoke a key at once; ``reason`` and ``was_compromised`` go to the audit log."""
    record = await _active(call)
    why = [call.query.get("reason", "").strip()]
    if call.query.get("was_compromised") == "true":
        why.insert(0, "compromised")
    intent = call.intent("; ".join(word for word in why if word) or None)
    return shape(await apikeys.revoke(call.services.api_keys, intent, str(record.id)))


async def get_legacy(call: Call) -> object:
    """Whether a legacy key works."""
    return {"enabled": bool(_legacy(await call.services.api_keys.list()))}


async def set_legacy(call: Call) -> object:
    """``enabled=false`` revokes the legacy keys; there is no way back."""
    wanted, store = call.query.get("enabled"), call.services.api_keys
    if wanted not in ("true", "false"):
        raise BadRequest("enabled is true or false.")
    legacy = _legacy(await store.list())
    if wanted == "true" and not legacy:
        raise LegacyKeysEnded
    if wanted == "false":
        for record in legacy:
            await apikeys.revoke(store, call.intent(), str(record.id))
    return {"enabled": wanted == "true"}


async def _active(call: Call) -> ApiKeyRecord:
    for record in await call.services.api_keys.list():
        if str(record.id) == call.path["id"] and record.active:
            return record
    raise UnknownApiKey("There is no such active API key.")


def _legacy(records: Sequence[ApiKeyRecord]) -> list[ApiKeyRecord]:
    return [record for record in records if record.active and record.kind == "legacy"]

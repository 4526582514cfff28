"""``/api-keys``: several named keys, each shown once, and the end of the legacy pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from starlette.responses import JSONResponse

from keyturn.apikeys.errors import UnknownApiKey
from keyturn.console.api.call import Call, only, text
from keyturn.console.errors import BadRequest
from keyturn.console.readiness import readiness
from keyturn.errors import Conflict
from keyturn.flows import apikeys
from keyturn.flows.ports.apikeys import ApiKeyRecord

_KINDS: Final = ("publishable", "secret")
_TEMPLATE: Final = {"role": "service_role"}
_ONLY_HASHES: Final = "only the hash of a key is kept; its text is in the answer to its creation"


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
        "description": record.description,
        "hash": record.hash.hex(),
        "secret_jwt_template": _TEMPLATE if record.kind == "secret" else None,
        "inserted_at": record.created_at.isoformat(),
        "updated_at": changed.isoformat(),
        "last_used_at": record.last_used_at.isoformat() if record.last_used_at else None,
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
    }


async def list_keys(call: Call) -> object:
    """The keys that work, oldest first; with ``revoked`` the others as well."""
    all_of_them = call.flag("revoked")
    records = await call.services.api_keys.list()
    return _never_revealed(
        call, [shape(record) for record in records if record.active or all_of_them]
    )


async def get_key(call: Call) -> object:
    """One key that works."""
    return _never_revealed(call, shape(await _active(call)))


async def create_key(call: Call) -> object:
    """A new key; this answer is the only one with its text."""
    only(call.body, "type", "name", "description", "secret_jwt_template")
    kind = text(call.body, "type", among=_KINDS)
    _template(call, kind)
    call.flag("reveal")
    record, secret = await apikeys.create(
        call.services.api_keys,
        call.intent(),
        kind="secret" if kind == "secret" else "publishable",
        name=text(call.body, "name"),
        entropy=call.services.entropy,
        description=_description(call),
    )
    return shape(record, call.services.show_once(secret))


async def change_key(call: Call) -> object:
    """Another name or description; what is left out stays."""
    only(call.body, "name", "description", "secret_jwt_template")
    call.flag("reveal")  # Judged before anything changes.
    record = await _active(call)
    _template(call, record.kind)
    done = await apikeys.relabel(
        call.services.api_keys,
        call.intent(),
        str(record.id),
        name=text(call.body, "name") if "name" in call.body else record.name,
        description=_description(call) if "description" in call.body else record.description,
    )
    return _never_revealed(call, shape(done))


async def delete_key(call: Call) -> object:
    """Revoke a key at once; ``reason`` and ``was_compromised`` go to the audit log."""
    call.flag("reveal")
    record = await _active(call)
    why = [call.query.get("reason", "").strip()]
    if call.flag("was_compromised"):
        why.insert(0, "compromised")
    intent = call.intent("; ".join(word for word in why if word))
    done = await apikeys.revoke(call.services.api_keys, intent, str(record.id))
    return _never_revealed(call, shape(done))


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


async def legacy_readiness(call: Call) -> object:
    """What should be so before the legacy keys are turned off, each point by evidence."""
    services = call.services
    points = readiness(await services.api_keys.list(), await services.counts.traffic(), call.now)
    return {
        "ready": all(point.met for point in points),
        "points": [asdict(point) for point in points],
    }


def _template(call: Call, kind: str) -> None:
    """Refuse a role that keys of this kind do not have."""
    if call.body.get("secret_jwt_template") not in (None, _TEMPLATE if kind == "secret" else None):
        raise BadRequest("A secret key acts as service_role, a publishable one as anon.")


def _description(call: Call) -> str | None:
    return None if call.body.get("description") is None else text(call.body, "description")


def _never_revealed(call: Call, answer: object) -> object:
    """Return ``answer``; whoever asks to see the text of a key is told that nobody has it."""
    if not call.flag("reveal"):
        return answer
    return JSONResponse(answer, headers={"keyturn-not-revealed": _ONLY_HASHES})


async def _active(call: Call) -> ApiKeyRecord:
    for record in await call.services.api_keys.list():
        if str(record.id) == call.path["id"] and record.active:
            return record
    raise UnknownApiKey("There is no such active API key.")


def _legacy(records: Sequence[ApiKeyRecord]) -> list[ApiKeyRecord]:
    return [record for record in records if record.active and record.kind == "legacy"]

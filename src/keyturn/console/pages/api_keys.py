"""API keys: list, create (shown once), revoke, and the end of the legacy pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from keyturn.apikeys.errors import UnknownApiKey
from keyturn.apikeys.opaque import PREFIXES, OpaqueKind
from keyturn.console.errors import BadRequest
from keyturn.console.problems import status_of
from keyturn.console.readiness import readiness
from keyturn.console.visit import Visit
from keyturn.errors import KeyturnError
from keyturn.flows import apikeys
from keyturn.flows.ports.apikeys import ApiKeyRecord

LIST: Final = "/api-keys"
_KINDS: Final[dict[str, OpaqueKind]] = {"publishable": "publishable", "secret": "secret"}


async def show(visit: Visit) -> Response:
    """``GET /api-keys``."""
    records = await visit.services.api_keys.list()
    return visit.page(
        "api_keys",
        active=[key for key in records if key.active and key.kind != "legacy"],
        legacy=legacy_of(records),
        revoked=[key for key in records if not key.active],
    )


async def ask_create(visit: Visit) -> Response:
    """``GET /api-keys/new``."""
    return _ask_create(visit)


async def create(visit: Visit) -> Response:
    """``POST /api-keys/new``: the answer is the only place where the key's text ever is."""
    services, kind = visit.services, _KINDS.get(visit.form.get("type", ""))
    if kind is None:
        return _ask_create(visit, BadRequest("Choose a kind: publishable or secret."))
    try:
        record, secret = await apikeys.create(
            services.api_keys,
            visit.intent(),
            kind=kind,
            name=visit.form.get("name", "").strip(),
            entropy=services.entropy,
            description=visit.form.get("description"),
        )
    except KeyturnError as error:
        return _ask_create(visit, error)
    return visit.page("api_key_created", status=201, key=record, text=services.show_once(secret))


async def ask_change(visit: Visit) -> Response:
    """``GET /api-keys/{id}/change``: another name or description."""
    return await _ask_change(visit)


async def change(visit: Visit) -> Response:
    """``POST /api-keys/{id}/change``."""
    record = await _record(visit)
    try:
        await apikeys.relabel(
            visit.services.api_keys,
            visit.intent(),
            str(record.id),
            name=visit.form.get("name", record.name).strip(),
            description=visit.form.get("description"),
        )
    except KeyturnError as error:
        return await _ask_change(visit, error)
    return visit.seen(LIST)


async def ask_revoke(visit: Visit) -> Response:
    """``GET /api-keys/{id}/revoke``."""
    return await _ask_revoke(visit)


async def revoke(visit: Visit) -> Response:
    """``POST /api-keys/{id}/revoke``; the key's name has to be typed."""
    record = await _record(visit)
    if visit.form.get("confirm", "").strip() != record.name:
        error = BadRequest("What was typed is not the name of this key; nothing was changed.")
        return await _ask_revoke(visit, error)
    await apikeys.revoke(visit.services.api_keys, visit.intent(), str(record.id))
    return visit.seen(LIST)


async def ask_end_legacy(visit: Visit) -> Response:
    """``GET /api-keys/legacy/off``: who still uses them."""
    return await _ask_end_legacy(visit)


async def end_legacy(visit: Visit) -> Response:
    """``POST /api-keys/legacy/off``: revoke every legacy key."""
    if visit.form.get("understood") != "yes":
        error = BadRequest("Tick the box: legacy keys cannot be turned on again.")
        return await _ask_end_legacy(visit, error)
    store = visit.services.api_keys
    for record in legacy_of(await store.list()):
        await apikeys.revoke(store, visit.intent(), str(record.id))
    return visit.seen(LIST)


def legacy_of(records: Sequence[ApiKeyRecord]) -> list[ApiKeyRecord]:
    """Return the legacy keys that still work."""
    return [key for key in records if key.active and key.kind == "legacy"]


async def _record(visit: Visit) -> ApiKeyRecord:
    wanted = visit.request.path_params["id"]
    for record in await visit.services.api_keys.list():
        if str(record.id) == wanted and record.active:
            return record
    raise UnknownApiKey("There is no such active API key.")


def _ask_create(visit: Visit, error: KeyturnError | None = None) -> Response:
    return visit.page(
        "api_key_create",
        status=200 if error is None else status_of(error),
        error=error,
        prefixes=PREFIXES,
        form=visit.form,
    )


async def _ask_change(visit: Visit, error: KeyturnError | None = None) -> Response:
    record = await _record(visit)
    kept = {"name": record.name, "description": record.description or ""}
    return visit.page(
        "api_key_change",
        status=200 if error is None else status_of(error),
        error=error,
        key=record,
        form={**kept, **visit.form},
    )


async def _ask_revoke(visit: Visit, error: KeyturnError | None = None) -> Response:
    return visit.page(
        "api_key_revoke",
        status=200 if error is None else status_of(error),
        error=error,
        key=await _record(visit),
        form=visit.form,
    )


async def _ask_end_legacy(visit: Visit, error: KeyturnError | None = None) -> Response:
    records = await visit.services.api_keys.list()
    return visit.page(
        "legacy_off",
        points=readiness(records, await visit.services.counts.traffic(), visit.now),
        status=200 if error is None else status_of(error),
        error=error,
        keys=legacy_of(records),
        form=visit.form,
    )

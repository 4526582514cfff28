"""The ring as a picture, one key in full, and the dialogues that change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from keyturn.console.errors import BadRequest
from keyturn.console.lanes import lanes_of, refusal_of
from keyturn.console.live import Last
from keyturn.console.problems import status_of
from keyturn.console.visit import Visit
from keyturn.errors import KeyturnError
from keyturn.flows import keys
from keyturn.flows.ports.audit import AuditFilter
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.keys import public_pem
from keyturn.keyring.states import KeyState
from keyturn.keyring.verbs import DEFAULT_ALGORITHM

LIST = "/signing-keys"
_HISTORY = 20
_OTHER_NAME = "What was typed is not the ID of this key; nothing was changed."


async def show(visit: Visit) -> Response:
    """``GET /signing-keys``."""
    return visit.page("signing_keys", **await _picture(visit))


async def show_one(visit: Visit) -> Response:
    """``GET /signing-keys/{kid}``: every public fact of one key, and its history."""
    ring = await visit.services.bench.store.load()
    key = ring.find(visit.request.path_params["kid"])
    public = None if key.symmetric or key.key is None else key.key
    lines = await visit.services.audit.search(
        AuditFilter("signing_key", subject_id=key.kid), before=None, limit=_HISTORY
    )
    return visit.page(
        "signing_key",
        key=key,
        lane=lanes_of(ring, visit.services.bench.policy, visit.now)[key.state],
        jwk=public.public_jwk() if public else None,
        pem=public_pem(public) if public else None,
        log=lines,
    )


async def ask_create(visit: Visit) -> Response:
    """``GET /signing-keys/new``."""
    return _ask_create(visit)


async def create(visit: Visit) -> Response:
    """``POST /signing-keys/new``: a standby, published at once."""
    alg = visit.form.get("algorithm", "")
    if alg not in ALGORITHMS:
        return _ask_create(visit, BadRequest(f"There is no algorithm {alg[:20]!r}."))
    try:
        await keys.generate(visit.services.bench, visit.intent(), alg=alg)
    except KeyturnError as error:
        return _ask_create(visit, error)
    return visit.seen(LIST)


async def ask_rotate(visit: Visit) -> Response:
    """``GET /signing-keys/rotate``: what would happen, or why not and until when."""
    return await _ask_rotate(visit)


async def rotate(visit: Visit) -> Response:
    """``POST /signing-keys/rotate``; repeating it changes nothing."""
    expected = visit.form.get("expected_in_use") or None
    if visit.form.get("understood") != "yes":
        error = BadRequest("Tick the box: it says what rotating does not do.")
        return await _ask_rotate(visit, error)
    try:
        await keys.rotate(visit.services.bench, visit.intent(), expected_in_use=expected)
    except KeyturnError as error:
        return await _ask_rotate(visit, error)
    return visit.seen(LIST)


async def ask_revoke(visit: Visit) -> Response:
    """``GET /signing-keys/{kid}/revoke``: what would happen, or why not and until when."""
    return await _ask_revoke(visit)


async def revoke(visit: Visit) -> Response:
    """``POST /signing-keys/{kid}/revoke``; the key's name has to be typed."""
    kid = visit.request.path_params["kid"]
    if visit.form.get("confirm", "").strip() != kid:
        return await _ask_revoke(visit, BadRequest(_OTHER_NAME))
    try:
        await keys.revoke(visit.services.bench, visit.intent(), kid)
    except KeyturnError as error:
        return await _ask_revoke(visit, error)
    return visit.seen(LIST)


async def ask_delete(visit: Visit) -> Response:
    """``GET /signing-keys/{kid}/delete``: what forgetting a revoked key means."""
    return await _ask_delete(visit)


async def delete(visit: Visit) -> Response:
    """``POST /signing-keys/{kid}/delete``; the key's name has to be typed."""
    kid = visit.request.path_params["kid"]
    if visit.form.get("confirm", "").strip() != kid:
        return await _ask_delete(visit, BadRequest(_OTHER_NAME))
    try:
        await keys.delete(visit.services.bench, visit.intent(), kid)
    except KeyturnError as error:
        return await _ask_delete(visit, error)
    return visit.seen(LIST)


async def fragment(visit: Visit) -> str:
    """Return the picture of the ring, which counts down."""
    return visit.html("signing_keys_live", **await _picture(visit))


async def rotate_fragment(visit: Visit) -> str:
    """Return the dialogue of a rotation: the button comes when the wait is over."""
    facts = await _rotation(visit, None)
    html, refusal = visit.html("key_rotate_live", **facts), facts["refusal"]
    return html if refusal and refusal.until else Last(html)


async def _picture(visit: Visit) -> dict[str, Any]:
    services = visit.services
    ring = await services.bench.store.load()
    return {
        "live": await services.counts.live_tokens(ring, visit.now),
        "lanes": lanes_of(ring, services.bench.policy, visit.now),
        "policy": services.bench.policy,
        "refusal": await refusal_of(lambda: keys.rotate(services.rehearsing, visit.intent())),
    }


def _ask_create(visit: Visit, error: KeyturnError | None = None) -> Response:
    wait = timedelta(seconds=visit.services.bench.policy.publish_before_sign)
    return visit.page(
        "key_create",
        status=200 if error is None else status_of(error),
        error=error,
        algorithms=[DEFAULT_ALGORITHM, *(name for name in ALGORITHMS if name != DEFAULT_ALGORITHM)],
        wait=wait,
        form=visit.form,
    )


async def _ask_rotate(visit: Visit, error: KeyturnError | None = None) -> Response:
    status = 200 if error is None else status_of(error)
    return visit.page("key_rotate", status=status, **await _rotation(visit, error))


async def _rotation(visit: Visit, error: KeyturnError | None) -> dict[str, Any]:
    services = visit.services
    ring = await services.bench.store.load()
    refusal = await refusal_of(lambda: keys.rotate(services.rehearsing, visit.intent()))
    return {
        "error": None if refusal and error and error.message == refusal.error.message else error,
        "refusal": refusal,
        "old": ring.in_use,
        "new": ring.standby[0] if ring.standby else None,
        "last_standby": len(ring.standby) == 1,
        "witnesses": services.witnesses,
        "form": visit.form,
    }


async def _ask_revoke(visit: Visit, error: KeyturnError | None = None) -> Response:
    services = visit.services
    ring = await services.bench.store.load()
    key = ring.find(visit.request.path_params["kid"])
    refusal = await refusal_of(lambda: keys.revoke(services.rehearsing, visit.intent(), key.kid))
    live = await services.counts.live_tokens(ring, visit.now)
    return visit.page(
        "key_revoke",
        status=200 if error is None else status_of(error),
        error=None if refusal and error and error.message == refusal.error.message else error,
        refusal=refusal,
        key=key,
        standby=key.state is KeyState.STANDBY,
        live=None if live is None else live.get(key.kid, 0),
        form=visit.form,
    )


async def _ask_delete(visit: Visit, error: KeyturnError | None = None) -> Response:
    services = visit.services
    key = (await services.bench.store.load()).find(visit.request.path_params["kid"])
    refusal = await refusal_of(lambda: keys.delete(services.rehearsing, visit.intent(), key.kid))
    return visit.page(
        "key_delete",
        status=200 if error is None else status_of(error),
        error=None if refusal and error and error.message == refusal.error.message else error,
        refusal=refusal,
        key=key,
        form=visit.form,
    )

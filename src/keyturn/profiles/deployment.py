"""One credential's way through a whole deployment: client, gateway, service.

The gateway is taken when the deployment has one and ``direct`` is not asked for. Nothing here asks
a running system: every verdict follows from the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from keyturn.deploy import opened
from keyturn.deploy.inventory import Inventory, Kind, Service
from keyturn.profiles import (
    auth,
    envoy,
    functions,
    keyless,
    kong,
    opened_service,
    pooler,
    realtime,
    rest,
    storage,
)
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Step, Verdict

GATEWAY = "gateway"
"""How steps name whoever stands in front."""
NOT_ROUTED = frozenset({Kind.POOLER})
"""Services that no gateway leads to."""

_Judge = Callable[[Service, Inventory, Request, datetime], Verdict]
_JUDGES: Mapping[Kind, _Judge] = {
    Kind.AUTH: lambda one, _, request, now: auth.judge(
        opened_service.auth_config(one), request, now
    ),
    Kind.REST: lambda one, _, request, now: rest.judge(
        opened_service.rest_config(one), request, now
    ),
    Kind.REALTIME: lambda one, _, request, now: realtime.judge(
        opened_service.realtime_config(one), request, now
    ),
    Kind.STORAGE: lambda one, _, request, now: storage.judge(
        opened_service.storage_config(one), request, now
    ),
    Kind.FUNCTIONS: lambda one, inventory, request, now: functions.judge(
        opened_service.functions_config(one, inventory), request, now
    ),
    Kind.POOLER: lambda one, _, request, now: pooler.judge(
        opened_service.pooler_config(one), request, now
    ),
    Kind.STUDIO: lambda _one, _, request, _now: keyless.judge(request),
    Kind.META: lambda _one, _, request, _now: keyless.judge(request),
}
_FAILURES: Mapping[Kind, Callable[[Service, Inventory], StartFailure | None]] = {
    Kind.AUTH: lambda one, _: opened_service.auth_config(one).failure,
    Kind.REST: lambda one, _: opened_service.rest_config(one).failure,
    Kind.REALTIME: lambda one, _: opened_service.realtime_config(one).failure,
    Kind.STORAGE: lambda one, _: opened_service.storage_config(one).failure,
    Kind.FUNCTIONS: lambda one, inventory: opened_service.functions_config(one, inventory).failure,
    Kind.KONG: lambda one, _: opened_service.kong_config(one).failure,
    Kind.ENVOY: lambda one, _: opened_service.envoy_config(one).failure,
}


def follow(
    inventory: Inventory,
    credential: Credential,
    service: Kind,
    *,
    now: datetime,
    direct: bool = False,
    websocket: bool = False,
) -> Verdict:
    """Predict what ``credential`` gets from ``service``, step by step.

    ``direct`` goes past the gateway; ``websocket`` opens a Realtime socket and joins a channel.
    A deployment without a gateway is always asked directly.
    """
    found = inventory.of_kind(service)
    if found is None or service not in _JUDGES:
        return Trail(service).end(Outcome.ABSENT, f"The deployment has no {service} to ask.")
    passed = _to_service(inventory, credential, service, direct=direct, websocket=websocket)
    if isinstance(passed, Verdict):
        return passed
    request, steps = passed
    verdict = _JUDGES[service](found, inventory, request, now).after(steps)
    return _behind_gateway(verdict, service, guarded=bool(steps) and not direct)


def start_failures(inventory: Inventory) -> Mapping[Kind, StartFailure]:
    """Return which services do not start with their settings, and why."""
    found: dict[Kind, StartFailure] = {}
    for kind, failure_of in _FAILURES.items():
        service = inventory.of_kind(kind)
        failure = None if service is None else failure_of(service, inventory)
        if failure is not None:
            found[kind] = failure
    return found


def healthcheck(inventory: Inventory, now: datetime) -> Verdict | None:
    """Predict Realtime's healthcheck; None when there is none or it sends no token."""
    service = inventory.of_kind(Kind.REALTIME)
    sent = None if service is None else healthcheck_authorization(service)
    if service is None or sent is None:
        return None
    return realtime.judge_admin(opened_service.realtime_config(service), sent, now)


def healthcheck_authorization(service: Service) -> str | None:
    """Return the Authorization header that a healthcheck sends, None when it sends none."""
    text = opened.text(service.healthcheck)
    if text is None or "Authorization:" not in text:
        return None
    value = text.partition("Authorization:")[2].lstrip(" ").partition('"')[0].partition("'")[0]
    # Of a list's arguments the next one (the URL) follows after a space.
    scheme, *rest = value.split("\\")[0].split(" ")
    return f"{scheme} {rest[0]}" if scheme == "Bearer" and rest else scheme


def object_read(
    inventory: Inventory, credential: Credential, *, now: datetime, direct: bool = False
) -> Verdict:
    """Predict ``GET /object/…``, where Storage takes an invalid token for none."""
    found = inventory.of_kind(Kind.STORAGE)
    if found is None:
        return Trail(Kind.STORAGE).end(Outcome.ABSENT, "The deployment has no storage to ask.")
    passed = _to_service(inventory, credential, Kind.STORAGE, direct=direct, websocket=False)
    if isinstance(passed, Verdict):
        return passed
    request, steps = passed
    config = opened_service.storage_config(found)
    return storage.judge_object_read(config, request, now).after(steps)


def s3(inventory: Inventory, now: datetime) -> Verdict | None:
    """Predict Storage's S3 protocol with access keys; None when they are not set."""
    found = inventory.of_kind(Kind.STORAGE)
    access_key = None if found is None else found.get("S3_PROTOCOL_ACCESS_KEY_ID")
    if found is None or access_key is None or not access_key.is_set:
        return None
    return storage.judge_s3(opened_service.storage_config(found), now)


def studio_calls(inventory: Inventory, now: datetime) -> Mapping[Kind, Verdict]:
    """Predict what Studio's own service key gets from each service, by the way that Studio goes."""
    studio = inventory.of_kind(Kind.STUDIO)
    key = None if studio is None else opened.text(studio.get("SUPABASE_SERVICE_KEY"))
    if not key:
        return {}
    credential = Credential(None, key, key)
    return {
        kind: follow(inventory, credential, kind, now=now)
        for kind in (Kind.AUTH, Kind.REST, Kind.STORAGE, Kind.META)
        if inventory.of_kind(kind) is not None
    }


# ── The way to the service ──────────────────────────────────────────────────────────────────────


def _to_service(
    inventory: Inventory, credential: Credential, service: Kind, *, direct: bool, websocket: bool
) -> Verdict | tuple[Request, tuple[Step, ...]]:
    gateway = inventory.gateway
    if direct or gateway is None or service in NOT_ROUTED:
        return _sent(credential, service, websocket=websocket), ()
    trail = Trail(GATEWAY)
    if gateway.kind is Kind.KONG:
        passed = kong.forward(
            opened_service.kong_config(gateway), credential, service, trail, websocket=websocket
        )
    else:
        passed = envoy.forward(
            opened_service.envoy_config(gateway), credential, service, trail, websocket=websocket
        )
    return passed if isinstance(passed, Verdict) else (passed, trail.steps)


def _sent(credential: Credential, service: Kind, *, websocket: bool) -> Request:
    """Return what arrives when nobody stands between."""
    authorization = None if credential.bearer is None else f"Bearer {credential.bearer}"
    return Request(service, authorization, credential.apikey, websocket=websocket)


def _behind_gateway(verdict: Verdict, service: Kind, *, guarded: bool) -> Verdict:
    """What checks nothing itself is accepted as the gateway's admission, not open."""
    if service is not Kind.META or not guarded or verdict.outcome is not Outcome.OPEN:
        return verdict
    return Verdict(Outcome.ACCEPTED, verdict.steps, "service_role", 200)

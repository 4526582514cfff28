"""What a probe asks: for each service one request that changes nothing and tells how it verifies.

Auth is asked who the caller is, PostgREST for a table that does not exist, Realtime for a
broadcast of no messages and for a socket that is closed again, Storage for its buckets, Functions
for one that does not exist. All of them judge the credential before they look at the rest.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.canaries import POWERFUL
from keyturn.profiles.request import Credential, CredentialKind

JWKS: Final = "/auth/v1/.well-known/jwks.json"
DISCOVERY: Final = "/auth/v1/.well-known/openid-configuration"
TENANTS: Final = "/realtime/v1/api/tenants"
TENANT_HOST: Final = "realtime-dev.keyturn-probe"
"""Realtime picks the tenant by the first label of ``Host``; the gateways write one like it."""
_NO_MESSAGES: Final = b'{"messages":[]}'
_RFC_6455_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One request; ``path`` follows the gateway's address, or the service's own when direct."""

    service: Kind
    credential: CredentialKind
    path: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    direct: bool = False
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    by_gateway: str
    direct: str
    body: bytes | None = None


def _routes(unused: str) -> Mapping[Kind, _Route]:
    """``unused`` is a name that no table and no function has."""
    return {
        Kind.AUTH: _Route("GET", "/auth/v1/user", "/user"),
        Kind.REST: _Route("GET", f"/rest/v1/{unused}?limit=1", f"/{unused}?limit=1"),
        Kind.REALTIME: _Route("POST", "/realtime/v1/api/broadcast", "/api/broadcast", _NO_MESSAGES),
        Kind.STORAGE: _Route("GET", "/storage/v1/bucket", "/bucket"),
        Kind.FUNCTIONS: _Route("GET", f"/functions/v1/{unused}", f"/{unused}"),
    }


def asks(
    canaries: Mapping[CredentialKind, Credential],
    direct: Iterable[Kind],
    *,
    unused: str,
    socket_key: str,
    with_service_role: bool = False,
) -> tuple[Ask, ...]:
    """Return every request of a probe, sockets first: Realtime waits 2 s before it refuses one.

    Credentials that act as ``service_role`` are left out unless ``with_service_role``.
    """
    sent = [one for kind, one in canaries.items() if with_service_role or kind not in POWERFUL]
    past_gateway = [kind for kind in VERIFIERS if kind in set(direct)]
    sockets = [ask for one in sent for ask in _sockets(one, past_gateway, socket_key)]
    routes = _routes(unused)
    others = [
        _ask(kind, routes[kind], one, direct=past)
        for past, kinds in ((False, VERIFIERS), (True, past_gateway))
        for kind in kinds
        for one in sent
    ]
    return tuple(sockets + others)


def tenants_headers(canaries: Mapping[CredentialKind, Credential]) -> dict[str, str] | None:
    """Return the headers of a stranger with a public key, None where there is no such key."""
    kinds = (CredentialKind.ANON_LEGACY, CredentialKind.PUBLISHABLE)
    found = next((canaries[kind] for kind in kinds if kind in canaries), None)
    return None if found is None else _headers(found)


def socket_accepted(socket_key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that only a WebSocket server answers (RFC 6455 §4.2)."""
    digest = hashlib.sha1(f"{socket_key}{_RFC_6455_GUID}".encode(), usedforsecurity=False)
    return b64encode(digest.digest()).decode("ascii")


def _ask(kind: Kind, route: _Route, credential: Credential, *, direct: bool) -> Ask:
    headers = _headers(credential)
    if route.body is not None:
        headers["content-type"] = "application/json"
    if direct and kind is Kind.REALTIME:
        headers["host"] = TENANT_HOST
    return Ask(
        service=kind,
        credential=_kind(credential),
        path=route.direct if direct else route.by_gateway,
        method=route.method,
        headers=headers,
        body=route.body,
        direct=direct,
    )


def _sockets(credential: Credential, direct: list[Kind], key: str) -> Iterator[Ask]:
    """A socket is opened with an API key; a user's token follows later, inside it.

    So by the gateway only API keys are tried. They travel in the address, as browsers must send
    them, which access logs keep: none that acts as ``service_role``.
    """
    kind = _kind(credential)
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key,
    }
    apikey = credential.apikey
    is_api_key = apikey is not None and credential.bearer in (None, apikey)
    if is_api_key and kind not in POWERFUL:
        path = f"/realtime/v1/websocket?apikey={quote(apikey or '', safe='')}&vsn=1.0.0"
        yield Ask(Kind.REALTIME, kind, path, headers=upgrade, websocket=True)
    token = credential.bearer or apikey
    if Kind.REALTIME in direct and token:
        headers = {**upgrade, "host": TENANT_HOST, "x-api-key": token}
        yield Ask(
            Kind.REALTIME,
            kind,
            "/socket/websocket?vsn=1.0.0",
            headers=headers,
            direct=True,
            websocket=True,
        )


def _headers(credential: Credential) -> dict[str, str]:
    headers = {"accept": "application/json"}
    if credential.apikey is not None:
        headers["apikey"] = credential.apikey
    if credential.bearer is not None:
        headers["authorization"] = f"Bearer {credential.bearer}"
    return headers


def _kind(credential: Credential) -> CredentialKind:
    if credential.kind is None:
        raise ValueError("a canary has a kind")
    return credential.kind

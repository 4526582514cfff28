"""Kong's or Envoy's decision about one request, by the profiles, with the gateway's own wording."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Kind
from keyturn.profiles import envoy, kong
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Verdict
from keyturn.standins.gateway.routes import Way

Config = kong.Config | envoy.Config
_FALLBACK: Final = 401


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway says itself."""

    status: int
    body: bytes
    content_type: str
    why: str = ""


def decide(
    config: Config | None, found: Way, path: str, credential: Credential, *, websocket: bool
) -> Request | Reply:
    """Return the request that the service gets, or the gateway's own refusal.

    Without a ``config`` the deployment has no gateway, and everything arrives as it was sent.
    """
    if config is None or (found.open and _is_open(config, path)):
        return _unchanged(found.kind, credential, websocket=websocket)
    if found.closed and _closes(config):
        return _say(config, 403, "Access is forbidden.", "the gateway's files close this route")
    trail = Trail("gateway")
    if isinstance(config, kong.Config):
        passed = kong.forward(config, credential, found.kind, trail, websocket=websocket)
    else:
        passed = envoy.forward(config, credential, found.kind, trail, websocket=websocket)
    if isinstance(passed, Verdict):
        if passed.status is None:  # a listener of the user's own: what it does cannot be told
            return _unchanged(found.kind, credential, websocket=websocket)
        return _say(config, passed.status, passed.message or "", passed.why)
    return passed


def unavailable(config: Config | None) -> Reply:
    """Return what a client sees while the service behind the gateway is away."""
    if isinstance(config, envoy.Config):
        text = "upstream connect error or disconnect/reset before headers. reset reason: "
        return Reply(503, (text + "remote connection failure").encode(), "text/plain")
    body = {"message": "An invalid response was received from the upstream server"}
    return Reply(502, json.dumps(body).encode(), "application/json")


def not_found(config: Config | None) -> Reply:
    """Return what a path gets that leads nowhere here."""
    return _say(config, 404, kong.NO_ROUTE, "")


def _say(config: Config | None, status: int, message: str, why: str) -> Reply:
    if isinstance(config, envoy.Config):
        return Reply(status, message.encode(), "text/plain", why)
    return Reply(status, json.dumps({"message": message}).encode(), "application/json", why)


def _is_open(config: Config, path: str) -> bool:
    """The gateway's file decides; where it does not tell, the path is open as in the official."""
    if isinstance(config, kong.Config):
        return kong.is_open(config, path)
    return envoy.is_open(config, path) is not False


def _closes(config: Config) -> bool:
    if isinstance(config, envoy.Config):
        return True
    route = config.file.routes.get("/realtime/v1/api/tenants")
    return route is not None and "request-termination" in route.plugins


def _unchanged(kind: Kind, credential: Credential, *, websocket: bool) -> Request:
    authorization = None if credential.bearer is None else f"Bearer {credential.bearer}"
    return Request(
        kind,
        authorization,
        credential.apikey,
        credential.apikey if websocket else None,
        websocket=websocket,
    )

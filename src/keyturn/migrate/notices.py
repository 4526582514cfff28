"""What users notice when a service is created anew: one sentence per kind of service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.deploy.inventory import Kind

NOTICES: Final[Mapping[Kind, str]] = {
    Kind.AUTH: "Sign-in and refresh are away for a few seconds; the clients try again.",
    Kind.REST: "REST requests of one or two seconds wait or are tried again.",
    Kind.REALTIME: "Realtime sockets reconnect once.",
    Kind.STORAGE: "Uploads that are under way in that second start again.",
    Kind.FUNCTIONS: "Edge Functions start cold once.",
    Kind.KONG: "Every connection through the gateway is closed once; clients reconnect.",
    Kind.ENVOY: "Every connection through the gateway is closed once; clients reconnect.",
    Kind.STUDIO: "The dashboard reloads.",
    Kind.POOLER: "Pooled database connections are closed once.",
}

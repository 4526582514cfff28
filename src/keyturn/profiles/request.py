"""A request as a client sends it, reduced to what decides about credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from keyturn.deploy.inventory import Kind


class CredentialKind(StrEnum):
    """The columns of doctor's matrix, in its order."""

    ANON_LEGACY = "anon legacy"
    SERVICE_LEGACY = "service legacy"
    PUBLISHABLE = "publishable"
    SECRET = "secret"  # noqa: S105 - the word Supabase uses for a kind of API key
    USER_ES256 = "user ES256"
    USER_HS256 = "user HS256"
    FORGED = "forged"
    EXPIRED = "expired"
    UNKNOWN_KID = "unknown kid"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client holds: an API key, and for a signed-in user a token as well."""

    kind: CredentialKind | None
    """None: pasted by the user."""
    apikey: str | None = field(repr=False)
    """The ``apikey`` header (or query parameter); None: not sent."""
    bearer: str | None = field(repr=False)
    """The token of ``Authorization: Bearer``; None: the header is not sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """The headers with which one service is asked, by the gateway or directly."""

    service: Kind
    authorization: str | None = field(default=None, repr=False)
    """The whole header, scheme included."""
    apikey: str | None = field(default=None, repr=False)
    x_api_key: str | None = field(default=None, repr=False)
    """What the gateways hand to Realtime."""
    sb_api_key: str | None = field(default=None, repr=False)
    """What the gateways hand to Edge Functions."""
    websocket: bool = False
    """Realtime is asked for a socket, not by REST."""

"""How flows speak HTTP: one request, one answer, limits kept by the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class HttpAnswer:
    """What came back; header names are lower case, the last of equal names wins."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float
    """From the start of the request to the last byte of the body."""


class HttpClient(Protocol):
    """Sends one request; follows no redirect, keeps no cookies, caches nothing."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Return the answer, whatever its status.

        Raises ``Unreachable`` when no answer came: refused, no such host, time out, TLS failure,
        or a body larger than the adapter's limit.
        """
        ...

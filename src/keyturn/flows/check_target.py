"""The deployment that is checked: its addresses, and requests as its own clients send them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from keyturn.flows.check_result import CheckFailed
from keyturn.flows.ports.http import HttpAnswer, HttpClient

JWKS_PATH = "/auth/v1/.well-known/jwks.json"


@dataclass(frozen=True)
class Target:
    """What to check, with whose credentials; ``repr`` shows none of them."""

    url: str
    """The gateway's address; a trailing slash or ``/auth/v1`` is taken off."""
    api_key: str | None = field(default=None, repr=False)
    email: str | None = None
    password: str = field(default="", repr=False)
    throw_away: bool = False
    """The user may be created, and is deleted afterwards when ``secret_key`` allows it."""
    secret_key: str | None = field(default=None, repr=False)
    table: str | None = None


class Deployment:
    """Sends the requests of a check."""

    def __init__(self, target: Target, http: HttpClient) -> None:
        self._http = http
        self._api_key = target.api_key
        self._secret_key = target.secret_key
        self.base = target.url.rstrip("/").removesuffix("/auth/v1")

    async def jwks(self, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """Fetch the public JWKS as any verifier would: without an API key."""
        return await self._http.send("GET", self.base + JWKS_PATH, headers=headers)

    async def auth(
        self, method: str, path: str, body: object = None, token: str = ""
    ) -> HttpAnswer:
        """Send a request to Auth with the API key and, when given, a user's token."""
        return await self._send(method, f"/auth/v1{path}", body, token)

    async def table(self, name: str, token: str) -> HttpAnswer:
        """Read at most one row of table ``name`` with a user's token."""
        return await self._send("GET", f"/rest/v1/{quote(name, safe='')}?limit=1", None, token)

    async def delete_user(self, user_id: str) -> HttpAnswer | None:
        """Delete a user with the secret key; None when there is none."""
        if self._secret_key is None:
            return None
        url = f"{self.base}/auth/v1/admin/users/{quote(user_id, safe='')}"
        # An opaque key counts only as apikey; a legacy JWT is its own bearer.
        headers = {"apikey": self._secret_key}
        if not self._secret_key.startswith("sb_"):
            headers["authorization"] = f"Bearer {self._secret_key}"
        return await self._http.send("DELETE", url, headers=headers)

    async def _send(self, method: str, path: str, body: object, token: str) -> HttpAnswer:
        headers = {"accept": "application/json"}
        if self._api_key:
            headers["apikey"] = self._api_key
        if token:
            headers["authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body).encode()
        return await self._http.send(method, self.base + path, headers=headers, body=content)


def read_json(answer: HttpAnswer, what: str) -> dict[str, Any]:
    """Return the JSON object of an answer; raises :class:`CheckFailed` when it is none."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        kind = answer.headers.get("content-type", "no content type")
        raise CheckFailed(
            f"{what} answered {answer.status} with {kind} instead of a JSON object.",
            hint="Is this the address of the gateway, without a path?",
        )
    return document


def complaint(answer: HttpAnswer) -> str:
    """Return what an error answer says about itself: GoTrue's, PostgREST's or the gateway's."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        text = answer.body[:120].decode("utf-8", "replace").strip()
        return f"{answer.status} {text}".rstrip()
    if not isinstance(document, dict):
        return str(answer.status)
    code = document.get("error_code") or document.get("code") or ""
    text = document.get("msg") or document.get("message") or document.get("error") or ""
    return " ".join(str(part) for part in (answer.status, code, text) if part)

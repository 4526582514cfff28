"""Hooks at a web address: signed by Standard Webhooks 1.0, three tries within five seconds."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import Message
from typing import Final

from keyturn.accounts.hooks import HookFailed, HttpHook
from keyturn.accounts.identifiers import uuid4_from
from keyturn.adapters import system
from keyturn.clock import unix
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.secret import Secret
from keyturn.secret_access import reveal

LARGEST_ANSWER: Final = 200 * 1024
SECONDS: Final = 5.0
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 2.0
_ANSWERED: Final = frozenset({200, 202, 204})
_BUSY: Final = frozenset({429, 503})
_UNAVAILABLE: Final = "Service currently unavailable due to hook"
_FAILURES: Final[Mapping[int, str]] = {
    400: "Invalid payload sent to hook",
    401: "Hook requires authorization token",
}


def signature(key: Secret, message_id: str, timestamp: int, payload: bytes) -> str:
    """Return one entry of ``webhook-signature`` (Standard Webhooks 1.0, *Signature scheme*)."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, payload)
    return "v1," + base64.b64encode(hmac.digest(reveal(key), signed, hashlib.sha256)).decode()


class HttpHooks:
    """Posts to hooks; ``clock`` and ``pause`` (seconds between tries) are for tests."""

    def __init__(
        self,
        http: HttpClient,
        *,
        clock: Callable[[], datetime] = system.now,
        pause: float = _PAUSE_SECONDS,
        seconds: float = SECONDS,
    ) -> None:
        """``http`` must allow answers above 200 KiB, so that they can be told from silence."""
        self._http = http
        self._clock = clock
        self._pause = pause
        self._seconds = seconds

    async def call(self, hook: HttpHook, payload: bytes) -> bytes | None:
        """Return the answer's body; raises ``HookFailed``."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._tries(hook, payload)
        except TimeoutError:
            text = f"Failed to reach hook within maximum time of {self._seconds:f} seconds"
            raise HookFailed(422, text, "hook_timeout") from None

    async def _tries(self, hook: HttpHook, payload: bytes) -> bytes | None:
        for left in reversed(range(_TRIES)):
            try:
                answer = await self._post(hook, payload)
            except Unreachable:
                if left:
                    await asyncio.sleep(self._pause)
                    continue
                raise HookFailed(
                    422, "Failed to reach hook after maximum retries", "hook_timeout_after_retry"
                ) from None
            if answer.status in _BUSY and answer.headers.get("retry-after"):
                if left:
                    await asyncio.sleep(self._pause)
                continue
            return _body(answer)
        raise HookFailed(500, _UNAVAILABLE)

    async def _post(self, hook: HttpHook, payload: bytes) -> HttpAnswer:
        message_id = uuid4_from(system.entropy(16))
        sent_at = unix(self._clock())
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "webhook-id": message_id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": " ".join(
                signature(key, message_id, sent_at, payload) for key in hook.keys
            ),
        }
        return await self._http.send("POST", hook.url, headers=headers, body=payload)


def _body(answer: HttpAnswer) -> bytes | None:
    if answer.status in _BUSY:
        raise HookFailed(500, _UNAVAILABLE)
    if answer.status not in _ANSWERED:
        unexpected = f"Unexpected status code returned from hook: {answer.status}"
        raise HookFailed(500, _FAILURES.get(answer.status, unexpected))
    kind = answer.headers.get("content-type", "")
    if not kind and answer.status == 204:
        return None
    _require_json(kind)
    if len(answer.body) > LARGEST_ANSWER:
        raise HookFailed(
            422,
            f"Payload size exceeded size limit of {LARGEST_ANSWER} bytes",
            "hook_payload_over_size_limit",
        )
    return answer.body


def _require_json(kind: str) -> None:
    header = Message()
    header["content-type"] = kind
    if not kind:
        text = "Invalid Content-Type: Missing Content-Type header"
    elif header.get_content_type() != "application/json":
        text = "Invalid JSON response. Received content-type: " + kind[:200]
    else:
        return
    raise HookFailed(400, text, "hook_payload_invalid_content_type")

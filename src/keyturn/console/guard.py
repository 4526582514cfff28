"""The wall around the console: this machine only, its own names only, nothing from elsewhere.

Every answer carries the headers below, errors too. The pages have no inline script and no inline
style, and the policy says so to the browser: the one script is a file of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from keyturn.console.errors import TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY: Final = 65_536
_LOCAL_ONLY: Final = (
    b"The console is shown only on the machine that runs Keyturn, at the address it printed.\n"
    b"From elsewhere, forward the port: ssh -L 8000:127.0.0.1:8000 HOST\n"
)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# `same-origin`, not `no-referrer`: with the latter browsers send `Origin: null` with our own forms.
ALWAYS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


def guarded(app: App, host: str) -> App:
    """Return ``app`` behind the wall; ``host`` is the name or address of this machine."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            sending = _with_headers(send)
            if is_local(scope, host):
                await app(scope, _bounded(receive), sending)
            else:
                await _refuse(sending)

    return serve


def client_of(scope: Scope) -> str:
    """Return who asks. Behind the gateway ``x-forwarded-for`` is the one address that it saw."""
    peer = scope.get("client") or ("",)
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            return str(value.decode("latin-1"))
    return str(peer[0])


def is_local(scope: Scope, host: str) -> bool:
    """Tell whether the request comes from this machine, whose own name or address is ``host``.

    Both ends count: who asks, and whom the request names. Another site's name that points here
    (DNS rebinding) is refused, and so is a proxy's public one.
    """
    names = [value for name, value in scope["headers"] if name == b"host"]
    if len(names) != 1:
        return False
    try:
        name = urlsplit("//" + names[0].decode("latin-1")).hostname
    except ValueError:
        return False
    return _is_ours(client_of(scope), host) and (name == "localhost" or _is_ours(name or "", host))


def _is_ours(text: str, host: str) -> bool:
    return text == host or _is_loopback(text)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [*message.get("headers", ()), *ALWAYS]
            if not any(name == b"cache-control" for name, _ in own):
                own.append((b"cache-control", b"no-store"))
            message = {**message, "headers": own}
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    """Raise :class:`TooLarge` when more than :data:`LARGEST_BODY` bytes arrive."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise TooLarge
        return message

    return receiving


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_LOCAL_ONLY)).encode()),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _LOCAL_ONLY})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

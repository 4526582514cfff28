"""The wall around the console: its own names only, nothing from elsewhere.

Every answer carries the headers below, errors too. The pages have no inline script and no inline
style, and the policy says so to the browser: the one script is a file of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from keyturn.console.errors import TooLarge
from keyturn.console.origin import OWN, Names, Origin, Scope, client_of, origin_of

__all__ = ["client_of", "guarded"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY: Final = 65_536
_LOCAL_ONLY: Final = (
    b"The console is shown only on the machine that runs Keyturn, at the address it printed.\n"
    b"From elsewhere, forward the port: ssh -L 8000:127.0.0.1:8000 HOST\n"
    b"or give it a public address: keyturn up --console-origin https://NAME --trusted-hops N\n"
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


def guarded(app: App, host: str, public: Origin | None = None, hops: int = 0) -> App:
    """Return ``app`` behind the wall; ``host`` is the name or address of this machine.

    ``public`` is the one other origin under which it answers, behind ``hops`` trusted proxies.
    """
    names = Names(host, public, hops)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            sending = _with_headers(send)
            origin = origin_of(scope, names)
            if origin is not None:
                await app({**scope, OWN: origin}, _bounded(receive), sending)
            else:
                await _refuse(sending)

    return serve


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

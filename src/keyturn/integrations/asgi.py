"""ASGI middleware: verified claims in ``scope["state"]``, refusals answered per RFC 6750.

Pure ASGI, so it serves Starlette, FastAPI, Litestar and everything else that speaks it; there,
``scope["state"]["claims"]`` is ``request.state.claims``. Imports no framework.
"""

from __future__ import annotations

from collections.abc import Collection

from keyturn.errors import KeyturnError
from keyturn.integrations.bearer import Refusal, TokenMissing, checked_realm, presented
from keyturn.integrations.protocol import App, Claims, Receive, Scope, Send, VerifiesTokens

TRY_AGAIN_LATER = 1013
UNAUTHENTICATED = 4401


class BearerMiddleware:
    """Lets a request through with the claims of its token, or answers it.

    Behind it, ``request.state.claims`` is the mapping of claims, or None for a request that was
    let through without a token. WebSockets are held to the same header; a browser cannot send it,
    so list such a path in ``public_paths`` and use :mod:`keyturn.integrations.websocket` there.
    """

    def __init__(
        self,
        app: App,
        verifier: VerifiesTokens,
        *,
        anonymous: bool = False,
        public_paths: Collection[str] = (),
        realm: str = "api",
    ) -> None:
        """Wrap ``app``.

        ``anonymous`` lets requests without a token through; a token that is presented must be
        good all the same. ``public_paths`` are exact paths where no token is looked at.
        """
        self._app = app
        self._verifier = verifier
        self._anonymous = anonymous
        self._public = frozenset(public_paths)
        self._realm = checked_realm(realm)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; ``lifespan`` and the like pass untouched."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            claims = await self._claims(scope)
        except KeyturnError as error:
            await _refuse(Refusal(error, self._realm), scope, receive, send)
            return
        scope.setdefault("state", {})["claims"] = claims
        await self._app(scope, receive, send)

    async def _claims(self, scope: Scope) -> Claims | None:
        if scope["path"] in self._public:
            return None
        try:
            token = presented(authorization(scope))
        except TokenMissing:
            if self._anonymous:
                return None
            raise
        return await self._verifier.verify(token)


def authorization(scope: Scope) -> list[str]:
    """The values of every ``Authorization`` header of an ASGI ``scope``, in order."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    prefix = "http" if scope["type"] == "http" else "websocket.http"
    if prefix == "websocket.http":
        await receive()  # websocket.connect
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            code = UNAUTHENTICATED if refusal.challenge else TRY_AGAIN_LATER
            await send({"type": "websocket.close", "code": code, "reason": refusal.code})
            return
    headers = {**refusal.headers, "Content-Length": str(len(refusal.body))}
    await send(
        {
            "type": f"{prefix}.response.start",
            "status": refusal.status,
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        }
    )
    await send({"type": f"{prefix}.response.body", "body": refusal.body})

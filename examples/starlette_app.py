"""Starlette behind Keyturn's ASGI middleware.

Run it for the Supabase API at an address:

    python examples/starlette_app.py https://api.example.com
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from keyturn import Verifier
from keyturn.integrations.asgi import BearerMiddleware
from keyturn.integrations.protocol import VerifiesTokens


async def whoami(request: Request) -> JSONResponse:
    """Tell the caller who the token says they are."""
    return JSONResponse({"sub": request.state.claims["sub"]})


async def health(_request: Request) -> JSONResponse:
    """Answer the load balancer, which has no token."""
    return JSONResponse({"ok": True})


def create_app(verifier: VerifiesTokens) -> Starlette:
    """Return the application."""
    return Starlette(
        routes=[Route("/whoami", whoami), Route("/health", health)],
        middleware=[Middleware(BearerMiddleware, verifier, public_paths={"/health"})],
    )


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    uvicorn.run(create_app(verifier), port=8010)

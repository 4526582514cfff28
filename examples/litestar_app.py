"""Litestar behind Keyturn's ASGI middleware.

Run it for the Supabase API at an address:

    python examples/litestar_app.py https://api.example.com
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from litestar import Litestar, Request, get
from litestar.middleware import DefineMiddleware

from keyturn import Verifier
from keyturn.integrations.asgi import BearerMiddleware
from keyturn.integrations.protocol import VerifiesTokens


@get("/whoami")
async def whoami(request: Request[Any, Any, Any]) -> dict[str, object]:
    """Tell the caller who the token says they are."""
    return {"sub": request.state.claims["sub"]}


@get("/health")
async def health() -> dict[str, bool]:
    """Answer the load balancer, which has no token."""
    return {"ok": True}


def create_app(verifier: VerifiesTokens) -> Litestar:
    """Return the application."""
    guard = DefineMiddleware(BearerMiddleware, verifier=verifier, public_paths={"/health"})
    return Litestar([whoami, health], middleware=[guard])


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    uvicorn.run(create_app(verifier), port=8015)

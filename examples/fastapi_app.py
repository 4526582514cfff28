"""FastAPI with Keyturn's dependencies; the interactive docs at /docs have an Authorize button.

Run it for the Supabase API at an address:

    python examples/fastapi_app.py https://api.example.com
"""

# No `from __future__ import annotations` here: FastAPI evaluates these annotations, and a text
# could not name the dependencies, which are variables of a function.
import sys
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI

from keyturn import Verifier
from keyturn.integrations.fastapi import Claims, bearer, optional_bearer
from keyturn.integrations.protocol import VerifiesTokens


def create_app(verifier: VerifiesTokens) -> FastAPI:
    """Return the application."""
    app = FastAPI()
    verified = bearer(verifier)
    verified_if_any = optional_bearer(verifier)

    @app.get("/whoami")
    async def whoami(claims: Annotated[Claims, Depends(verified)]) -> dict[str, object]:
        return {"sub": claims["sub"]}

    @app.get("/greeting")
    async def greeting(claims: Annotated[Claims | None, Depends(verified_if_any)]) -> str:
        return "hello, stranger" if claims is None else f"hello, {claims['sub']}"

    return app


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    uvicorn.run(create_app(verifier), port=8011)

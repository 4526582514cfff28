"""FastAPI dependencies that give a path operation the claims of a verified bearer token.

``Annotated[Claims, Depends(bearer(verifier))]`` is all that an operation writes; the OpenAPI
document then shows the security scheme, and the interactive docs get their Authorize button.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request, Security
from fastapi.security import HTTPBearer

from keyturn.errors import KeyturnError
from keyturn.integrations.bearer import Refusal, TokenMissing, checked_realm, presented
from keyturn.integrations.protocol import Claims, VerifiesTokens

__all__ = ["Claims", "bearer", "optional_bearer"]

SCHEME_NAME = "bearer"


def bearer(
    verifier: VerifiesTokens, *, realm: str = "api", scheme_name: str = SCHEME_NAME
) -> Callable[..., Awaitable[Claims]]:
    """Return a dependency that yields the claims of the request's token.

    Raises FastAPI's HTTPException (400, 401 or 503) with ``{"code", "message"}`` as its detail.
    ``scheme_name`` is the scheme's name in the OpenAPI document.
    """
    checked_realm(realm)
    scheme = _scheme(scheme_name)

    async def verified(request: Request, _documented: object = Security(scheme)) -> Claims:
        try:
            return await verifier.verify(presented(request.headers.getlist("authorization")))
        except KeyturnError as error:
            raise _problem(error, realm) from None

    return verified


def optional_bearer(
    verifier: VerifiesTokens, *, realm: str = "api", scheme_name: str = SCHEME_NAME
) -> Callable[..., Awaitable[Claims | None]]:
    """As :func:`bearer`, but None for a request without a token; a bad one is refused."""
    checked_realm(realm)
    scheme = _scheme(scheme_name)

    async def verified(request: Request, _documented: object = Security(scheme)) -> Claims | None:
        try:
            return await verifier.verify(presented(request.headers.getlist("authorization")))
        except TokenMissing:
            return None
        except KeyturnError as error:
            raise _problem(error, realm) from None

    return verified


def _scheme(name: str) -> HTTPBearer:
    # Only documents: it accepts broken headers as "no token", so the header is read here.
    return HTTPBearer(scheme_name=name, bearerFormat="JWT", auto_error=False)


def _problem(error: KeyturnError, realm: str) -> HTTPException:
    refusal = Refusal(error, realm)
    headers = {name: value for name, value in refusal.headers.items() if name != "Content-Type"}
    return HTTPException(refusal.status, detail=refusal.detail, headers=headers)

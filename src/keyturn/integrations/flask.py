"""A Flask decorator: the view runs with the claims of a verified token in ``g.claims``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, abort, current_app, g, request

from keyturn.errors import KeyturnError
from keyturn.integrations.bearer import Refusal, TokenMissing, checked_realm, presented
from keyturn.integrations.protocol import Claims, VerifiesTokens

View = TypeVar("View", bound=Callable[..., Any])


def requires_token(
    verifier: VerifiesTokens, *, anonymous: bool = False, realm: str = "api"
) -> Callable[[View], Callable[..., Any]]:
    """Return a decorator for views; put it nearest to the function, below ``@app.route``.

    ``anonymous`` runs the view without a token too, with ``g.claims`` None; a token that is
    presented must be good all the same. Refusals abort the request with 400, 401 or 503.
    """
    checked_realm(realm)

    def decorate(view: View) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                g.claims = _claims(verifier, anonymous)
            except KeyturnError as error:
                _refuse(Refusal(error, realm))
            return current_app.ensure_sync(view)(*args, **kwargs)

        return guarded

    return decorate


def _claims(verifier: VerifiesTokens, anonymous: bool) -> Claims | None:
    try:
        token = presented(request.headers.getlist("Authorization"))
    except TokenMissing:
        if anonymous:
            return None
        raise
    return verifier.verify_now(token)


def _refuse(refusal: Refusal) -> None:
    abort(Response(refusal.body, status=refusal.status, headers=refusal.headers))

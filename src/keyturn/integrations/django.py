"""Django: a middleware that sets ``request.claims``, and an authentication class in DRF's shape.

Settings: ``KEYTURN_VERIFIER`` (a verifier, or the dotted path of one; required),
``KEYTURN_ANONYMOUS`` (default False: the middleware refuses requests without a token) and
``KEYTURN_REALM`` (default "api"). Django REST framework is not imported: it is used if present.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from keyturn.errors import KeyturnError
from keyturn.integrations.bearer import Refusal, TokenMissing, checked_realm, presented
from keyturn.integrations.protocol import Claims, VerifiesTokens

CHALLENGE: Final = "keyturn_challenge"  # where a request remembers how its token was refused


class BearerMiddleware:
    """Verify the token of every request; ``request.claims`` are its claims, None without one.

    Works under WSGI and ASGI: with an asynchronous handler nothing blocks the event loop.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """``get_response`` is the rest of Django's chain, a function or a coroutine function."""
        self._get_response = get_response
        self._verifier = configured_verifier()
        self._anonymous = bool(getattr(settings, "KEYTURN_ANONYMOUS", False))
        self._realm = configured_realm()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer ``request``, or return an awaitable that does."""
        if self._is_async:
            return self._answer_async(request)
        try:
            token = self._token(request)
            request.claims = None if token is None else self._verifier.verify_now(token)
        except KeyturnError as error:
            return _answer(Refusal(error, self._realm))
        return cast(HttpResponse, self._get_response(request))

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        try:
            token = self._token(request)
            request.claims = None if token is None else await self._verifier.verify(token)
        except KeyturnError as error:
            return _answer(Refusal(error, self._realm))
        return cast(HttpResponse, await self._get_response(request))

    def _token(self, request: HttpRequest) -> str | None:
        try:
            return presented(_authorization(request))
        except TokenMissing:
            if self._anonymous:
                return None
            raise


@dataclass(frozen=True)
class TokenUser:
    """Who a token speaks for, as far as Django's and DRF's permission checks want to know.

    It is no row of a database: ``pk`` is the subject, and ``claims`` say everything else.
    """

    claims: Claims = field(repr=False)
    is_authenticated: bool = field(default=True, init=False)
    is_anonymous: bool = field(default=False, init=False)
    is_active: bool = field(default=True, init=False)

    @property
    def pk(self) -> str:
        """The subject of the token; empty when it has none (as an API key)."""
        return str(self.claims.get("sub", ""))

    id = pk

    def __str__(self) -> str:
        """Return the subject."""
        return self.pk


class BearerAuthentication:
    """A class for DRF's ``authentication_classes``; DRF itself is not imported here.

    ``request.user`` becomes a :class:`TokenUser` and ``request.auth`` the claims. Without a token
    it passes, so DRF tries the next class, and permissions decide.
    """

    def authenticate(self, request: Any) -> tuple[TokenUser, Claims] | None:
        """Return user and claims, or None without a token; raises what DRF answers with 401."""
        try:
            claims = configured_verifier().verify_now(presented(_authorization(request)))
        except TokenMissing:
            return None
        except KeyturnError as error:
            refusal = Refusal(error, configured_realm())
            setattr(request, CHALLENGE, refusal.challenge)
            raise _failure(refusal, error) from None
        return TokenUser(claims), claims

    def authenticate_header(self, request: Any) -> str:
        """Return ``WWW-Authenticate``: how the token was refused, or that one is needed."""
        told = getattr(request, CHALLENGE, None)
        return told or cast(str, Refusal(TokenMissing(), configured_realm()).challenge)


def configured_verifier() -> VerifiesTokens:
    """Return the verifier of the settings; raises Django's ImproperlyConfigured without one."""
    chosen = getattr(settings, "KEYTURN_VERIFIER", None)
    if chosen is None:
        raise ImproperlyConfigured(
            "KEYTURN_VERIFIER is not set; expected a keyturn.Verifier or the dotted path of one"
        )
    return cast(VerifiesTokens, import_string(chosen) if isinstance(chosen, str) else chosen)


def configured_realm() -> str:
    """Return the realm of the settings, fit for a header."""
    return checked_realm(getattr(settings, "KEYTURN_REALM", "api"))


def _authorization(request: Any) -> list[str]:
    header = request.META.get("HTTP_AUTHORIZATION")
    return [] if header is None else [header]  # WSGI servers join repeated headers with a comma


def _answer(refusal: Refusal) -> HttpResponse:
    return HttpResponse(refusal.body, status=refusal.status, headers=refusal.headers)


def _failure(refusal: Refusal, error: KeyturnError) -> Exception:
    """DRF's own exception if DRF is what called us, else the error itself.

    DRF answers only its own exceptions, and whoever is called by it finds it imported already.
    """
    framework = sys.modules.get("rest_framework.exceptions")
    if framework is None:
        return error
    kind = framework.APIException if refusal.challenge is None else framework.AuthenticationFailed
    failure = cast(Exception, kind(refusal.detail, code=refusal.code))
    vars(failure)["status_code"] = refusal.status
    return failure

"""Django beyond the example: requests without a token, and the class in DRF's shape."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory, override_settings
from examples import django_app
from tests.support.bearers import Issuer

from keyturn.integrations.django import BearerAuthentication, BearerMiddleware, TokenUser
from keyturn.jose.errors import TokenRejected


@pytest.fixture(autouse=True)
def configured(issuer: Issuer) -> Iterator[None]:
    if not settings.configured:
        django_app.configure(issuer.verifier)
    with override_settings(KEYTURN_VERIFIER=issuer.verifier):
        yield


def request_with(token: str | None) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return RequestFactory().get("/", headers=headers)


def test_anonymous_requests_pass_where_the_settings_allow_them(issuer: Issuer) -> None:
    seen: list[object] = []

    def view(request: Any) -> str:
        seen.append(request.claims)
        return "answered"

    with override_settings(KEYTURN_ANONYMOUS=True):
        middleware: Any = BearerMiddleware(view)
        assert middleware(request_with(None)) == "answered"
        assert seen == [None]
        assert middleware(request_with(issuer.forged())).status_code == 401


def test_the_realm_is_the_settings(issuer: Issuer) -> None:
    with override_settings(KEYTURN_REALM="shop"):
        assert Client().get("/whoami").headers["WWW-Authenticate"] == 'Bearer realm="shop"'


def test_a_verifier_that_is_not_there_is_told_at_the_start(issuer: Issuer) -> None:
    path = "examples.django_app.missing"
    with override_settings(KEYTURN_VERIFIER=path), pytest.raises(ImportError):
        BearerMiddleware(lambda _: None)
    with override_settings(KEYTURN_VERIFIER=None), pytest.raises(ImproperlyConfigured):
        BearerMiddleware(lambda _: None)


def test_the_authentication_class_gives_user_and_claims(issuer: Issuer) -> None:
    found = BearerAuthentication().authenticate(request_with(issuer.token("ada")))
    assert found is not None
    user, claims = found
    assert isinstance(user, TokenUser)
    assert (user.pk, str(user), user.is_authenticated, user.is_anonymous) == (
        "ada",
        "ada",
        True,
        False,
    )
    assert claims["sub"] == "ada"


def test_the_authentication_class_leaves_other_schemes_to_others() -> None:
    request = request_with(None)
    assert BearerAuthentication().authenticate(request) is None
    assert BearerAuthentication().authenticate_header(request) == 'Bearer realm="api"'


def test_without_drf_the_rejection_itself_is_raised(issuer: Issuer) -> None:
    request = request_with(issuer.forged())
    with pytest.raises(TokenRejected):
        BearerAuthentication().authenticate(request)
    assert 'error="invalid_token"' in BearerAuthentication().authenticate_header(request)


def test_with_drf_its_own_exception_is_raised(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class APIException(Exception):
        """As in rest_framework.exceptions, as far as it is used."""

        def __init__(self, detail: object, code: str) -> None:
            super().__init__(detail)
            self.detail, self.code = detail, code

    class AuthenticationFailed(APIException):
        """DRF answers it with 401 and authenticate_header()."""

    module = ModuleType("rest_framework.exceptions")
    vars(module).update(APIException=APIException, AuthenticationFailed=AuthenticationFailed)
    monkeypatch.setitem(sys.modules, "rest_framework.exceptions", module)
    with pytest.raises(AuthenticationFailed) as failed:
        BearerAuthentication().authenticate(request_with(issuer.bad("expired")))
    assert failed.value.code == "token_expired"
    assert vars(failed.value)["status_code"] == 401

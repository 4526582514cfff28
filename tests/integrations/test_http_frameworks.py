"""The same requests to every HTTP framework, each with its example: one behaviour, one code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import AsyncClient, Client
from examples import django_app, fastapi_app, flask_app, starlette_app
from fastapi import FastAPI
from tests.support.bearers import CODES, Issuer, authorized

from keyturn.errors import KeyturnError
from keyturn.integrations.protocol import Claims


@dataclass(frozen=True)
class Got:
    """What a client sees."""

    status: int
    headers: dict[str, str]
    text: str
    json: Any


Get = Callable[[object, str, dict[str, str]], Awaitable[Got]]


async def over_asgi(app: Any, path: str, headers: dict[str, str]) -> Got:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        found = await client.get(path, headers=headers)
    return Got(found.status_code, lowered(found.headers), found.text, found.json())


async def starlette(verifier: Any, path: str, headers: dict[str, str]) -> Got:
    return await over_asgi(starlette_app.create_app(verifier), path, headers)


async def fastapi(verifier: Any, path: str, headers: dict[str, str]) -> Got:
    got = await over_asgi(fastapi_app.create_app(verifier), path, headers)
    told = got.json.get("detail", got.json)  # FastAPI's place for a problem
    return Got(got.status, got.headers, got.text, told)


async def flask(verifier: Any, path: str, headers: dict[str, str]) -> Got:
    found = flask_app.create_app(verifier).test_client().get(path, headers=headers)
    return Got(found.status_code, lowered(found.headers), found.text, found.get_json())


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def configured_django(verifier: Any) -> None:
    if not settings.configured:
        django_app.configure(verifier)
    settings.KEYTURN_VERIFIER = verifier


async def django_sync(verifier: Any, path: str, headers: dict[str, str]) -> Got:
    configured_django(verifier)
    found = Client().get(path, headers=headers)
    return Got(found.status_code, lowered(found.headers), found.text, found.json())


async def django_async(verifier: Any, path: str, headers: dict[str, str]) -> Got:
    configured_django(verifier)
    found = await AsyncClient().get(f"{path}-async", headers=headers)
    return Got(found.status_code, lowered(found.headers), found.text, found.json())


FRAMEWORKS = [starlette, fastapi, flask, django_sync, django_async]
each_framework = pytest.mark.parametrize("get", FRAMEWORKS, ids=lambda get: get.__name__)


@each_framework
async def test_a_good_token_reaches_the_handler_with_its_claims(get: Get, issuer: Issuer) -> None:
    got = await get(issuer.verifier, "/whoami", authorized(issuer.token("grace")))
    assert (got.status, got.json) == (200, {"sub": "grace"})


@each_framework
async def test_the_scheme_is_case_insensitive(get: Get, issuer: Issuer) -> None:
    got = await get(issuer.verifier, "/whoami", {"Authorization": f"bEARER {issuer.token()}"})
    assert got.status == 200


@each_framework
@pytest.mark.parametrize("kind", CODES)
async def test_a_bad_token_is_401_with_its_code_and_is_not_repeated(
    get: Get, kind: str, issuer: Issuer
) -> None:
    token = issuer.bad(kind)
    got = await get(issuer.verifier, "/whoami", authorized(token))
    assert (got.status, got.json["code"]) == (401, CODES[kind])
    challenge = got.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="api", error="invalid_token", error_description="')
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["content-type"] == "application/json"
    assert token not in got.text + challenge


@each_framework
@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic YTpi"}], ids=["none", "basic"])
async def test_no_token_is_401_without_an_error_in_the_challenge(
    get: Get, header: dict[str, str], issuer: Issuer
) -> None:
    got = await get(issuer.verifier, "/whoami", header)
    assert (got.status, got.json["code"]) == (401, "token_missing")
    assert got.headers["www-authenticate"] == 'Bearer realm="api"'


@each_framework
@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Bearer a, Bearer b", 'Bearer a"b'])
async def test_a_broken_header_is_400(get: Get, value: str, issuer: Issuer) -> None:
    got = await get(issuer.verifier, "/whoami", {"Authorization": value})
    assert (got.status, got.json["code"]) == (400, "request_malformed")
    assert 'error="invalid_request"' in got.headers["www-authenticate"]


class KeylessVerifier:
    """A verifier whose issuer has been down since the start."""

    def verify_now(self, token: str) -> Claims:
        raise KeyturnError(f"nothing answers at https://internal.example, asked for {token}")

    async def verify(self, token: str) -> Claims:
        return self.verify_now(token)


@each_framework
async def test_without_keys_it_is_503_and_internal_names_stay_inside(
    get: Get, issuer: Issuer
) -> None:
    got = await get(KeylessVerifier(), "/whoami", authorized(issuer.token()))
    assert (got.status, got.json["code"]) == (503, "verifier_unavailable")
    assert "internal.example" not in got.text
    assert got.headers["retry-after"] == "5"
    assert "www-authenticate" not in got.headers


@pytest.mark.parametrize("get", [fastapi_app, flask_app], ids=["fastapi", "flask"])
async def test_an_optional_token_may_be_absent_but_not_bad(get: Any, issuer: Issuer) -> None:
    async def greeting(headers: dict[str, str]) -> tuple[int, str]:
        app = get.create_app(issuer.verifier)
        if not isinstance(app, FastAPI):
            found = app.test_client().get("/greeting", headers=headers)
            return found.status_code, found.text
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answer = await client.get("/greeting", headers=headers)
        return answer.status_code, answer.text.strip('"')

    assert await greeting({}) == (200, "hello, stranger")
    assert await greeting(authorized(issuer.token("ada"))) == (200, "hello, ada")
    assert (await greeting(authorized(issuer.forged())))[0] == 401
    assert (await greeting({"Authorization": "Bearer"}))[0] == 400


async def test_fastapi_documents_the_scheme(issuer: Issuer) -> None:
    schema = fastapi_app.create_app(issuer.verifier).openapi()
    assert schema["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    assert schema["paths"]["/whoami"]["get"]["security"] == [{"bearer": []}]
    assert "parameters" not in schema["paths"]["/whoami"]["get"]

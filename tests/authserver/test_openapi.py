"""The OpenAPI document: valid, complete, and the same for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from tests.support.contracts import undeclared

from keyturn.authserver.bodies import SignUpBody
from keyturn.authserver.contract import contract_of, declares
from keyturn.authserver.document import Document
from keyturn.authserver.exchange import Exchange, Reply
from keyturn.authserver.reporting import RequestLine
from keyturn.authserver.routes import Endpoint

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]


async def test_it_is_valid_and_has_every_route(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        answer = await auth.http.get("/openapi.json")
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        served = auth.app.routes.served
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$defs": {}})
    listed = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert listed == {(method, re.sub(r":\w+", "", path)) for method, path in served}
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))


async def test_it_tells_nothing_of_an_installation(open_server: OpenAuth) -> None:
    async with (
        open_server() as one,
        open_server(
            GOTRUE_SITE_URL="https://other.example.com",
            GOTRUE_DISABLE_SIGNUP="true",
            GOTRUE_RATE_LIMIT_HEADER="X-Forwarded-For",
        ) as other,
    ):
        first = (await one.http.get("/openapi.json")).content
        assert (await other.http.get("/openapi.json")).content == first


async def test_it_names_bodies_answers_and_codes(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        document = (await auth.http.get("/openapi.json")).json()
    sign_up = document["paths"]["/signup"]["post"]
    body = sign_up["requestBody"]["content"]["application/json"]["schema"]
    assert body["allOf"][0] == {"$ref": "#/components/schemas/SignUpBody"}
    members = document["components"]["schemas"]["SignUpBody"]["properties"]
    assert set(members) == set(SignUpBody.__struct_fields__)
    assert "user_already_exists" in sign_up["responses"]["422"]["description"]
    assert "captcha_failed" in sign_up["responses"]["400"]["description"]
    user = document["components"]["schemas"]["UserJson"]
    assert "id" in user["required"]
    assert "deleted_at" not in user["required"]


async def test_an_absent_path_is_not_taken_for_the_id_beside_it(open_server: OpenAuth) -> None:
    """``/user/identities/authorize`` is no identity, though one may be deleted there."""
    async with open_server() as auth:
        answer = await auth.http.get("/user/identities/authorize")
        assert answer.status_code in {401, 404}, answer.text


def test_a_handler_that_declares_nothing_is_named() -> None:
    async def silent(exchange: Exchange) -> Reply:
        raise AssertionError

    with pytest.raises(LookupError, match="GET /silent"):
        Document([Endpoint("GET", "/silent", silent)])


def test_an_answer_that_is_not_declared_is_found() -> None:
    @declares(gives={204: None}, refuses="not_admin")
    async def quiet(exchange: Exchange) -> Reply:
        raise AssertionError

    assert contract_of(quiet)
    routes: Any = SimpleNamespace(endpoints=(Endpoint("GET", "/quiet", quiet),))

    def line(status: int, code: str | None = None) -> RequestLine:
        return RequestLine("1", "GET", "/quiet", status, 0.1, "", code)

    assert (
        undeclared(routes, [line(204), line(403, "not_admin"), line(504, "request_timeout")]) == []
    )
    assert undeclared(routes, [line(200), line(404, "user_not_found")]) == [
        "GET /quiet: 200 ",
        "GET /quiet: 404 user_not_found",
    ]

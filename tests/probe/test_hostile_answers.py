"""A probe against everything else that may stand at an address."""

from __future__ import annotations

import pytest
from tests.probe.asking import Stack, ask
from tests.probe.deployment import Request, Response, serving

from keyturn.adapters.probe import probe
from keyturn.deploy.inventory import Kind
from keyturn.doctor.facts import Unknown


async def test_redirects_are_answers_and_nobody_else_is_asked(stack: Stack) -> None:
    lured: list[Request] = []

    async def elsewhere(request: Request) -> Response:
        lured.append(request)
        return Response(200, [])

    async with serving(elsewhere) as other:

        async def redirect(request: Request) -> Response:
            return Response(307, b"", {"location": f"http://127.0.0.1:{other}{request.target}"})

        async with serving(redirect) as port:
            facts = await ask(port, stack)
    assert not lured
    assert {(one.status, one.accepted) for one in facts.answers} == {(307, None)}
    assert all("not followed" in (one.message or "") for one in facts.answers)
    assert (facts.jwks_status, facts.jwks_kids) == (307, ())


async def test_a_catch_all_that_says_yes_to_everybody_proves_nothing(stack: Stack) -> None:
    async def lie(request: Request) -> Response:
        return Response(200, b"<!doctype html><title>Studio</title>", {"content-type": "text/html"})

    async with serving(lie) as port:
        facts = await ask(port, stack)
    assert {one.accepted for one in facts.answers} == {None}
    assert facts.jwks_problem is not None
    assert facts.discovery == {}


async def test_a_server_that_plays_back_what_it_got_plants_nothing(stack: Stack) -> None:
    async def echo(request: Request) -> Response:
        everything = f"{request.target} {dict(request.headers)}"
        return Response(
            401,
            {"code": everything, "message": everything, "error": everything, "msg": everything},
            {"cache-control": "x" * 5000, "age": "\x1b[31m"},
        )

    async with serving(echo) as port:
        facts = await ask(port, stack)
    shown = repr(facts)
    for one in stack.canaries(everything=True).values():
        for text in (one.apikey, one.bearer):
            assert text is None or text not in shown
    assert "eyJ" not in shown
    assert "sb_" not in shown
    assert "\x1b" not in shown
    assert all(len(one.message or "") <= 200 for one in facts.answers)
    assert len(facts.jwks_cache_control or "") <= 200


async def test_a_published_secret_is_said_and_not_repeated(stack: Stack) -> None:
    async def leak(request: Request) -> Response:
        if request.path.endswith("jwks.json"):
            return Response(200, {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldA"}]})
        return await stack.deployment.handle(request)

    async with serving(leak) as port:
        facts = await ask(port, stack)
    assert facts.jwks_leaks == ("k",)
    assert "c2VjcmV0" not in repr(facts)


async def test_an_answer_without_end_is_given_up(stack: Stack) -> None:
    async def huge(request: Request) -> Response | bytes:
        if request.path.startswith("/rest"):
            return b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000
        return await stack.deployment.handle(request)

    async with serving(huge) as port:
        facts = await ask(port, stack)
    mine = [one for one in facts.answers if one.service is Kind.REST]
    assert {(one.status, one.accepted) for one in mine} == {(None, None)}
    assert all("more than 65536 bytes" in (one.message or "") for one in mine), mine


@pytest.mark.parametrize("raw", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 99])
async def test_what_is_not_http_is_unknown(stack: Stack, raw: bytes) -> None:
    async def other(request: Request) -> bytes:
        return raw

    async with serving(other) as port:
        facts = await probe(f"http://127.0.0.1:{port}", stack.canaries())
    assert isinstance(facts, Unknown)
    assert "eyJ" not in facts.reason

"""A probe against services that behave: what is sent, what is read, and what is never sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from tests.probe.asking import SENT, TAKEN, Stack, ask, taken
from tests.probe.deployment import Request, Response, serving
from tests.support.inventories import inventory

from keyturn.adapters import system
from keyturn.adapters.http_probe import free_ports
from keyturn.adapters.probe import LATE, probe
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.canaries import POWERFUL, canaries
from keyturn.doctor.facts import ProbeFacts, Unknown
from keyturn.errors import UsageError
from keyturn.flows.ports.doctor import Limits
from keyturn.profiles.request import CredentialKind as C


async def test_a_healthy_deployment_takes_what_is_genuine_and_nothing_else(stack: Stack) -> None:
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    for service in VERIFIERS:
        # An sb_ key is for the gateway; Functions get no bearer by it.
        genuine = TAKEN - {C.PUBLISHABLE} if service is Kind.FUNCTIONS else TAKEN
        assert taken(facts, service) == {kind: kind in genuine for kind in SENT}
    assert facts.seconds < 5
    assert {one.by_gateway for one in facts.answers} == {False}


async def test_the_codes_and_messages_are_those_of_the_services(stack: Stack) -> None:
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    found = {(one.service, one.credential): one for one in facts.answers if not one.websocket}
    user = found[Kind.AUTH, C.USER_ES256]
    assert (user.status, user.code, user.accepted) == (403, "user_not_found", True)
    forged = found[Kind.REST, C.FORGED]
    assert (forged.status, forged.code) == (401, "PGRST301")
    assert forged.message == "No suitable key or wrong key type"
    assert found[Kind.STORAGE, C.EXPIRED].code == "AccessDenied"
    assert found[Kind.FUNCTIONS, C.FORGED].code == "UNAUTHORIZED_ASYMMETRIC_JWT"


async def test_one_service_without_the_key_set_is_seen(stack: Stack) -> None:
    stack.deployment.wired = frozenset({"auth", "rest", "realtime", "functions"})
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    assert taken(facts, Kind.STORAGE)[C.USER_ES256] is False
    assert taken(facts, Kind.STORAGE)[C.USER_HS256] is True
    assert taken(facts, Kind.REST)[C.USER_ES256] is True


async def test_functions_that_verify_nothing_let_the_forgery_pass(stack: Stack) -> None:
    stack.deployment.verify_functions = False
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    assert set(taken(facts, Kind.FUNCTIONS).values()) == {True}


async def test_a_gateway_that_does_not_know_the_key_answers_itself(stack: Stack) -> None:
    stack.deployment.publishable = "another"
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    mine = [one for one in facts.answers if one.credential is C.PUBLISHABLE]
    refused = [one for one in mine if one.service in (Kind.AUTH, Kind.REST, Kind.REALTIME)]
    assert {(one.accepted, one.by_gateway, one.status) for one in refused} == {(False, True, 401)}
    assert {one.message for one in refused} == {"Invalid authentication credentials"}


async def test_what_is_published_is_read(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 11, 25, 11, 59, 30, tzinfo=UTC)
    monkeypatch.setattr("keyturn.adapters.system.now", lambda: noon)
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack)
    assert (facts.jwks_status, facts.jwks_kids, facts.jwks_algs) == (200, ("one",), ("ES256",))
    assert facts.jwks_cache_control == "public, max-age=600"
    assert facts.jwks_leaks == ()
    assert facts.discovery == {"issuer": "http://x/auth/v1"}
    assert facts.clock_skew_seconds is not None
    assert 25 < facts.clock_skew_seconds <= 30.5
    assert facts.tenants_api_status == 403


async def test_an_open_tenants_api_is_seen(stack: Stack) -> None:
    stack.deployment.leaves_tenants_open = True
    async with serving(stack.deployment.handle) as port:
        assert (await ask(port, stack)).tenants_api_status == 200


async def test_nothing_is_changed_and_nothing_powerful_is_sent(stack: Stack) -> None:
    powerful = {stack.deployment.service, stack.deployment.secret_key}
    async with serving(stack.deployment.handle) as port:
        # Even when the caller hands everything over, as it does for the predictions.
        facts = await probe(f"http://127.0.0.1:{port}", stack.canaries(everything=True))
    assert isinstance(facts, ProbeFacts)
    assert facts.not_asked
    assert POWERFUL.isdisjoint(one.credential for one in facts.answers)
    for request in stack.deployment.requests:
        assert powerful.isdisjoint({request.apikey, request.bearer})
        empty_broadcast = ("POST", "/realtime/v1/api/broadcast", b'{"messages":[]}')
        if request.method != "GET":
            assert (request.method, request.path, request.body) == empty_broadcast


async def test_powerful_keys_are_sent_when_asked_but_never_in_an_address(stack: Stack) -> None:
    async with serving(stack.deployment.handle) as port:
        facts = await probe(
            f"http://127.0.0.1:{port}",
            stack.canaries(everything=True),
            Limits(include_service_role=True),
        )
    assert isinstance(facts, ProbeFacts)
    assert not facts.not_asked
    assert taken(facts, Kind.AUTH)[C.SERVICE_LEGACY] is True
    assert taken(facts, Kind.REST)[C.SECRET] is True
    for request in stack.deployment.requests:
        assert stack.deployment.service not in request.target
        assert stack.deployment.secret_key not in request.target


async def test_sockets_are_asked_with_api_keys_and_past_the_gateway_with_tokens(
    stack: Stack,
) -> None:
    async def realtime(request: Request) -> Response:
        assert request.headers["host"].startswith("realtime-dev.")
        if request.headers.get("upgrade"):
            token = request.headers["x-api-key"]
            good = stack.deployment.verdict("realtime", token) is not None
            return (
                stack.deployment._socket(Request("GET", f"/?apikey={token}", request.headers))
                if good
                else Response(401, {"error": "Failed to validate JWT signature"})
            )
        return await stack.deployment._realtime(request)

    async with serving(stack.deployment.handle) as port, serving(realtime) as own:
        facts = await ask(port, stack, Limits(direct={Kind.REALTIME: f"http://localhost:{own}"}))
    sockets = [one for one in facts.answers if one.websocket]
    by_gateway = {one.credential: one.accepted for one in sockets if not one.direct}
    assert by_gateway == {C.ANON_LEGACY: True, C.PUBLISHABLE: True}
    direct = {one.credential: one.accepted for one in sockets if one.direct}
    # Past the gateway nobody turns an sb_ key into a token.
    expected = {kind: kind in TAKEN - {C.PUBLISHABLE} for kind in SENT}
    assert direct == expected
    rest = {one.credential for one in facts.answers if one.direct and one.accepted}
    assert TAKEN - {C.PUBLISHABLE} <= rest


async def test_whoever_switches_protocols_without_the_handshake_is_no_socket(stack: Stack) -> None:
    async def switch(request: Request) -> Response:
        return Response(101, b"", {"upgrade": "websocket", "sec-websocket-accept": "x"})

    async with serving(switch) as port:
        facts = await ask(port, stack)
    sockets = [one for one in facts.answers if one.websocket]
    assert {(one.status, one.accepted) for one in sockets} == {(101, None)}


async def test_a_dead_service_behind_the_gateway_is_not_a_refusal(stack: Stack) -> None:
    async def broken(request: Request) -> Response:
        if request.path.startswith("/storage"):
            return Response(503, "upstream connect error", {"server": "envoy"})
        return await stack.deployment.handle(request)

    async with serving(broken) as port:
        facts = await ask(port, stack)
    mine = [one for one in facts.answers if one.service is Kind.STORAGE]
    assert {(one.status, one.accepted, one.by_gateway) for one in mine} == {(503, None, True)}


async def test_a_dead_address_is_unknown_with_the_reason(stack: Stack) -> None:
    facts = await probe(f"http://127.0.0.1:{free_ports(1)[0]}", stack.canaries())
    assert isinstance(facts, Unknown)
    assert "refused" in facts.reason


async def test_a_dead_address_of_one_service_leaves_the_others(stack: Stack) -> None:
    dead = {Kind.STORAGE: f"http://127.0.0.1:{free_ports(1)[0]}"}
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack, Limits(direct=dead))
    direct = [one for one in facts.answers if one.direct]
    assert {(one.service, one.status, one.accepted) for one in direct} == {
        (Kind.STORAGE, None, None)
    }
    assert all("refused" in (one.message or "") for one in direct)


async def test_slow_services_end_in_time_and_the_quick_ones_are_heard(stack: Stack) -> None:
    never = asyncio.Event()

    async def hang(request: Request) -> None:
        if request.path.startswith("/storage"):
            await never.wait()

    stack.deployment.before = hang
    limits = Limits(total_seconds=0.8, request_seconds=0.6, concurrency=2)
    async with serving(stack.deployment.handle) as port:
        facts = await ask(port, stack, limits)
        never.set()
    assert taken(facts, Kind.AUTH)[C.USER_ES256] is True
    storage = [one for one in facts.answers if one.service is Kind.STORAGE]
    assert {one.status for one in storage} == {None}
    messages = {one.message or "" for one in storage}
    assert LATE in messages
    assert any("no answer in time" in one for one in messages)


async def test_no_more_than_the_limit_at_once(stack: Stack) -> None:
    now, most = 0, 0

    async def count(request: Request) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    stack.deployment.before = count
    async with serving(stack.deployment.handle) as port:
        await ask(port, stack, Limits(concurrency=3))
    assert 1 < most <= 3


@pytest.mark.parametrize("suffix", ["", "/", "/auth/v1", "/auth/v1/", "/rest/v1/"])
async def test_the_end_of_the_address_does_not_matter(stack: Stack, suffix: str) -> None:
    async with serving(stack.deployment.handle) as port:
        facts = await probe(f"http://127.0.0.1:{port}{suffix}", stack.canaries())
    assert isinstance(facts, ProbeFacts)
    assert (facts.url, facts.jwks_status) == (f"http://127.0.0.1:{port}", 200)


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("ftp://h", {}),
        ("localhost:8000", {}),
        ("http://me:hunter2@localhost", {}),
        ("http://localhost", {Kind.STORAGE: "http://elsewhere.example"}),
        ("http://localhost", {Kind.STORAGE: "http://127.0.0.1.elsewhere.example"}),
        ("http://localhost", {Kind.STORAGE: "http://localhost@elsewhere.example"}),
        ("http://localhost", {Kind.STUDIO: "http://localhost:3000"}),
    ],
)
async def test_addresses_that_are_not_asked(
    stack: Stack, url: str, direct: dict[Kind, str]
) -> None:
    with pytest.raises(UsageError) as caught:
        await probe(url, stack.canaries(), Limits(direct=direct))
    assert "hunter2" not in caught.value.message


async def test_without_any_key_the_two_forgeries_are_still_sent(stack: Stack) -> None:
    made = canaries(inventory(), system.now(), system.entropy)
    async with serving(stack.deployment.handle) as port:
        facts = await probe(f"http://127.0.0.1:{port}", made)
    assert isinstance(facts, ProbeFacts)
    assert {one.credential for one in facts.answers} == {C.FORGED, C.UNKNOWN_KID}
    assert facts.tenants_api_status is None

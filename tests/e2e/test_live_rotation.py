"""Somebody turns the keys while others work; nobody notices."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from tests.support.stack import Stack, running
from tests.support.traffic import Traffic, steady
from tests.support.worker import worker

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("rotation"), pytest.mark.timeout(240)]
FORCE = ("--force", "--reason", "test of a live rotation")


def kid_of(token: str) -> str | None:
    """The ``kid`` in a token's header."""
    found: str | None = jwt.get_unverified_header(token).get("kid")
    return found


async def keys(stack: Stack, *args: str) -> None:
    """Run ``keyturn keys …`` beside the traffic."""
    done = await asyncio.to_thread(stack.cli, "keys", *args)
    assert done.returncode == 0, f"keys {args}: exit {done.returncode} {done.stdout} {done.stderr}"


async def refresh(stack: Stack, sessions: list[dict[str, Any]], tokens: list[str]) -> None:
    """Refresh every session in place, as long-lived clients do."""
    async with httpx.AsyncClient(base_url=stack.url, headers=stack.publishable) as http:
        for index, session in enumerate(sessions):
            answer = await http.post(
                "/auth/v1/token?grant_type=refresh_token",
                json={"refresh_token": session["refresh_token"]},
            )
            assert answer.status_code == 200, answer.text
            sessions[index] = answer.json()
            tokens[index] = answer.json()["access_token"]


def test_keys_turn_while_clients_work(tmp_path: Path) -> None:
    """Generate, promote and retire under load: no failed request, no new log-in."""
    with running(tmp_path / "data") as stack:
        asyncio.run(_turn_twice(stack))


async def _turn_twice(stack: Stack) -> None:
    sessions = [
        stack.sign_up(f"u{n}-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
        for n in range(4)
    ]
    first_tokens = [session["access_token"] for session in sessions]
    tokens = list(first_tokens)
    record, stop = Traffic(), asyncio.Event()
    async with worker(stack) as one, worker(stack) as two:
        load = asyncio.create_task(steady(stack, tokens, rate=200, stop=stop, record=record))
        await asyncio.sleep(1)
        for _ in range(2):
            await keys(stack, "rotate", *FORCE)
            await refresh(stack, sessions, tokens)
            await asyncio.sleep(1)
        # Tokens of the first key are two rotations old and still good.
        tokens[:2] = first_tokens[:2]
        await asyncio.sleep(1)
        # Once nobody sends them any more, retiring their key costs nobody a request.
        tokens[:2] = [session["access_token"] for session in sessions[:2]]
        await keys(stack, "generate", "--reason", "one more standby")
        await _revocation_takes_effect(stack, first_tokens[0], tokens[3])
        await asyncio.sleep(1)
        stop.set()
        await load
    assert record.failures == []
    assert record.answered == record.sent > 600
    for report in (one, two):
        assert report["failures"] == []
        assert len(report["kids"]) == 3, "the client was given tokens of all three keys"
    assert len({kid_of(token) for token in [*first_tokens, *tokens]}) >= 2


async def _revocation_takes_effect(stack: Stack, old: str, new: str) -> None:
    """A revoked key's tokens are refused at once, the others are not."""
    kid = kid_of(old)
    assert kid
    await keys(stack, "revoke", kid, "--confirm", kid, *FORCE)
    async with httpx.AsyncClient(base_url=stack.url, headers=stack.publishable) as http:
        loop = asyncio.get_running_loop()
        for path, refused in (("/auth/v1/user", 403), ("/rest/v1/notes", 401)):
            deadline = loop.time() + 1.0
            while (await http.get(path, headers=bearer(old))).status_code != refused:
                assert loop.time() < deadline, f"{path} still accepts a revoked key's token"
                await asyncio.sleep(0.02)
            assert (await http.get(path, headers=bearer(new))).status_code == 200
        published = (await http.get("/auth/v1/.well-known/jwks.json")).json()["keys"]
    assert kid not in [key["kid"] for key in published]


def bearer(token: str) -> dict[str, str]:
    """The Authorization header for ``token``."""
    return {"authorization": f"Bearer {token}"}


def test_from_a_shared_secret_to_es256_without_losing_a_session(
    legacy_stack: Stack, legacy_secret: str
) -> None:
    """Start with HS256 and legacy keys, switch, retire: every session lives on."""
    asyncio.run(_switch(legacy_stack, legacy_secret))


async def _switch(stack: Stack, secret: str) -> None:
    sessions = [
        stack.sign_up(f"old{n}-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
        for n in range(3)
    ]
    legacy = [session["access_token"] for session in sessions]
    for token in legacy:
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
        jwt.decode(token, secret, algorithms=["HS256"], audience="authenticated")
    tokens = list(legacy)
    record, stop = Traffic(), asyncio.Event()
    async with worker(stack, "anon") as one, worker(stack) as two:
        load = asyncio.create_task(steady(stack, tokens, rate=200, stop=stop, record=record))
        await asyncio.sleep(1)
        standby = next(k for k in stack.json("keys", "list")["keys"] if k["state"] == "standby")
        await keys(stack, "promote", standby["kid"], *FORCE)
        await asyncio.sleep(1)  # the HS256 tokens go on working
        await refresh(stack, sessions, tokens)
        assert {jwt.get_unverified_header(t)["alg"] for t in tokens} == {"ES256"}
        await asyncio.sleep(1)
        old = next(k for k in stack.json("keys", "list")["keys"] if k["alg"] == "HS256")
        assert old["state"] == "previously_used"
        stop.set()
        await load
    assert record.failures == []
    assert one["failures"] == []
    assert two["failures"] == []
    await keys(stack, "revoke", old["kid"], "--confirm", old["kid"], *FORCE)
    async with httpx.AsyncClient(base_url=stack.url, headers=stack.publishable) as http:
        deadline = asyncio.get_running_loop().time() + 1.0
        while (await http.get("/rest/v1/notes", headers=bearer(legacy[0]))).status_code != 401:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        # The legacy API keys were tokens of that secret too.
        anon = {"apikey": stack.info["anon_key"]}
        while (await http.get("/auth/v1/settings", headers=anon)).status_code != 401:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        await refresh(stack, sessions, tokens)
        assert (await http.get("/rest/v1/notes", headers=bearer(tokens[0]))).status_code == 200


def test_a_standby_key_waits_before_it_signs(stack_for_waits: Stack) -> None:
    """Without force the promotion is refused with the time from which it is safe."""
    done = stack_for_waits.cli("keys", "rotate", "--json")
    assert done.returncode == 75, done.stdout + done.stderr
    error = json.loads(done.stdout or done.stderr)
    assert error["code"] == "wait_not_over"
    assert error["until"] > 0


@pytest.fixture
def stack_for_waits(tmp_path: Path) -> Any:
    """A stack whose first standby key was published a moment ago."""
    with running(tmp_path / "data", notes=False) as made:
        yield made

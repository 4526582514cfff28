"""The JWKS and the discovery document: cacheable, stable, and never more than the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyturn.adapters import system
from keyturn.adapters.postgres.pool import Pool
from keyturn.authserver.published import Published, matches
from keyturn.flows import keys
from keyturn.jose.keys import generate
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState
from keyturn.wiring.locations import locations
from keyturn.wiring.ring import master_sealer, open_ring

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
JWKS = "/.well-known/jwks.json"
DISCOVERY = "/.well-known/openid-configuration"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRET = "a-legacy-secret-of-more-than-32-bytes"


async def test_the_jwks_is_public_and_cacheable(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        response = await auth.http.get(JWKS)
        head = await auth.http.head(JWKS)
        again = await auth.http.get(JWKS, headers={"If-None-Match": response.headers["etag"]})
        other = await auth.http.get(JWKS, headers={"If-None-Match": '"something-else"'})
    assert response.headers["cache-control"] == "public, max-age=600"
    assert response.headers["content-type"] == "application/json"
    members = {"kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "ext"}
    found = response.json()["keys"]
    assert len(found) == 2
    for key in found:
        assert set(key) <= members
        assert (key["kty"], key["alg"], key["use"]) == ("EC", "ES256", "sig")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == response.headers["etag"]
    assert head.headers["content-length"] == response.headers["content-length"]
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == response.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=600"
    assert other.status_code == 200


async def test_the_same_ring_gives_the_same_bytes_everywhere(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        first = await auth.http.get(JWKS)
    async with open_server() as auth:
        second = await auth.http.get(JWKS)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


async def test_a_shared_secret_is_never_published(open_server: OpenAuth) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        response = await auth.http.get(JWKS)
        discovery = await auth.http.get(DISCOVERY)
    assert [key["kty"] for key in response.json()["keys"]] == ["EC"]
    assert '"k"' not in response.text
    # The legacy secret signs, and the document says so.
    assert discovery.json()["id_token_signing_alg_values_supported"] == ["HS256", "ES256"]


async def test_discovery_promises_nothing_that_is_not_here(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        document = (await auth.http.get(DISCOVERY)).json()
        assert document["issuer"] == "http://auth.test/auth/v1"
        assert document["jwks_uri"] == "http://auth.test/auth/v1/.well-known/jwks.json"
        assert document["id_token_signing_alg_values_supported"] == ["ES256"]
        for name, value in document.items():
            if name.endswith("_endpoint"):
                path = value.removeprefix("http://auth.test/auth/v1")
                assert (await auth.http.get(path)).status_code != 404, name
        assert document["response_types_supported"] == []
        assert document["grant_types_supported"] == []


async def test_without_an_issuer_the_document_names_our_address(open_server: OpenAuth) -> None:
    async with open_server(
        GOTRUE_JWT_ISSUER="", API_EXTERNAL_URL="https://id.example.com/"
    ) as auth:
        document = (await auth.http.get(DISCOVERY)).json()
        token = (await auth.sign_up())["access_token"]
    assert document["jwks_uri"] == "https://id.example.com/.well-known/jwks.json"
    assert '"iss"' not in token


async def test_a_rotation_shows_at_once_and_a_revocation_shortens_caching(
    open_server: OpenAuth,
) -> None:
    async with open_server() as auth:
        before = await auth.http.get(JWKS)
        process = auth.settings.process
        pool = await Pool.open(process.database_url, size=1)
        try:
            sealer = master_sealer(locations(process.data_dir))
            store, _ = await open_ring(pool, sealer, poll_seconds=None)
            waits = RingPolicy(publish_before_sign=0, jwks_max_age=0)
            bench = keys.Bench(store, waits, system.entropy)
            done = await keys.generate(bench, Intent(system.now(), "test", "a third key"))
            known = {key.kid for key in done.before.keys}
            added = next(key.kid for key in done.after.keys if key.kid not in known)
            after = await _changed(auth, before)
            assert added in after.text
            assert after.headers["cache-control"] == "public, max-age=600"
            await keys.revoke(bench, Intent(system.now(), "test", "leaked"), added)
            last = await _changed(auth, after)
        finally:
            await pool.close()
    assert added not in last.text
    assert last.headers["cache-control"] == "public, max-age=60"


async def _changed(auth: Any, before: Any) -> Any:
    """Ask until the ETag is another one; a change must arrive within a second."""
    async with asyncio.timeout(1):
        while True:
            response = await auth.http.get(JWKS, headers={"If-None-Match": before.headers["etag"]})
            if response.status_code == 200:
                return response
            await asyncio.sleep(0.01)


class FixedRing:
    """A ring source that is told its ring."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def current(self) -> KeyRing:
        return self.ring

    def subscribe(self, callback: Callable[[KeyRing], None]) -> None:
        self.callback = callback


def ring_key(kid: str, state: KeyState, revoked_at: datetime | None = None) -> RingKey:
    signer = generate("ES256", kid=kid)
    return RingKey(
        kid=kid,
        alg="ES256",
        state=state,
        key=signer.verifying_key(),
        signer=signer if state in {KeyState.IN_USE, KeyState.STANDBY} else None,
        legacy=False,
        created_at=NOW,
        published_at=NOW,
        revoked_at=revoked_at,
    )


@pytest.mark.parametrize(("age", "expected"), [(0, 60), (599, 60), (600, 600), (10_000, 600)])
def test_caches_hurry_only_while_an_older_copy_may_be_around(age: int, expected: int) -> None:
    ring = KeyRing(
        3,
        (
            ring_key("a", KeyState.IN_USE),
            ring_key("b", KeyState.STANDBY),
            ring_key("c", KeyState.REVOKED, revoked_at=NOW),
        ),
    )
    published = Published(
        FixedRing(ring),
        lambda: NOW,
        issuer="http://x",
        max_age=timedelta(seconds=600),
        hurried=timedelta(seconds=60),
    )
    found = published.fresh_for(NOW + timedelta(seconds=age))
    assert found == timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"ABC"', False),
        ("abc", False),
        ("\xff" * 50_000, False),
        ('"x",' * 10_000 + '"abc"', False),
    ],
)
def test_if_none_match_is_read_as_a_list(condition: str | None, same: bool) -> None:
    assert matches(condition, b'"abc"') is same


async def test_a_reply_does_not_depend_on_the_request(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        plain = await auth.http.get(JWKS)
        odd = await auth.http.get(
            JWKS + "?apikey=x&kid=../../etc", headers={"Host": "evil.example", "Origin": "null"}
        )
    assert plain.content == odd.content

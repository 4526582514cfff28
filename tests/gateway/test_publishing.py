"""When the gateway is told something new, and what its internal bearers say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.flows.publish_gateway import Publication, record_usage, tick
from keyturn.gateway.access_log import latest_use
from keyturn.gateway.route_config import render_routes, version_of
from keyturn.gateway.snapshot import Snapshot
from keyturn.gateway.upstreams import parse_upstream, parse_upstreams
from keyturn.jose.jwt import peek
from keyturn.jose.keys import generate, signing_key_from_secret
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
ISSUER = "http://127.0.0.1:54321/auth/v1"
UPSTREAMS = parse_upstreams({"auth": "http://127.0.0.1:9999"})


def ring_of(*kids: str, token_life: int = 3600) -> KeyRing:
    """Return a ring whose first key is in use and whose others are standby."""
    keys = []
    for place, kid in enumerate(kids):
        signer = generate("ES256", kid=kid)
        state = KeyState.STANDBY if place else KeyState.IN_USE
        keys.append(
            RingKey(
                kid=kid,
                alg="ES256",
                state=state,
                legacy=False,
                created_at=NOW,
                published_at=NOW,
                key=signer.verifying_key(),
                signer=signer,
            )
        )
    return KeyRing(1, tuple(keys), token_life)


def promoted(ring: KeyRing) -> KeyRing:
    """Return ``ring`` with its second key in use and its first one retired."""
    first, second, *others = ring.keys
    retired = replace(first, state=KeyState.PREVIOUSLY_USED, signer=None)
    keys = (retired, replace(second, state=KeyState.IN_USE), *others)
    return replace(ring, version=ring.version + 1, keys=keys)


def with_secret(ring: KeyRing, state: KeyState) -> KeyRing:
    """Return ``ring`` with the legacy secret in ``state``."""
    secret = signing_key_from_secret(Secret("s" * 40), kid=None).verifying_key()
    known = None if state is KeyState.REVOKED else secret
    legacy = replace(ring.keys[0], kid="old", alg="HS256", legacy=True, signer=None, key=known)
    return replace(ring, keys=(*ring.keys, replace(legacy, state=state)))


class Keys:
    """API keys in memory, which can be out of reach."""

    def __init__(self) -> None:
        self.records: list[ApiKeyRecord] = []
        self.touched: dict[UUID | bytes, datetime] = {}
        self.away = False

    def make(self, number: int) -> ApiKeyRecord:
        """Add and return an active key."""
        record = ApiKeyRecord(
            uuid4(), f"k{number}", "publishable", "anon", bytes([number]) * 32, "sb_p", NOW
        )
        self.records.append(record)
        return record

    async def list(self) -> Sequence[ApiKeyRecord]:
        """Return all keys, or fail while away."""
        if self.away:
            raise Unreachable("the database is away")
        return tuple(self.records)

    async def add(self, record: ApiKeyRecord, *, actor: str, reason: str | None) -> None:
        """Store ``record``."""
        self.records.append(record)

    async def revoke(
        self, key_id: UUID, *, now: datetime, actor: str, reason: str | None
    ) -> ApiKeyRecord | None:
        """Revoke the key."""
        for place, record in enumerate(self.records):
            if record.id == key_id:
                self.records[place] = replace(record, revoked_at=now)
                return self.records[place]
        return None

    async def relabel(
        self,
        key_id: UUID,
        *,
        name: str,
        description: str | None,
        now: datetime,
        actor: str,
        reason: str | None,
    ) -> ApiKeyRecord | None:
        """Rename the key."""
        for place, record in enumerate(self.records):
            if record.id == key_id:
                self.records[place] = replace(record, name=name, description=description)
                return self.records[place]
        return None

    async def touch(self, seen: Mapping[UUID | bytes, datetime]) -> None:
        """Remember when keys were used."""
        self.touched.update(seen)


class Published:
    """Remembers every snapshot in its place."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    async def publish(self, snapshot: Snapshot) -> None:
        """Remember ``snapshot``."""
        self.snapshots.append(snapshot)


class Story:
    """A gateway that is told things by and by."""

    def __init__(self) -> None:
        self.keys, self.published = Keys(), Published()
        self.ring = ring_of("k1", "k2")
        self.last: Publication | None = None

    async def tick(self, after: float) -> Publication:
        """Look ``after`` seconds from the beginning."""
        moment = NOW + timedelta(seconds=after)
        self.last = await tick(
            self.published, self.ring, self.keys, self.last, issuer=ISSUER, now=moment
        )
        return self.last


async def test_legacy_keys_end_with_the_secret_that_signed_them() -> None:
    """Also while the keys cannot be read, and whatever their records say."""
    story = Story()
    plain = story.keys.make(1)
    story.keys.records.append(replace(plain, id=uuid4(), kind="legacy", hash=b"\2" * 32))
    bare = story.ring
    for away in (False, True):
        story.keys.away = False
        story.ring = with_secret(bare, KeyState.PREVIOUSLY_USED)
        told = await story.tick(0)
        assert {key.kind for key in told.snapshot.keys} == {"publishable", "legacy"}
        story.keys.away = away
        for without in (with_secret(bare, KeyState.REVOKED), bare):
            story.ring = without
            told = await story.tick(1)
            assert {key.kind for key in told.snapshot.keys} == {"publishable"}


async def test_nothing_new_publishes_nothing() -> None:
    story = Story()
    story.keys.make(1)
    assert (await story.tick(0)).published
    for after in (0.001, 1, 100, 299.9):
        assert not (await story.tick(after)).published
    assert len(story.published.snapshots) == 1


async def test_a_key_comes_and_goes_without_touching_the_bearers() -> None:
    story = Story()
    first = await story.tick(0)
    record = story.keys.make(1)
    second = await story.tick(1)
    assert {key.digest for key in second.snapshot.keys} == {("01" * 32)}
    await story.keys.revoke(record.id, now=NOW, actor="t", reason=None)
    third = await story.tick(2)
    assert third.snapshot.keys == frozenset()
    assert [publication.published for publication in (first, second, third)] == [True] * 3
    assert first.snapshot.bearers is third.snapshot.bearers


async def test_bearers_are_renewed_at_half_their_life() -> None:
    story = Story()
    first = await story.tick(0)
    assert first.next_due == NOW + timedelta(minutes=5)
    renewed = await story.tick(300)
    assert renewed.published
    assert renewed.snapshot.bearers.tokens != first.snapshot.bearers.tokens
    assert renewed.next_due == NOW + timedelta(minutes=10)


async def test_a_clock_that_jumps_back_renews_them_too() -> None:
    story = Story()
    await story.tick(0)
    assert (await story.tick(-3600)).published


async def test_a_rotation_signs_the_bearers_anew_at_once() -> None:
    story = Story()
    before = await story.tick(0)
    story.ring = promoted(story.ring)
    after = await story.tick(1)
    policy = Policy(algorithms=frozenset({"ES256"}), issuer=ISSUER, audience=None, check_iat=True)
    for publication, kid in ((before, "k1"), (after, "k2")):
        for name, token in publication.snapshot.bearers.tokens.items():
            claims = verify(token, story.ring.key_set(), policy, now=NOW)
            assert peek(token).header["kid"] == kid
            assert claims["role"] == name.partition(":")[2]


async def test_what_the_bearers_say() -> None:
    story = Story()
    tokens = (await story.tick(0)).snapshot.bearers.tokens
    assert set(tokens) == {
        f"{purpose}:{role}" for purpose in ("bearer", "socket") for role in ("anon", "service_role")
    }
    claims = peek(tokens["bearer:anon"]).claims
    seconds = int(NOW.timestamp())
    assert claims == {"iss": ISSUER, "role": "anon", "iat": seconds - 30, "exp": seconds + 600}


@pytest.mark.parametrize(
    ("token_life", "life"), [(60, 600), (1800, 1800), (86400, 3600), (0, 3600)]
)
async def test_a_socket_lives_as_long_as_a_users_token_would(token_life: int, life: int) -> None:
    story = Story()
    story.ring = ring_of("k1", "k2", token_life=token_life)
    token = (await story.tick(0)).snapshot.bearers.tokens["socket:anon"]
    assert peek(token).claims["exp"] == int(NOW.timestamp()) + life


async def test_without_the_database_the_keys_stay_and_bearers_are_renewed() -> None:
    story = Story()
    story.keys.away = True
    with pytest.raises(Unreachable):
        await story.tick(0)
    story.keys.away = False
    story.keys.make(1)
    known = await story.tick(0)
    story.keys.away = True
    later = await story.tick(400)
    assert later.published
    assert not later.keys_read
    assert later.snapshot.keys == known.snapshot.keys


async def test_use_is_recorded_by_id() -> None:
    class Seen:
        async def collect(self) -> Mapping[str, datetime]:
            return {str(record.id): NOW}

    story = Story()
    record = story.keys.make(1)
    assert await record_usage(Seen(), story.keys) == 1
    assert story.keys.touched == {record.id: NOW}


async def test_the_same_snapshot_renders_to_the_same_bytes() -> None:
    story = Story()
    for number in range(20):
        story.keys.make(number)
    snapshot = (await story.tick(0)).snapshot
    shuffled = replace(snapshot, keys=frozenset(sorted(snapshot.keys, key=lambda key: key.id)))
    document = render_routes(UPSTREAMS, snapshot)
    assert document == render_routes(UPSTREAMS, shuffled)
    assert len(version_of(document)) == 16
    assert document.isascii()
    json.loads(document)


def test_secrets_are_not_in_the_representation() -> None:
    from tests.gateway.harness import snapshot

    assert "INTERNAL" not in repr(snapshot())


def test_the_latest_use_wins_and_odd_lines_are_passed_over() -> None:
    lines = [
        b'{"time":"2026-11-23T22:00:01.500Z","key":"a"}',
        b'{"time":"2026-11-23T22:00:00.000Z","key":"a"}',
        b'{"time":"2026-11-23T22:00:02.000Z","key":null}',
        b'{"time":"2026-11-23T22:00:03.000Z"}',
        b'{"time":"yesterday","key":"a"}',
        b'{"time":"2026-11-23T22:00',
        b"",
        b"null",
        b"\xff\xfe",
    ]
    assert latest_use(lines) == {"a": datetime(2026, 11, 23, 22, 0, 1, 500_000, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "path"),
    [
        ("http://127.0.0.1:3000", "127.0.0.1", 3000, False, ""),
        ("http://rest:3000/", "rest", 3000, False, ""),
        ("https://x.example/rest/v1/", "x.example", 443, True, "/rest/v1"),
        ("http://[::1]:3000", "::1", 3000, False, ""),
        ("HTTP://Rest", "rest", 80, False, ""),
    ],
)
def test_upstream_urls(url: str, host: str, port: int, tls: bool, path: str) -> None:
    upstream = parse_upstream("rest", url)
    assert (upstream.host, upstream.port, upstream.tls, upstream.path) == (host, port, tls, path)


@pytest.mark.parametrize(
    "url",
    ["", "rest:3000", "ftp://rest", "http://", "http://rest:0x", "http://rest:99999",
     "http://user:hidden@rest", "http://rest/?a=b", "http://rest/#f", "http://[::1", "/rest"],
)  # fmt: skip
def test_urls_that_cannot_be_used_name_the_flag(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_upstream("rest", url)
    assert "--rest-url" in str(caught.value.hint)
    assert "hidden" not in str(caught.value)


def test_auth_must_be_among_the_services() -> None:
    with pytest.raises(UsageError):
        parse_upstreams({"rest": "http://rest"})
    with pytest.raises(UsageError):
        parse_upstreams({"auth": "http://auth", "mail": "http://mail"})

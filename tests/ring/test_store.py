"""The ring in PostgreSQL: whole changes, one winner, and a database that refuses to be misled."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.support.rings import NOW, Rings, forced

from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.sealing import Sealer, UnknownMasterKey
from keyturn.errors import WaitNotOver
from keyturn.flows import keys
from keyturn.jose.jwks import KeySet
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, private_jwk
from keyturn.keyring.change import Intent, RingChange
from keyturn.keyring.errors import (
    AlreadyChanged,
    AlreadyRotated,
    BrokenRing,
    KeyHasDependents,
    KeyInUse,
)
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

ANYBODY = Policy(algorithms=frozenset({"ES256", "HS256"}), issuer=None, audience=None)


async def test_the_first_start_makes_a_signing_key_and_a_standby(rings: Rings) -> None:
    bench = await rings.bench()
    ring = await bench.store.load()
    assert ring.version == 1
    assert [ring.in_use.alg, ring.standby[0].alg] == ["ES256", "ES256"]
    assert ring.signing_key.kid == ring.in_use.kid
    assert len(KeySet.parse(ring.public_jwks())) == 2
    again = await keys.ensure(bench.store, now=NOW, entropy=os.urandom)
    assert again.version == 1


async def test_processes_that_start_at_once_agree_on_the_first_keys(rings: Rings) -> None:
    stores = [await rings.store() for _ in range(4)]
    found = await asyncio.gather(
        *(keys.ensure(store, now=NOW, entropy=os.urandom) for store in stores)
    )
    assert {ring.version for ring in found} == {1}
    assert len({ring.in_use.kid for ring in found}) == 1


async def test_of_two_rotations_at_once_one_wins_and_the_other_says_so(rings: Rings) -> None:
    bench = await rings.bench()
    rivals = [replace(bench, store=await rings.store()) for _ in range(2)]
    before = await bench.store.load()
    outcomes = await asyncio.gather(
        *(keys.rotate(rival, forced(), expected_in_use=before.in_use.kid) for rival in rivals),
        return_exceptions=True,
    )
    lost = [each for each in outcomes if isinstance(each, Exception)]
    assert len(lost) == 1
    assert isinstance(lost[0], AlreadyChanged | AlreadyRotated)
    after = await bench.store.load()
    assert after.version == before.version + 1
    assert after.in_use.kid == before.standby[0].kid


async def test_a_change_made_for_an_older_version_is_refused_whole(rings: Rings) -> None:
    bench = await rings.bench()
    stale = await bench.store.load()
    await keys.generate(bench, forced())
    current = await bench.store.load()
    dry = await keys.rotate(replace(bench, dry_run=True), forced())
    with pytest.raises(AlreadyChanged):
        await bench.store.apply(stale.version, dry.change)
    assert await states(bench) == {key.kid: key.state for key in current.keys}
    assert len(await bench.store.audit(100)) == 3


async def test_a_promoted_key_signs_what_the_former_ones_still_verify(rings: Rings) -> None:
    bench = await rings.bench(legacy_secret=Secret("short-secret"))
    legacy = (await bench.store.load()).in_use
    assert (legacy.legacy, legacy.alg) == (True, "HS256")
    old = (await bench.store.load()).signing_key.sign(b"old token")
    done = await keys.rotate(bench, forced())
    ring = await bench.store.load()
    assert ring.in_use.alg == "ES256"
    assert facts(ring) == facts(done.after)
    kept = ring.find(legacy.kid)
    assert (kept.state, kept.signer) == (KeyState.PREVIOUSLY_USED, None)
    assert kept.key is not None
    assert kept.key.kid is None
    assert kept.key.verify(b"old token", old)
    assert ring.has_legacy == kept


async def test_a_token_life_that_a_server_announced_is_waited_for(rings: Rings) -> None:
    bench = await rings.bench()
    await bench.store.announce_token_life(7 * 86400)
    first = (await bench.store.load()).in_use.kid
    done = await keys.rotate(bench, forced())
    assert done.after.find(first).tokens_until == NOW + timedelta(days=7, seconds=60)
    # The next key inherits what the servers still say.
    second = done.after.in_use.kid
    done = await keys.rotate(bench, forced())
    assert done.after.find(second).tokens_until == NOW + timedelta(days=7, seconds=60)
    with pytest.raises(WaitNotOver) as refused:
        await keys.revoke(bench, Intent(NOW + timedelta(days=6), "me"), first)
    assert refused.value.until_unix == int((NOW + timedelta(days=7, seconds=60)).timestamp())


async def test_revoking_the_legacy_secret_names_the_api_keys_that_need_it(rings: Rings) -> None:
    from keyturn.flows import apikeys

    bench = await rings.bench(legacy_secret=Secret("s" * 40))
    ring = await bench.store.load()
    assert bench.api_keys is not None
    await apikeys.create_legacy(
        bench.api_keys, forced(), role="anon", name="mobile_app", key=ring.signing_key,
        entropy=os.urandom,
    )  # fmt: skip
    await keys.rotate(bench, forced())
    later = Intent(NOW + timedelta(days=1), "me")
    with pytest.raises(KeyHasDependents, match="mobile_app"):
        await keys.revoke(bench, later, ring.in_use.kid)
    with pytest.raises(KeyInUse):
        await keys.revoke(bench, forced(), (await bench.store.load()).in_use.kid)
    done = await keys.revoke(bench, replace(later, force=True, reason="leaked"), ring.in_use.kid)
    assert done.after.find(ring.in_use.kid).key is None
    entries = {entry.subject: entry for entry in await bench.store.audit(2)}
    overridden = entries["signing_key"].overridden
    assert overridden is not None
    assert "mobile_app" in overridden
    # Whoever knows the secret can make its API keys again: they end in the same transaction.
    (app,) = [record for record in await bench.api_keys.list() if record.name == "mobile_app"]
    assert app.revoked_at == later.now
    assert (entries["api_key"].subject_id, entries["api_key"].reason) == (str(app.id), "leaked")


async def test_revoking_another_key_ends_no_api_key(rings: Rings) -> None:
    from keyturn.flows import apikeys

    bench = await rings.bench(legacy_secret=Secret("s" * 40))
    ring = await bench.store.load()
    assert bench.api_keys is not None
    await apikeys.create_legacy(
        bench.api_keys, forced(), role="anon", name="mobile_app", key=ring.signing_key,
        entropy=os.urandom,
    )  # fmt: skip
    await keys.revoke(bench, forced(), ring.standby[0].kid)
    assert all(record.active for record in await bench.api_keys.list())


async def test_the_database_refuses_a_ring_without_one_key_in_use(rings: Rings) -> None:
    """Each statement is what a mistaken program or person might run, as the tables' owner."""
    bench = await rings.bench()
    ring = await bench.store.load()
    used, standby = ring.in_use.kid, ring.standby[0].kid
    pool = await rings.pool()
    for statement in (
        f"delete from keyturn.signing_keys where kid = '{used}'",
        f"update keyturn.signing_keys set state = 'standby' where kid = '{used}'",
        f"update keyturn.signing_keys set state = 'in_use' where kid = '{standby}'",
        "truncate keyturn.signing_keys",
        "truncate keyturn.ring",
        "delete from keyturn.ring",
        "update keyturn.ring set version = 0",
        "update keyturn.ring set version = version + 2",
        "insert into keyturn.ring (singleton) values (true)",
        f"update keyturn.signing_keys set state = 'revoked' where kid = '{standby}'",
        "update keyturn.signing_keys set public_jwk = public_jwk || jsonb_build_object('d', 'x')",
    ):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await pool.execute(statement)
        assert refused.value.sqlstate in ("KT002", "23505", "23514"), statement
    assert facts(await bench.store.load()) == facts(ring)


async def test_a_change_that_skips_the_rules_is_stopped_by_the_database(rings: Rings) -> None:
    """A faulty caller that promotes without demoting gets an error and no half of its change."""
    bench = await rings.bench()
    ring = await bench.store.load()
    dry = await keys.rotate(replace(bench, dry_run=True), forced())
    without_demotion = RingChange(dry.change.intent, dry.change.steps[1:])
    with pytest.raises(BrokenRing):
        await bench.store.apply(ring.version, without_demotion)
    assert facts(await bench.store.load()) == facts(ring)


async def test_the_audit_log_only_grows(rings: Rings) -> None:
    bench = await rings.bench()
    await keys.rotate(bench, forced("the drill of November"))
    pool = await rings.pool()
    for statement in (
        "update keyturn.audit_log set reason = 'nothing happened'",
        "delete from keyturn.audit_log",
        "truncate keyturn.audit_log",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await pool.execute(statement)
    log = await bench.store.audit(10)
    assert [(entry.verb, entry.from_state, entry.to_state) for entry in reversed(log)] == [
        ("start", None, "in_use"),
        ("generate", None, "standby"),
        ("demote", "in_use", "previously_used"),
        ("promote", "standby", "in_use"),
        ("generate", None, "standby"),
    ]
    promoted = log[1]
    assert (promoted.actor, promoted.reason) == ("tester", "the drill of November")
    assert promoted.overridden is not None
    assert promoted.overridden.startswith("publish before sign")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "authenticator"])
async def test_no_role_of_the_api_reaches_the_ring(rings: Rings, role: str) -> None:
    """Not even ``service_role``, whom row-level security lets through, sees or turns a key."""
    await rings.bench()
    pool = await rings.database.pool(rings.database.dsn, size=1)
    await pool.execute(f"set role {role}")
    for statement in (
        "select sealed from keyturn.signing_keys",
        "select * from keyturn.api_keys",
        "select * from keyturn.audit_log",
        "update keyturn.ring set token_life = 1",
        "select keyturn.apply_ring_change(1, '[]', now(), 'me', 'why')",
        "select keyturn.revoke_api_key(gen_random_uuid(), now(), 'me', 'why')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_no_private_half_is_readable_in_the_database(rings: Rings) -> None:
    """Everything in every column of schema keyturn, searched for what the ring can sign with."""
    bench = await rings.bench(legacy_secret=Secret("an-old-secret-of-the-deployment-42"))
    ring = await bench.store.load()
    pool = await rings.pool()
    needles = {b"an-old-secret-of-the-deployment-42"}
    for key in (ring.in_use, *ring.standby):
        assert key.signer is not None
        needles |= private_parts(reveal(private_jwk(key.signer)))
    dump = await dumped(pool)
    assert b"keyturn" in dump
    assert ring.in_use.kid.encode() in dump
    assert [needle for needle in needles if needle in dump or needle.hex().encode() in dump] == []


async def test_the_private_half_is_gone_when_a_key_stops_signing(rings: Rings) -> None:
    bench = await rings.bench()
    first = (await bench.store.load()).in_use.kid
    await keys.rotate(bench, forced())
    pool = await rings.pool()
    sealed = await pool.fetchval("select sealed from keyturn.signing_keys where kid = $1", first)
    assert sealed is None


async def test_an_envelope_moved_to_another_key_is_noticed(rings: Rings) -> None:
    """Swapping envelopes in the database must not make one key sign in another's name."""
    bench = await rings.bench()
    await keys.generate(bench, forced())
    ring = await bench.store.load()
    one, two = (key.kid for key in ring.standby)
    pool = await rings.pool()
    await pool.execute(
        "update keyturn.signing_keys set sealed = (select sealed from keyturn.signing_keys "
        f"where kid = '{one}') where kid = '{two}'"
    )
    with pytest.raises(Exception, match="altered or moved"):
        await bench.store.load()


async def test_another_master_key_opens_nothing_but_may_join(rings: Rings) -> None:
    await rings.bench()
    new = Secret(os.urandom(32))
    with pytest.raises(UnknownMasterKey):
        await (await rings.store(new)).load()
    both = await rings.store(new, rings.master)
    bench = keys.Bench(both, RingPolicy(), os.urandom)
    for _ in range(2):
        await keys.rotate(bench, forced())
    # Two rotations later every private half is sealed under the new key alone.
    ring = await (await rings.store(new)).load()
    assert ring.signing_key.kid == ring.in_use.kid


async def test_resealing_frees_the_ring_of_the_old_master_key_at_once(rings: Rings) -> None:
    bench = await rings.bench(legacy_secret=Secret("s" * 32))
    await keys.rotate(bench, forced())
    new = Secret(os.urandom(32))
    with pytest.raises(UnknownMasterKey):
        await (await rings.store(new)).load()
    both = await rings.store(new, rings.master)
    moved = await both.reseal(Intent(NOW, "ops", "the old key was in a backup"))
    ring = await (await rings.store(new)).load()
    assert set(moved) == {key.kid for key in ring.keys}
    assert facts(ring) == facts(await both.load())
    with pytest.raises(UnknownMasterKey):
        await bench.store.load()
    assert await both.reseal(forced()) == ()
    newest = (await both.audit(1))[0]
    assert (newest.verb, newest.actor) == ("reseal", "ops")


async def test_keys_of_every_algorithm_survive_the_store(rings: Rings) -> None:
    bench = await rings.bench()
    for alg in ("RS256", "EdDSA", "HS256"):
        kid = (await keys.import_key(bench, forced(), generate(alg, kid=f"k-{alg}"))).change.steps
        found = (await bench.store.load()).find(kid[0].kid)
        assert found.signer is not None
        assert found.key is not None
        assert found.key.verify(b"text", found.signer.sign(b"text"))
    published = KeySet.parse((await bench.store.load()).public_jwks())
    assert {key.alg for key in published} == {"ES256", "RS256", "EdDSA"}


def facts(ring: KeyRing) -> object:
    """Return what two readings of one ring must agree on (private halves have no equality)."""
    return ring.version, [
        (key.kid, key.state, key.tokens_until, key.token_life, key.key, key.signer is None)
        for key in ring.keys
    ]


async def states(bench: keys.Bench) -> dict[str, KeyState]:
    """Return the state of each key as committed."""
    ring: KeyRing = await bench.store.load()
    return {key.kid: key.state for key in ring.keys}


def private_parts(jwk: bytes) -> set[bytes]:
    """Return the private member of a JWK as text and as bytes."""
    import base64
    import json

    value = next(json.loads(jwk)[name] for name in ("d", "k") if name in json.loads(jwk))
    return {value.encode(), base64.urlsafe_b64decode(value + "==")}


async def dumped(pool: Any) -> bytes:
    """Return every row of every table of schema keyturn as text, bytea as hex and as bytes."""
    tables = await pool.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables "
        "where schemaname = 'keyturn'"
    )
    rows = []
    for table in tables:
        found = await pool.fetch(f"select t::text as row from {table['name']} t")
        rows += [table["name"].encode(), *(row["row"].encode() for row in found)]
    sealed = await pool.fetch("select sealed from keyturn.signing_keys where sealed is not null")
    return b"\n".join([*rows, *(bytes(row["sealed"]) for row in sealed)])


async def test_a_service_that_only_verifies_holds_no_private_key(rings: Rings) -> None:
    bench = await rings.bench(legacy_secret=Secret("s" * 40))
    ring = await bench.store.load()
    seen = await PostgresRingStore(
        await rings.pool(), Sealer([rings.master]), verify_only=True
    ).load()
    assert [key.signer for key in seen.keys] == [None] * len(ring.keys)
    for token in (
        encode({"role": "anon", "exp": 2**32}, key.signer) for key in ring.keys if key.signer
    ):
        assert verify(token, seen.key_set(), ANYBODY, now=NOW)["role"] == "anon"

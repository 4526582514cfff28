"""API keys in PostgreSQL: hashes only, named, revoked at once, announced when it matters."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.rings import NOW, Rings, forced

from keyturn.adapters.postgres.apikey_store import CHANNEL, PostgresApiKeyStore
from keyturn.apikeys import legacy, opaque
from keyturn.apikeys.errors import (
    AmbiguousApiKey,
    BadDescription,
    BadName,
    DuplicateName,
    UnknownApiKey,
)
from keyturn.apikeys.opaque import WrongChecksum
from keyturn.flows import apikeys
from keyturn.jose.errors import TokenRejected
from keyturn.keyring.change import Intent
from keyturn.secret import Secret
from keyturn.secret_access import reveal


async def opened(rings: Rings) -> PostgresApiKeyStore:
    """Return a store on a pool of its own."""
    return PostgresApiKeyStore(await rings.pool())


async def created(store: PostgresApiKeyStore, name: str, kind: opaque.OpaqueKind = "secret") -> str:
    """Make a key and return its text."""
    _, secret = await apikeys.create(store, forced(), kind=kind, name=name, entropy=os.urandom)
    return reveal(secret).decode()


async def test_the_text_of_a_key_is_kept_nowhere(rings: Rings) -> None:
    store = await opened(rings)
    text = await created(store, "billing")
    pool = await rings.pool()
    rows = await pool.fetch("select t::text as row from keyturn.api_keys t")
    rows += await pool.fetch("select t::text as row from keyturn.audit_log t")
    dump = "\n".join(row["row"] for row in rows)
    assert opaque.fingerprint(text) in dump
    assert text[-20:] not in dump
    assert text[: len("sb_secret_") + 7] not in dump


async def test_a_name_is_free_again_after_revocation(rings: Rings) -> None:
    store = await opened(rings)
    await created(store, "billing")
    await created(store, "billing", "publishable")
    with pytest.raises(DuplicateName):
        await created(store, "billing")
    with pytest.raises(AmbiguousApiKey):
        await apikeys.revoke(store, forced(), "billing")
    first = next(record for record in await store.list() if record.kind == "secret")
    revoked = await apikeys.revoke(store, forced(), str(first.id))
    assert revoked.revoked_at == NOW
    assert not revoked.active
    await created(store, "billing")
    secret = [record for record in await store.list() if record.kind == "secret"]
    assert sorted(record.active for record in secret) == [False, True]


async def test_a_found_key_is_revoked_by_its_own_text(rings: Rings) -> None:
    store = await opened(rings)
    text = await created(store, "leaked")
    damaged = text[:-1] + ("A" if text[-1] != "A" else "B")
    with pytest.raises(WrongChecksum):
        await apikeys.revoke(store, forced(), damaged)
    revoked = await apikeys.revoke(store, forced(), text)
    assert revoked.name == "leaked"
    with pytest.raises(UnknownApiKey) as refused:
        await apikeys.revoke(store, forced(), text)
    assert text not in refused.value.message


@pytest.mark.parametrize("name", ["", "a", "Billing", "9lives", "a b", "x" * 65, "a'; drop table"])
async def test_names_have_one_form(rings: Rings, name: str) -> None:
    with pytest.raises(BadName):
        await created(await opened(rings), name)


async def test_changes_are_announced_and_use_is_not(rings: Rings) -> None:
    store, listening = await opened(rings), await rings.pool()
    heard: list[str] = []
    subscription = await listening.listen(CHANNEL, heard.append)
    text = await created(store, "worker")
    await heard_at_least(heard, 1)
    await store.touch({opaque.digest(text): NOW})
    await asyncio.sleep(0.2)
    assert len(heard) == 1
    await apikeys.revoke(store, forced(), "worker")
    await heard_at_least(heard, 2)
    await subscription.stop()


async def heard_at_least(heard: list[str], count: int) -> None:
    """Wait at most a second for ``count`` notifications."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while len(heard) < count:
        assert clock() - begun < 1, "no notification within a second"
        await asyncio.sleep(0.005)


async def test_last_used_only_moves_forward(rings: Rings) -> None:
    store = await opened(rings)
    text = await created(store, "worker")
    record = (await store.list())[0]
    later = NOW + timedelta(hours=1)
    for seen in (NOW, later, NOW + timedelta(minutes=1)):
        await store.touch({record.id: seen, uuid4(): later})
    assert (await store.list())[0].last_used_at == later
    await store.touch({opaque.digest(text): later + timedelta(hours=1)})
    assert (await store.list())[0].last_used_at == later + timedelta(hours=1)
    await store.touch({})


async def test_a_legacy_key_of_the_deployment_is_accepted_only_if_the_secret_made_it(
    rings: Rings,
) -> None:
    store = await opened(rings)
    bench = await rings.bench(legacy_secret=Secret("s" * 32))
    ring = await bench.store.load()
    assert ring.in_use.key is not None
    minted = legacy.mint("service_role", ring.signing_key, NOW)
    text = reveal(minted.secret).decode()
    accepted = await apikeys.register_legacy(
        store, forced(), text=text, key=ring.in_use.key, entropy=os.urandom
    )
    assert (accepted.name, accepted.role, accepted.kind) == (
        "service_role",
        "service_role",
        "legacy",
    )
    again = await apikeys.register_legacy(
        store, forced(), text=text, key=ring.in_use.key, entropy=os.urandom
    )
    assert again.id == accepted.id
    header, claims, _ = text.split(".")
    with pytest.raises(TokenRejected):
        await apikeys.register_legacy(
            store,
            forced(),
            text=f"{header}.{claims}.{'A' * 43}",
            key=ring.in_use.key,
            entropy=os.urandom,
        )


async def test_every_change_of_an_api_key_is_audited(rings: Rings) -> None:
    store = await opened(rings)
    bench = await rings.bench()
    before = len(await bench.store.audit(100))
    await created(store, "worker")
    await apikeys.revoke(store, Intent(NOW, "ops", "the laptop was stolen"), "worker")
    log = await bench.store.audit(100)
    assert len(log) == before + 2
    newest = log[0]
    assert (newest.subject, newest.verb, newest.actor) == ("api_key", "revoke", "ops")
    assert newest.reason == "the laptop was stolen"
    assert newest.subject_id == str((await store.list())[0].id)


async def test_a_key_says_what_it_is_for_and_may_be_renamed(rings: Rings) -> None:
    """The log has the old name and the new one; its text and its use are untouched."""
    store = await opened(rings)
    text = await created(store, "billing")
    (before,) = await store.list()
    done = await apikeys.relabel(
        store, forced("moved"), str(before.id), name="invoices", description=" the nightly run "
    )
    assert (done.name, done.description) == ("invoices", "the nightly run")
    assert (done.hash, done.created_at) == (opaque.digest(text), before.created_at)
    pool = await rings.pool()
    rows = await pool.fetch(
        "select verb, from_state, to_state from keyturn.audit_log where subject = 'api_key'"
        " order by id"
    )
    assert [tuple(row) for row in rows][1:] == [
        ("rename", "billing", "invoices"), ("describe", None, None),
    ]  # fmt: skip
    again = await apikeys.relabel(
        store, forced(), "invoices", name="invoices", description="the nightly run"
    )
    assert again == done
    assert await pool.fetchval("select count(*) from keyturn.audit_log") == len(rows)
    cleared = await apikeys.relabel(store, forced(), "invoices", name="invoices", description="")
    assert cleared.description is None


async def test_labels_that_are_none_change_nothing(rings: Rings) -> None:
    """A name that is taken or no name, a text of many lines or without end, a key that ended."""
    store = await opened(rings)
    await created(store, "billing")
    await created(store, "cron")
    for name, said, wrong in (
        ("cron", None, DuplicateName),
        ("Not a name", None, BadName),
        ("billing", "two\nlines", BadDescription),
        ("billing", "nul\0", BadDescription),
        ("billing", "x" * 501, BadDescription),
    ):
        with pytest.raises(wrong):
            await apikeys.relabel(store, forced(), "billing", name=name, description=said)
    await apikeys.revoke(store, forced(), "cron")
    with pytest.raises(UnknownApiKey):
        await apikeys.relabel(store, forced(), "cron", name="other", description=None)
    assert {record.name for record in await store.list()} == {"billing", "cron"}

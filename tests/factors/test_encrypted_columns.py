"""Passwords and session keys in columns that GoTrue encrypted, or is to read encrypted."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.support.factors import a_person, aal_of, lifted, refused
from tests.support.plane import (
    BROWSER,
    OPEN,
    PASSWORD,
    HasDatabase,
    open_plane,
    registered,
    signed_in,
)
from tests.support.refreshing import V2, again

from keyturn.adapters.column_cipher import BadColumnKey, Columns
from keyturn.flows import user
from keyturn.flows.user import UserUpdate
from keyturn.secret import Secret
from keyturn.wiring.plane import column_cipher
from keyturn.wiring.settings import BadSettings, ColumnSettings

RAW = bytes(range(32))
KEY = Secret(base64.urlsafe_b64encode(RAW).decode().rstrip("="))
OTHER = Secret(base64.urlsafe_b64encode(bytes(32)).decode())
ROW = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


def sealed_as_gotrue(row: str, plain: str) -> str:
    """gotrue.md §5.1, written down a second time."""
    nonce = os.urandom(12)
    derived = HKDF(SHA256(), 32, salt=None, info=row.encode()).derive(RAW)
    data = AESGCM(derived).encrypt(nonce, plain.encode(), None)
    fields = {"data": data, "nonce": nonce}
    encoded = {name: base64.b64encode(octets).decode() for name, octets in fields.items()}
    return json.dumps({"key_id": "k", "alg": "aes-gcm-hkdf", **encoded})


def test_what_gotrue_wrote_is_read() -> None:
    columns = Columns({"k": KEY}, None, os.urandom)
    assert columns.open(ROW, sealed_as_gotrue(ROW, "plain")) == "plain"
    assert columns.open(ROW.replace("0", "1"), sealed_as_gotrue(ROW, "plain")) is None
    assert Columns({"k": OTHER}, None, os.urandom).open(ROW, sealed_as_gotrue(ROW, "x")) is None
    assert Columns({}, None, os.urandom).open(ROW, sealed_as_gotrue(ROW, "x")) is None
    for clear in ("$2a$10$x", "{", '{"alg": "x"}', ""):
        assert columns.open(ROW, clear) == clear


def test_when_a_value_is_outdated() -> None:
    reading = Columns({"k": KEY}, None, os.urandom)
    writing = Columns({"k": KEY, "new": OTHER}, "new", os.urandom)
    assert not reading.outdated("plain")
    assert writing.outdated("plain")
    assert writing.outdated(sealed_as_gotrue(ROW, "plain"))
    fresh = writing.seal(ROW, "plain")
    assert not writing.outdated(fresh)
    assert writing.open(ROW, fresh) == "plain"


def test_keys_that_are_none() -> None:
    with pytest.raises(BadColumnKey):
        Columns({"k": Secret("short")}, None, os.urandom)
    with pytest.raises(BadColumnKey):
        Columns({"k": KEY}, "missing", os.urandom)
    with pytest.raises(BadSettings):
        column_cipher(ColumnSettings(encrypt=True))
    with pytest.raises(BadSettings, match="id:key"):
        column_cipher(ColumnSettings(older=Secret("nothing")))
    older = Secret("k:" + base64.urlsafe_b64encode(RAW).decode())
    assert column_cipher(ColumnSettings(older=older)).open(ROW, sealed_as_gotrue(ROW, "x")) == "x"


async def test_an_encrypted_password(database: HasDatabase) -> None:
    plane = await open_plane(database)
    plane.columns = Columns({"k": KEY}, None, plane.entropy)
    granted = await registered(plane, "ada@example.com")
    column = "select encrypted_password from auth.users"
    bcrypt = await plane.pool.fetchval(column)
    await plane.pool.execute(
        "update auth.users set encrypted_password = $1",
        sealed_as_gotrue(granted.user.id, bcrypt),
    )
    assert (await signed_in(plane, "ada@example.com")).user.id == granted.user.id
    assert (await refused(signed_in(plane, "ada@example.com", "wrong one")))[1] == (
        "invalid_credentials"
    )
    plane.columns = Columns({"k": KEY, "new": OTHER}, "new", plane.entropy)
    await signed_in(plane, "ada@example.com")
    assert json.loads(await plane.pool.fetchval(column))["key_id"] == "new"
    plane.columns = Columns({}, None, plane.entropy)
    assert (await refused(signed_in(plane, "ada@example.com")))[1] == "invalid_credentials"


async def test_passwords_are_written_encrypted(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, password_needs_current=True))
    plane.columns = Columns({"k": KEY}, "k", plane.entropy)
    person = await a_person(plane)
    same = UserUpdate(password=PASSWORD, current_password=PASSWORD)
    assert (await refused(user.update(plane, person.caller, same, BROWSER)))[1] == "same_password"
    change = UserUpdate(password="another horse", current_password=PASSWORD)
    await user.update(plane, person.caller, change, BROWSER)
    stored = await plane.pool.fetchval("select encrypted_password from auth.users")
    assert json.loads(stored)["alg"] == "aes-gcm-hkdf"
    assert len(stored) <= 255
    await signed_in(plane, person.email, "another horse")


async def test_session_keys(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    plane.columns = Columns({"k": KEY}, "k", plane.entropy)
    person = await a_person(plane)
    stored = await plane.pool.fetchval("select refresh_token_hmac_key from auth.sessions")
    assert json.loads(stored)["key_id"] == "k"
    plane.pool.trips = 0
    second = await again(plane, person.granted.refresh_token)
    assert plane.pool.trips == 2  # the column, then the count
    third = await again(plane, second.refresh_token)
    assert third.refresh.rotated
    assert third.refresh.counter == 2
    assert aal_of(await lifted(await person.again())) == "aal2"
    plane.columns = Columns({}, None, plane.entropy)
    assert (await refused(again(plane, third.refresh_token)))[1] == "refresh_token_not_found"


async def test_session_keys_in_the_clear_stay(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    granted = await registered(plane, "ada@example.com")
    plane.columns = Columns({"k": KEY}, "k", plane.entropy)
    plane.pool.trips = 0
    assert (await again(plane, granted.refresh_token)).refresh.rotated
    assert plane.pool.trips == 1


async def test_the_key_of_an_upgraded_session_is_encrypted_too(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "ada@example.com")
    plane.settings = replace(V2, refresh_upgrade_percentage=100)
    plane.columns = Columns({"k": KEY}, "k", plane.entropy)
    plane.pool.trips = 0
    second = await again(plane, granted.refresh_token)
    assert plane.pool.trips == 2  # which session wants a key, then the swap
    stored = await plane.pool.fetchval("select refresh_token_hmac_key from auth.sessions")
    assert json.loads(stored)["key_id"] == "k"
    assert len(second.refresh_token) > 50
    third = await again(plane, second.refresh_token)
    assert third.refresh.rotated
    assert third.refresh.counter == 1
    plane.columns = Columns({}, None, plane.entropy)
    assert (await refused(again(plane, third.refresh_token)))[1] == "refresh_token_not_found"

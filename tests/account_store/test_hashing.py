"""Stored hashes of other makers, and that hashing stays off the event loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import argon2
import bcrypt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keyturn.adapters.hashing import ThreadedHasher

PASSWORD = "pässword 🔑"


@asynccontextmanager
async def hasher(cost: int = 4) -> AsyncIterator[ThreadedHasher]:
    made = ThreadedHasher(cost=cost, threads=2)
    try:
        yield made
    finally:
        made.close()


def firebase_hash(password: str, signer: bytes, salt: bytes, separator: bytes) -> str:
    """Hash as Firebase does: scrypt(password, salt + separator) encrypts the signer key."""
    key = hashlib.scrypt(
        password.encode(), salt=salt + separator, n=2**10, r=8, p=1, maxmem=2**26, dklen=32
    )
    cipher = Cipher(algorithms.AES(key), modes.CTR(b"\0" * 16)).encryptor()
    encoded = [
        base64.b64encode(part).decode()
        for part in (separator, signer, salt, cipher.update(signer) + cipher.finalize())
    ]
    return "$fbscrypt$v=1,n=10,r=8,p=1,ss={},sk={}${}${}".format(*encoded)


ARGON2 = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ARGON2I = argon2.PasswordHasher(1, 64, 1, type=argon2.Type.I)


@pytest.mark.parametrize(
    "stored",
    [
        ARGON2.hash(PASSWORD),
        ARGON2I.hash(PASSWORD),
        firebase_hash(PASSWORD, b"signer key of sixty-four bytes" * 2, b"salty", b"\x07"),
        firebase_hash(PASSWORD, b"another signer key", b"s" * 8, b""),
    ],
    ids=["argon2id", "argon2i", "firebase with salt separator", "firebase without"],
)
async def test_hashes_of_other_makers_are_checked(stored: str) -> None:
    async with hasher() as one:
        assert await one.verify(PASSWORD, stored)
        assert not await one.verify(PASSWORD + "!", stored)
        assert not one.outdated(stored)


async def test_our_hashes_are_gos_bcrypt_of_the_configured_cost() -> None:
    async with hasher(cost=6) as one:
        stored = await one.hash(PASSWORD)
        assert stored.startswith("$2a$06$")
        assert await one.verify(PASSWORD, stored)
        assert not await one.verify(PASSWORD[:-1], stored)
        assert await one.hash(PASSWORD) != stored


async def test_a_published_hash_verifies() -> None:
    """From the bcrypt test vectors of OpenBSD's jBCrypt: an empty password, cost 6."""
    async with hasher() as one:
        stored = "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."
        assert await one.verify("", stored)
        assert not await one.verify("a", stored)


@pytest.mark.parametrize("stored", [None, "", "garbage", "$2a$10$short", "$argon2id$broken"])
async def test_what_cannot_match_costs_what_a_match_costs(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bcrypt of the configured cost either way: the answer's time tells no account apart."""
    costs: list[int] = []
    genuine = bcrypt.hashpw

    def counted(password: bytes, salt: bytes) -> bytes:
        costs.append(int(salt.split(b"$")[2]))
        return genuine(password, salt)

    async with hasher(cost=5) as one:
        monkeypatch.setattr(bcrypt, "hashpw", counted)
        assert not await one.verify(PASSWORD, stored)
    assert costs == [5]


async def test_the_loop_runs_while_passwords_are_hashed() -> None:
    async with hasher(cost=11) as one:
        hashing = asyncio.create_task(one.hash(PASSWORD))
        turns = 0
        while not hashing.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 10


@pytest.mark.parametrize(
    ("stored", "outdated"),
    [("$2a$04$", True), ("$2a$05$", False), ("$2b$10$", False), ("$2y$12$", True)],
)
async def test_only_cheapest_and_dearer_hashes_are_rewritten(stored: str, outdated: bool) -> None:
    async with hasher(cost=10) as one:
        assert one.outdated(stored + "C" * 53) is outdated

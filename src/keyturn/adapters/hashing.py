"""Password hashing in threads, one per core: bcrypt written, bcrypt, argon2 and Firebase read."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
import bcrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keyturn.accounts.passwords import LIMIT_BYTES, hash_format

_USUAL_COST = 10
_LOWEST_COST = 4
_SALT = "CCCCCCCCCCCCCCCCCCCCC."
_SCRYPT_MEMORY = 1 << 31
_FIREBASE_KEY_BYTES = 32

Result = TypeVar("Result")


class ThreadedHasher:
    """Implements :class:`keyturn.flows.ports.hashing.PasswordHasher`; close it at the end."""

    def __init__(self, cost: int = _USUAL_COST, threads: int | None = None) -> None:
        """``cost`` is bcrypt's; ``threads`` defaults to the cores this process may use."""
        self._cost = cost
        self._threads = ThreadPoolExecutor(
            threads or len(os.sched_getaffinity(0)), thread_name_prefix="hash"
        )

    async def hash(self, password: str) -> str:
        """Return a ``$2a$`` bcrypt hash; the caller has checked the length."""
        return await self._run(lambda: _hashed(password.encode(), self._cost))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Compare; what cannot be compared costs a bcrypt all the same."""
        return await self._run(lambda: _verified(password.encode(), stored, self._cost))

    def outdated(self, stored: str) -> bool:
        """Tell whether ``stored`` is bcrypt that is dearer than usual or at the minimum."""
        found = hash_format(stored)
        if found is None or found[0] != "bcrypt":
            return False
        cost = int(found[1]["cost"] or 0)
        return cost != self._cost and (cost > _USUAL_COST or cost == _LOWEST_COST)

    def close(self) -> None:
        """Stop the threads once the hashes under way are done."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _hashed(password: bytes, cost: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost, prefix=b"2a")).decode()


def _verified(password: bytes, stored: str | None, cost: int) -> bool:
    found = hash_format(stored) if stored else None
    if found is None or stored is None or len(password) > LIMIT_BYTES:
        bcrypt.hashpw(password[:LIMIT_BYTES], f"$2a${cost:02}${_SALT}".encode())
        return False
    return _VERIFIERS[found[0]](password, stored, found[1])


def _bcrypt(password: bytes, stored: str, _found: Mapping[str, str | None]) -> bool:
    # Two spellings of what Go calls 2a; the algorithm is the same.
    return bcrypt.checkpw(password, stored.replace("$2y$", "$2b$", 1).encode())


def _argon2(password: bytes, stored: str, _found: Mapping[str, str | None]) -> bool:
    try:
        return argon2.PasswordHasher().verify(stored.replace("=$", "$").rstrip("="), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _firebase(password: bytes, _stored: str, found: Mapping[str, str | None]) -> bool:
    """Firebase's scrypt: the derived key encrypts the project's signer key (AES-256-CTR, IV 0)."""
    salt, separator, signer, wanted = (
        base64.b64decode((found[name] or "") + "==") for name in ("salt", "ss", "sk", "hash")
    )
    key = hashlib.scrypt(
        password,
        salt=salt + separator,
        n=1 << int(found["n"] or 0),
        r=int(found["r"] or 0),
        p=int(found["p"] or 0),
        maxmem=_SCRYPT_MEMORY - 1,
        dklen=_FIREBASE_KEY_BYTES,
    )
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return hmac.compare_digest(encryptor.update(signer) + encryptor.finalize(), wanted)


_VERIFIERS: Mapping[str, Callable[[bytes, str, Mapping[str, str | None]], bool]] = {
    "bcrypt": _bcrypt,
    "argon2": _argon2,
    "fbscrypt": _firebase,
}

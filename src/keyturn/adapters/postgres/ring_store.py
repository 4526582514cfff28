"""The key ring in PostgreSQL: read as one snapshot, changed by compare-and-swap.

A change is one call of ``keyturn.apply_ring_change``, so a process that dies at any moment leaves
the old ring or the new one. Private halves leave this module sealed and enter it sealed.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from keyturn.adapters.postgres.connection import Record
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.adapters.postgres.ring_look import read_audit
from keyturn.adapters.sealing import Sealer
from keyturn.errors import KeyturnError
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    private_jwk,
    signing_key_from_jwk,
    signing_key_from_secret,
    verifying_key_from_jwk,
)
from keyturn.keyring.change import Intent, RingChange, Step
from keyturn.keyring.documents import shared_secret_key
from keyturn.keyring.errors import AlreadyChanged, BrokenRing
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import STATES, KeyState
from keyturn.keyring.summary import AuditEntry
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_PACKAGE: Final = "keyturn.adapters.postgres"
_TIMES: Final = (
    "created_at",
    "published_at",
    "promoted_at",
    "retired_at",
    "revoked_at",
    "tokens_until",
)


class SealerNeeded(KeyturnError):
    """This step needs the master key: it makes or opens a private key."""

    code = "master_key_missing"
    default_hint = "Set KEYTURN_MASTER_KEY or KEYTURN_MASTER_KEY_FILE, or name the data folder."


class PostgresRingStore:
    """Implements :class:`keyturn.flows.ports.ring.RingStore`.

    Without a ``sealer`` the ring can be looked at, but nothing is unsealed: ``signer`` is None for
    all keys and ``key`` is None for symmetric ones. With ``verify_only`` shared secrets are opened,
    because they verify, and private keys stay sealed: ``signer`` is None for all keys.
    """

    def __init__(self, pool: Pool, sealer: Sealer | None, *, verify_only: bool = False) -> None:
        self._pool = pool
        self._sealer = sealer
        self._verify_only = verify_only

    async def load(self) -> KeyRing:
        """Read the ring; raises ``Unreachable``, ``UnknownMasterKey`` or ``BrokenSeal``."""
        rows = await self._pool.fetch(load(_PACKAGE, "ring/load"))
        keys = tuple(self._key(row) for row in rows if row["kid"] is not None)
        return KeyRing(rows[0]["version"], keys, rows[0]["announced_life"])

    async def version(self) -> tuple[int, int]:
        """Return the ring's version and announced token life: what a poll compares."""
        row = await self._pool.fetchrow(load(_PACKAGE, "ring/version"))
        if row is None:
            raise KeyturnError("the table keyturn.ring is empty; was it restored in part?")
        return row["version"], row["token_life"]

    async def apply(self, expected_version: int, change: RingChange) -> KeyRing:
        """Apply ``change`` to ``expected_version`` and return the ring as committed."""
        steps = json.dumps([self._step(step) for step in change.steps])
        intent = change.intent
        async with _invariants():
            version = await self._pool.fetchval(
                load(_PACKAGE, "ring/apply"),
                expected_version,
                steps,
                intent.now,
                intent.actor,
                intent.reason,
            )
        if version is None:
            raise AlreadyChanged(
                f"the ring is no longer at version {expected_version}: somebody else changed it "
                "first; nothing was changed"
            )
        return await self.load()

    async def announce_token_life(self, seconds: int) -> None:
        """Record how long this server's tokens live; retirement waits for the longest."""
        await self._pool.fetchval(load(_PACKAGE, "ring/announce_token_life"), seconds)

    async def reseal(self, intent: Intent) -> tuple[str, ...]:
        """Put every private half under the first master key; return the names of those moved.

        A key that another process changed meanwhile is left to it. Raises as :meth:`load`.
        """
        if self._sealer is None:
            raise SealerNeeded
        moved = []
        for row in await self._pool.fetch(load(_PACKAGE, "ring/envelopes")):
            kid, alg, known = row["kid"], row["alg"], bytes(row["sealed"])
            if self._sealer.is_current(known):
                continue
            plain = self._sealer.unseal(known, kid=kid, alg=alg)
            sealed = self._sealer.seal(plain, kid=kid, alg=alg)
            facts = (kid, known, sealed, intent.now, intent.actor, intent.reason)
            if await self._pool.fetchval(load(_PACKAGE, "ring/reseal"), *facts):
                moved.append(kid)
        return tuple(moved)

    async def audit(self, limit: int) -> Sequence[AuditEntry]:
        """Return the newest ``limit`` lines of the audit log, newest first."""
        return await read_audit(self._pool, limit)

    def _key(self, row: Record) -> RingKey:
        state = KeyState(row["state"])
        signer = self._unseal(row)
        verifying: VerifyingKey | None = None
        if row["public_jwk"] is not None:
            verifying = verifying_key_from_jwk(json.loads(row["public_jwk"]), kid=row["kid"])
        elif signer is not None:
            verifying = signer.verifying_key()
        return RingKey(
            kid=row["kid"],
            alg=row["alg"],
            state=state,
            key=verifying,
            signer=signer if STATES[state].private_half and not self._verify_only else None,
            legacy=row["legacy"],
            token_life=row["token_life"],
            **{name: row[name] for name in _TIMES},
        )

    def _unseal(self, row: Record) -> SigningKey | None:
        if self._sealer is None or row["sealed"] is None:
            return None
        if self._verify_only and row["public_jwk"] is not None:
            return None
        kid, alg = row["kid"], row["alg"]
        plain = self._sealer.unseal(bytes(row["sealed"]), kid=kid, alg=alg)
        return _opened(plain, None if row["legacy"] else kid)

    def _step(self, step: Step) -> dict[str, object]:
        """Return one element of ``steps``, the argument of ``keyturn.apply_ring_change``."""
        document: dict[str, object] = {
            "verb": step.verb,
            "kid": step.kid,
            "alg": step.alg,
            "source": step.source,
            "target": step.target,
            "overridden": step.overridden,
        }
        if step.key is not None:
            document |= {name: _text(getattr(step.key, name)) for name in _TIMES}
            document |= {"legacy": step.key.legacy, "token_life": step.key.token_life}
        if step.source is None and step.key is not None:
            document |= self._material(step.key)
        return document

    def _material(self, key: RingKey) -> dict[str, object]:
        if key.key is None:
            raise KeyturnError(f"key {key.kid} has no material to store")
        public = None if key.symmetric else key.key.public_jwk()
        if not key.symmetric and key.signer is None:
            return {"public_jwk": public, "sealed": None}
        if self._sealer is None:
            raise SealerNeeded
        plain = private_jwk(key.signer or shared_secret_key(key.key))
        sealed = self._sealer.seal(plain, kid=key.kid, alg=key.alg)
        return {"public_jwk": public, "sealed": b64encode(sealed).decode()}


@asynccontextmanager
async def _invariants() -> AsyncIterator[None]:
    """Turn the database's own refusal (a constraint or trigger of 0011) into ``BrokenRing``."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate != "KT002" and not isinstance(
            error, asyncpg.IntegrityConstraintViolationError
        ):
            raise
        raise BrokenRing(f"the database refused the change: {error}") from None


def _opened(plain: Secret, kid: str | None) -> SigningKey:
    jwk = json.loads(reveal(plain))
    if jwk["kty"] != "oct":
        return signing_key_from_jwk(jwk, kid=kid)
    # An imported JWT_SECRET may be shorter than we would ever make one; it was accepted then.
    raw = Secret(urlsafe_b64decode(jwk["k"] + "=" * (-len(jwk["k"]) % 4)))
    return signing_key_from_secret(raw, kid=kid, allow_short=True)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

"""An auth plane on a test's database: real store, real signatures, a clock that tests move.

bcrypt runs at its lowest cost here: the rules do not depend on it and tests are many.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.column_cipher import Columns
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.adapters.postgres.account_store import PostgresAccountStore
from keyturn.adapters.postgres.custom_provider_store import PostgresCustomProviderStore
from keyturn.adapters.postgres.external_store import PostgresExternalStore
from keyturn.adapters.postgres.factor_store import PostgresFactorStore
from keyturn.adapters.postgres.oauth_store import PostgresOAuthStore
from keyturn.adapters.postgres.passkey_store import PostgresPasskeyStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.rate_limiter import PostgresRateLimiter
from keyturn.adapters.postgres.session_store import PostgresSessionStore
from keyturn.flows import sign_in, sign_up
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.jose import jwt, keys
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState
from keyturn.wiring.hooks import open_hooks
from keyturn.wiring.providers import provider_servers

BCRYPT_COST = 5
PASSWORD = "correct horse"
START = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
BROWSER = ClientInfo(ip="203.0.113.7", user_agent="browser/1")
OPEN = AuthSettings(
    issuer="http://localhost:9999",
    mailer_autoconfirm=True,
    anonymous_users_enabled=True,
    bcrypt_cost=BCRYPT_COST,
)


class HasDatabase(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, dsn: Any = None, **options: Any) -> Pool: ...


class MovableClock:
    """Stands still until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


class CountingPool:
    """Counts the statements sent through a pool; each is one round trip."""

    def __init__(self, pool: Pool) -> None:
        self.real = pool
        self.trips = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)
        if name in {"fetch", "fetchrow", "fetchrow_together", "fetchval", "execute"}:
            self.trips += 1
        elif name in {"transaction", "connection"}:
            raise AssertionError("a transaction block is several round trips")
        return method


class FixedRing:
    """A ring source that never changes."""

    def __init__(self, alg: str = "ES256", kid: str = "key-1") -> None:
        signer = keys.generate(alg, kid=kid)
        key = RingKey(
            kid=kid,
            alg=alg,
            state=KeyState.IN_USE,
            key=signer.verifying_key(),
            signer=signer,
            legacy=False,
            created_at=START,
            published_at=START,
        )
        self.ring = KeyRing(1, (key,))

    def current(self) -> KeyRing:
        return self.ring

    def subscribe(self, callback: Callable[[KeyRing], None]) -> None:
        """Nothing ever happens."""


class TestPlane(AuthPlane):
    """An :class:`AuthPlane` whose clock and pool a test can reach."""

    __test__ = False
    clock: MovableClock
    pool: CountingPool

    def signing_token(self, **claims: object) -> str:
        return "Bearer " + jwt.encode(claims, self.ring.current().signing_key)


_hasher = ThreadedHasher(cost=BCRYPT_COST, threads=2)
_ring = FixedRing()
_names = itertools.count(1)


async def open_plane(
    database: HasDatabase, settings: AuthSettings = OPEN, *, size: int = 4
) -> TestPlane:
    """Return a plane on ``database``; its pool closes with the test."""
    opened = await database.pool(size=size)
    pool = CountingPool(opened)
    plane = TestPlane(
        settings=settings,
        accounts=PostgresAccountStore(cast("Pool", pool)),
        factors=PostgresFactorStore(cast("Pool", pool)),
        columns=Columns({}, None, os.urandom),
        sessions=PostgresSessionStore(cast("Pool", pool)),
        limiter=PostgresRateLimiter(cast("Pool", pool)),
        passkeys=PostgresPasskeyStore(cast("Pool", pool)),
        ring=_ring,
        hasher=_hasher,
        hooks=open_hooks(opened),
        oauth=PostgresOAuthStore(cast("Pool", pool)),
        external=PostgresExternalStore(cast("Pool", pool)),
        providers=provider_servers(),
        custom_providers=PostgresCustomProviderStore(cast("Pool", pool)),
        clock=MovableClock(),
        entropy=os.urandom,
    )
    plane.pool = pool
    return plane


async def registered(plane: AuthPlane, email: str | None = None, /, **data: object) -> Granted:
    """Sign a new user up with :data:`PASSWORD`."""
    address = email or f"user{next(_names)}@example.com"
    request = sign_up.SignUp(email=address, password=PASSWORD, data=data)
    return await sign_up.sign_up(plane, request, BROWSER)


async def signed_in(plane: AuthPlane, email: str, password: str = PASSWORD) -> Granted:
    """Sign in with a password."""
    request = sign_in.PasswordGrant(email=email, password=password)
    return await sign_in.password(plane, request, BROWSER)

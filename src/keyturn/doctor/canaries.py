"""One credential of each kind, made of the deployment's own keys, for predicting and for asking.

A token lives :data:`LIFE_SECONDS`, has the role ``authenticated`` and a random ``sub`` that is no
user, so it reads nothing that a stranger who signs up could not read. It names no session: Auth
then says ``user_not_found`` after it has accepted the signature.

The service key and the secret key are the deployment's own and act as ``service_role``. The matrix
needs them to predict; nobody sends them over a wire unless the user asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from keyturn.accounts.identifiers import uuid4_from
from keyturn.clock import unix
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.doctor import canary_values as own
from keyturn.jose.errors import JoseError
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.secret import Secret

LIFE_SECONDS: Final = 60
"""Enough for a probe of five seconds and two clocks that differ by half a minute."""
EXPIRED_FOR: Final = timedelta(hours=1)
"""More than any leeway: PostgREST allows 30 s, the others none (services.md §2)."""
POWERFUL: Final = frozenset({CredentialKind.SERVICE_LEGACY, CredentialKind.SECRET})
"""The kinds that act as ``service_role``."""
NOT_ASKED: Final = "it acts as service_role and is used only when asked for"

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, eq=False)
class Canaries(Mapping[CredentialKind, Credential]):
    """What could be made, by kind; ``missing`` says in a sentence why a kind is absent."""

    made: Mapping[CredentialKind, Credential] = field(repr=False)
    missing: Mapping[CredentialKind, str] = field(default_factory=dict)

    def __getitem__(self, kind: CredentialKind) -> Credential:
        return self.made[kind]

    def __iter__(self) -> Iterator[CredentialKind]:
        """In the order of the matrix's columns."""
        return (kind for kind in CredentialKind if kind in self.made)

    def __len__(self) -> int:
        return len(self.made)

    def without_service_role(self) -> Canaries:
        """Return what may be sent to a running deployment that nobody gave leave to command."""
        kept = {kind: one for kind, one in self.made.items() if kind not in POWERFUL}
        held_back = {kind: NOT_ASKED for kind in POWERFUL if kind in self.made}
        return Canaries(kept, {**self.missing, **held_back})


@dataclass(frozen=True)
class _Mint:
    """Everything that signing needs; its ``repr`` shows no key."""

    inventory: Inventory = field(repr=False)
    now: datetime
    randomness: Entropy = field(repr=False)
    apikey: str | None = field(repr=False)
    user: SigningKey | None
    shared: SigningKey | None

    def credential(
        self, kind: CredentialKind, key: SigningKey, issued: datetime | None = None
    ) -> Credential:
        return Credential(kind, self.apikey, encode(self._claims(issued or self.now), key))

    def _claims(self, issued: datetime) -> dict[str, object]:
        """Return what every service that checks claims asks for (Realtime: ``role`` and ``exp``).

        ``iss`` and ``aud`` are those that Auth writes, for PGRST_JWT_AUD and JWT_CLAIM_VALIDATORS.
        """
        issuer = own.setting(self.inventory, Kind.AUTH, "GOTRUE_JWT_ISSUER")
        return {
            **({"iss": issuer} if issuer else {}),
            "sub": uuid4_from(self.randomness(16)),
            "aud": own.setting(self.inventory, Kind.AUTH, "GOTRUE_JWT_AUD") or "authenticated",
            "exp": unix(issued) + LIFE_SECONDS,
            "iat": unix(issued),
            "role": "authenticated",
        }


def canaries(
    inventory: Inventory,
    now: datetime,
    randomness: Entropy,
    include_service_role: bool = False,
    *,
    by_newest: bool = False,
    by: str | None = None,
) -> Canaries:
    """Return a credential of each kind that ``inventory`` has the keys for.

    ``randomness(n)`` returns ``n`` random bytes. Without ``include_service_role`` the legacy
    service key and the secret key are absent; give it for predictions, which send nothing.
    ``by_newest``: users' tokens are signed by the standby published last, not by the key in use;
    ``by``: by the private key of this kid, and there are none when there is no such key.
    """
    missing: dict[CredentialKind, str] = {}
    mint = _mint(inventory, now, randomness, missing, by_newest=by_newest, by=by)
    made = {**_api_keys(inventory, missing), **_tokens(mint, missing)}
    everything = Canaries(made, missing)
    return everything if include_service_role else everything.without_service_role()


def _mint(
    inventory: Inventory,
    now: datetime,
    randomness: Entropy,
    missing: dict[CredentialKind, str],
    *,
    by_newest: bool,
    by: str | None,
) -> _Mint:
    # A signed-in client sends the API key it was built with; gateways of every age take the old.
    apikey = own.find_legacy(inventory, own.ANON) or own.find(inventory, own.PUBLISHABLE)
    user = _user_key(inventory, missing, by_newest=by_newest, by=by)
    return _Mint(inventory, now, randomness, apikey, user, _shared(inventory))


def _user_key(
    inventory: Inventory, missing: dict[CredentialKind, str], *, by_newest: bool, by: str | None
) -> SigningKey | None:
    try:
        keys = own.user_keys(inventory)
    except ValueError as problem:
        missing[CredentialKind.USER_ES256] = str(problem)
        return None
    if not keys:
        missing[CredentialKind.USER_ES256] = (
            "JWT_KEYS holds no private asymmetric key that can be read"
            if own.find(inventory, own.JWT_KEYS)
            else "the deployment has no JWT_KEYS to sign with"
        )
    if by is not None:
        return next((key for key in keys if key.kid == by), None)
    return keys[-1 if by_newest else 0] if keys else None


def _shared(inventory: Inventory) -> SigningKey | None:
    try:
        return own.shared_key(inventory)
    except JoseError:
        return None


def _api_keys(
    inventory: Inventory, missing: dict[CredentialKind, str]
) -> dict[CredentialKind, Credential]:
    """Return the four API keys as supabase-js sends them.

    A legacy key is also its own bearer; an ``sb_`` key is sent as ``apikey`` only.
    """
    legacy = (
        (CredentialKind.ANON_LEGACY, own.find_legacy(inventory, own.ANON), "ANON_KEY"),
        (
            CredentialKind.SERVICE_LEGACY,
            own.find_legacy(inventory, own.SERVICE_ROLE),
            "SERVICE_ROLE_KEY",
        ),
    )
    opaque = (
        (CredentialKind.PUBLISHABLE, own.PUBLISHABLE),
        (CredentialKind.SECRET, own.SECRET),
    )
    made = {kind: Credential(kind, value, value) for kind, value, _ in legacy if value}
    for kind, value, name in legacy:
        if not value:
            missing[kind] = f"no service is given a legacy key and {name} is not set"
    for kind, row in opaque:
        if value := own.find(inventory, row):
            made[kind] = Credential(kind, value, None)
        else:
            missing[kind] = f"{row.variable} is not set"
    return made


def _tokens(mint: _Mint, missing: dict[CredentialKind, str]) -> dict[CredentialKind, Credential]:
    kind = CredentialKind
    made = {
        kind.FORGED: mint.credential(kind.FORGED, _impostor(mint)),
        kind.UNKNOWN_KID: mint.credential(kind.UNKNOWN_KID, _stranger(mint.randomness)),
    }
    if mint.user:
        made[kind.USER_ES256] = mint.credential(kind.USER_ES256, mint.user)
    if mint.shared:
        made[kind.USER_HS256] = mint.credential(kind.USER_HS256, mint.shared)
    else:
        missing[kind.USER_HS256] = "the deployment has no JWT_SECRET to sign with"
    if genuine := mint.user or mint.shared:
        long_ago = mint.now - EXPIRED_FOR - timedelta(seconds=LIFE_SECONDS)
        made[kind.EXPIRED] = mint.credential(kind.EXPIRED, genuine, long_ago)
    else:
        missing[kind.EXPIRED] = "the deployment has neither JWT_KEYS nor JWT_SECRET to sign with"
    return made


def _impostor(mint: _Mint) -> SigningKey:
    """Return a fresh key under the name of the one that signs: right kid, wrong key.

    Where no asymmetric key signs, an HS256 key of 32 random bytes without a name.
    """
    if mint.user:
        return generate(mint.user.alg, kid=mint.user.kid)
    return signing_key_from_secret(Secret(mint.randomness(32)), kid=None)


def _stranger(randomness: Entropy) -> SigningKey:
    return generate("ES256", kid=uuid4_from(randomness(16)))

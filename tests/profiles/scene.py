"""Keys, tokens and environments for the profiles' tables; everything is made when a test runs."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from keyturn.deploy.inventory import Kind
from keyturn.jose import strict_json
from keyturn.jose.jwk import private_jwk
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.profiles import auth, functions, realtime, rest, storage
from keyturn.profiles.functions import Script
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Verdict
from keyturn.secret import Secret
from keyturn.secret_access import reveal

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
JWT_SECRET = "the-running-secret-" + "s" * 24
OTHER_SECRET = "another-secret-" + "o" * 24
EC = generate("ES256", kid="current")
EC_STANDBY = generate("ES256", kid="standby")
STRANGER = generate("ES256", kid="current")
RSA = generate("RS256", kid="rsa")
EDDSA = generate("EdDSA", kid="ed")
LEGACY = signing_key_from_secret(Secret(JWT_SECRET), kid=None)
OTHER = signing_key_from_secret(Secret(OTHER_SECRET), kid=None)
CLAIMS: Mapping[str, object] = {
    "role": "authenticated", "sub": "3e1f6a0c-0000-4000-8000-000000000001",
    "iat": SECONDS - 60, "exp": SECONDS + 3600,
}  # fmt: skip


def without(*names: str) -> dict[str, object]:
    """The usual claims without some of them."""
    return {name: value for name, value in CLAIMS.items() if name not in names}


def segment(value: object) -> str:
    """One part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    key: SigningKey, claims: Mapping[str, object] = CLAIMS, *, alg: str | None = None,
    kid: str | None = "own", typ: str | None = "JWT",
) -> str:  # fmt: skip
    """A token really signed by ``key``; ``kid`` "own" means the key's."""
    named = key.kid if kid == "own" else kid
    header = {"alg": alg or key.alg}
    header |= {} if typ is None else {"typ": typ}
    header |= {} if named is None else {"kid": named}
    unsigned = f"{segment(header)}.{segment(dict(claims))}"
    return f"{unsigned}.{segment(key.sign(unsigned.encode()))}"


def unsecured() -> str:
    """A token with alg none."""
    return f"{segment({'alg': 'none', 'typ': 'JWT'})}.{segment(dict(CLAIMS))}."


def hmac_token(secret: str, alg: str, digest: str) -> str:
    """A kid-less token with any HMAC algorithm."""
    unsigned = f"{segment({'alg': alg, 'typ': 'JWT'})}.{segment(dict(CLAIMS))}"
    return f"{unsigned}.{segment(hmac.digest(secret.encode(), unsigned.encode(), digest))}"


def public(key: SigningKey, **changes: object) -> dict[str, object]:
    """The public JWK of a key; None takes a member out."""
    return changed(key.verifying_key().public_jwk(), changes)


def private(
    key: SigningKey, ops: tuple[str, ...] = ("sign", "verify"), **changes: object
) -> dict[str, object]:
    """The private JWK of a key."""
    return changed(strict_json.loads(reveal(private_jwk(key, key_ops=ops))), changes)


def octets(secret: str, **changes: object) -> dict[str, object]:
    """The JWK of a shared secret as Supabase's own script writes it: no kid."""
    return changed({"kty": "oct", "k": segment(secret.encode()), "alg": "HS256"}, changes)


def changed(jwk: dict[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """A JWK with members replaced, or taken out by None."""
    merged = {**jwk, **changes}
    return {name: value for name, value in merged.items() if value is not None}


@dataclass(frozen=True)
class Keys:
    """One deployment's two documents: Auth's array and everybody's object."""

    array: str
    jwks: str
    secret: str = JWT_SECRET


def keys(*pairs: tuple[dict[str, object], dict[str, object]], secret: str = JWT_SECRET) -> Keys:
    """Both documents of (private, public) pairs."""
    return Keys(
        json.dumps([one for one, _ in pairs]), json.dumps({"keys": [two for _, two in pairs]}),
        secret,
    )  # fmt: skip


def ec(
    key: SigningKey = EC, *, signs: bool = True, **changes: object
) -> tuple[dict[str, object], dict[str, object]]:
    """The pair of an asymmetric key."""
    ops = ("sign", "verify") if signs else ("verify",)
    return private(key, ops, **changes), public(key, **changes)


def shared(
    secret: str = JWT_SECRET, **changes: object
) -> tuple[dict[str, object], dict[str, object]]:
    """The pair of a shared secret: the same JWK twice."""
    return (octets(secret, **changes),) * 2


STANDARD = keys(ec(), shared())
"""What Supabase's script writes: one EC key with kid, the secret without."""

Judge = Callable[[Keys, str | None], Verdict]
MAIN_V2 = "const SUPABASE_JWKS = 1; VERIFY_JWT; jose.createLocalJWKSet; jose.jwtVerify"


def request(kind: Kind, bearer: str | None) -> Request:
    """A direct request with a bearer, if any."""
    return Request(kind, None if bearer is None else f"Bearer {bearer}")


def at_auth(given: Keys, bearer: str | None) -> Verdict:
    """Auth 2.196."""
    env = {"GOTRUE_JWT_SECRET": given.secret, "GOTRUE_JWT_KEYS": given.array}
    return auth.judge(auth.read_config(env, (2, 196, 0)), request(Kind.AUTH, bearer), NOW)


def at_rest(given: Keys, bearer: str | None) -> Verdict:
    """PostgREST 14.17."""
    env = {"PGRST_JWT_SECRET": given.jwks, "PGRST_DB_ANON_ROLE": "anon"}
    return rest.judge(rest.read_config(env, (14, 18)), request(Kind.REST, bearer), NOW)


def at_rest_12(given: Keys, bearer: str | None) -> Verdict:
    """PostgREST 12."""
    env = {"PGRST_JWT_SECRET": given.jwks, "PGRST_DB_ANON_ROLE": "anon"}
    return rest.judge(rest.read_config(env, (12, 2, 8)), request(Kind.REST, bearer), NOW)


def at_realtime(given: Keys, bearer: str | None) -> Verdict:
    """Realtime's REST broadcast."""
    return realtime.judge(realtime_config(given), request(Kind.REALTIME, bearer), NOW)


def at_socket(given: Keys, bearer: str | None) -> Verdict:
    """Realtime's socket, with the token as its API key."""
    asked = Request(Kind.REALTIME, x_api_key=bearer, websocket=True)
    return realtime.judge(realtime_config(given), asked, NOW)


def realtime_config(given: Keys) -> realtime.Config:
    """Realtime's configuration of these keys."""
    env = {"API_JWT_SECRET": given.secret, "API_JWT_JWKS": given.jwks, "SEED_SELF_HOST": "true"}
    return realtime.read_config(env, (2, 129, 8))


def at_storage(given: Keys, bearer: str | None) -> Verdict:
    """Storage."""
    return storage.judge(storage_config(given), request(Kind.STORAGE, bearer), NOW)


def storage_config(given: Keys) -> storage.Config:
    """Storage's configuration of these keys."""
    return storage.read_config({"AUTH_JWT_SECRET": given.secret, "JWT_JWKS": given.jwks})


def at_functions(given: Keys, bearer: str | None) -> Verdict:
    """Edge Functions with the second main script."""
    env = {"JWT_SECRET": given.secret, "SUPABASE_JWKS": given.jwks, "VERIFY_JWT": "true"}
    config = functions.read_config(env, MAIN_V2)
    assert config.script is Script.V2
    return functions.judge(config, request(Kind.FUNCTIONS, bearer), NOW)


JUDGES: Mapping[str, Judge] = {
    "auth": at_auth,
    "rest": at_rest,
    "socket": at_socket,
    "storage": at_storage,
    "functions": at_functions,
}

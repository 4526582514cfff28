"""How Realtime checks tokens: sockets, joins, REST broadcast and its own administration.

Sources: supabase/realtime 2.129.8, ``lib/realtime_web/channels/auth/jwt_verification.ex``,
``plugs/auth_tenant.ex``, ``router.ex``, ``priv/repo/seeds.exs``. The settings are read when the
container starts and seeds the tenant's row; without seeding an older row decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyturn.clock import unix
from keyturn.deploy.inventory import Kind, Version
from keyturn.jose.errors import shown
from keyturn.profiles import keyset
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.key import (
    CURVE_ALGORITHMS,
    HMAC_ALGORITHMS,
    RSA_ALGORITHMS,
    CannotCheck,
    Key,
    secret_key,
)
from keyturn.profiles.keyset import Broken, Form, KeySet
from keyturn.profiles.realtime_words import (
    EXPIRED,
    MALFORMED,
    MISSING,
    NO_CLAIMS,
    SIGNATURE,
    Problem,
    signer_problem,
)
from keyturn.profiles.request import Request
from keyturn.profiles.token import Token, json_value, read, seconds
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict

SPACE_FORGIVEN_SINCE: Version = (2, 130)
"""Before, a raw value in Authorization crashed the REST plug: 500. The first release without that
is not known; the source of 2.129.8 has it."""
_TYPES = {
    **dict.fromkeys(RSA_ALGORITHMS, "RSA"),
    **dict.fromkeys(CURVE_ALGORITHMS.values(), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519", "Ed448"), "OKP"),
    **dict.fromkeys(HMAC_ALGORITHMS, "oct"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What decides about tokens, as the tenant's row holds it after seeding."""

    secret: str = field(default="", repr=False)
    keys: KeySet = keyset.ABSENT
    validators: Mapping[str, object] = field(default_factory=dict)
    """``JWT_CLAIM_VALIDATORS``: claims that have to be exactly this where a token has them."""
    seeds: bool = True
    """Whether the start writes the settings into the tenant's row."""
    version: Version | None = None
    failure: StartFailure | None = None


class _Rejected(Exception):
    """The token is refused."""

    def __init__(self, problem: Problem, why: str) -> None:
        super().__init__(why)
        self.problem = problem
        self.why = why


def read_config(
    env: Mapping[str, str], version: Version | None = None, command: str = ""
) -> Config:
    """Return what Realtime makes of its environment; ``command`` may seed by itself (2023)."""
    seeds = env.get("SEED_SELF_HOST", "").strip().lower() == "true" or "seeds" in command
    secret = env.get("API_JWT_SECRET", "")
    try:
        keys = keyset.realtime(env.get("API_JWT_JWKS"))
    except Broken as broken:
        failure = StartFailure(broken.logged, "API_JWT_JWKS", broken.sentence) if seeds else None
        return Config(secret, seeds=seeds, version=version, failure=failure)
    validators, failure = _validators(env.get("JWT_CLAIM_VALIDATORS", ""))
    return Config(secret, keys, validators, seeds, version, failure)


def _validators(text: str) -> tuple[Mapping[str, object], StartFailure | None]:
    try:
        value = json_value(text) if text.strip() else {}
    except ValueError:
        value = None
    if isinstance(value, Mapping):
        return value, None
    failure = StartFailure(
        "JWT_CLAIM_VALIDATORS is not a valid JSON object",
        "JWT_CLAIM_VALIDATORS",
        'It has to be a JSON object such as {"iss": "…"}.',
    )
    return {}, failure


def judge(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict what Realtime says to ``request``: to a socket, or to the REST broadcast."""
    trail = Trail(Kind.REALTIME)
    if config.failure is not None:
        return trail.down(config.failure)
    if not config.seeds:
        trail.remark(
            "SEED_SELF_HOST is not true: the row of _realtime.tenants decides, and it may be older."
        )
    trail.remark(_keys_words(config))
    try:
        if request.websocket:
            return _socket(config, trail, request, now)
        return _broadcast(config, trail, request, now)
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")


def judge_admin(config: Config, authorization: str | None, now: datetime) -> Verdict:
    """Predict ``/api/tenants`` and the healthcheck: only HMAC with ``API_JWT_SECRET`` passes."""
    trail = Trail(Kind.REALTIME)
    if config.failure is not None:
        return trail.down(config.failure)
    text = (authorization or "").removeprefix("Bearer ").strip()
    if not text:
        return trail.refuse("The Authorization header is empty.", 403)
    trail.remark("The tenants API and the healthcheck know API_JWT_SECRET only, never the JWKS.")
    try:
        claims = _verified(Config(config.secret), text, now, required=())
    except _Rejected as rejected:
        return trail.refuse(rejected.why, 403)
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")
    return trail.accept("Any role may administer tenants with such a token.", _role(claims))


def _keys_words(config: Config) -> str:
    match config.keys.form:
        case Form.ABSENT:
            return "API_JWT_JWKS is not set: only HS256 tokens of API_JWT_SECRET can pass."
        case Form.USELESS:
            return f"API_JWT_JWKS gives no key: {config.keys.problem}."
        case _:
            return f"API_JWT_JWKS holds {config.keys}."


# ── A socket, and the channels joined on it ─────────────────────────────────────────────────────


def _socket(config: Config, trail: Trail, request: Request, now: datetime) -> Verdict:
    apikey = request.x_api_key if request.x_api_key is not None else request.apikey
    if not apikey:
        status, said = 401, MISSING.socket
        return trail.refuse("Neither x-api-key nor ?apikey= arrives.", status, None, said)
    try:
        role = _role(_verified(config, apikey, now))
    except _Rejected as rejected:
        return trail.refuse(rejected.why, 401, rejected.problem.code, rejected.problem.socket)
    trail.passed(f"The socket opens: the API key is a valid token of {shown(role)}.")
    token = _joining(request)
    if token is None or token == apikey:
        return trail.accept("Channels are joined with the API key.", role)
    try:
        joined = _role(_verified(config, token, now))
    except _Rejected as rejected:
        problem = rejected.problem
        return trail.refuse(
            f"Joining a channel with the user's token: {rejected.why}",
            None, problem.code, problem.join,
        )  # fmt: skip
    return trail.accept(f"Channels are joined as {shown(joined)}.", joined)


def _joining(request: Request) -> str | None:
    scheme, _, token = (request.authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


# ── REST broadcast ──────────────────────────────────────────────────────────────────────────────


def _broadcast(config: Config, trail: Trail, request: Request, now: datetime) -> Verdict:
    parts = (request.authorization or "").split(" ")
    text: str | None = request.apikey
    if request.authorization:
        if len(parts) != 2 and (config.version or SPACE_FORGIVEN_SINCE) < SPACE_FORGIVEN_SINCE:
            return trail.refuse(
                'Authorization is not "Bearer " and one token, and this version crashes on that.',
                500,
            )
        if len(parts) == 2 and parts[0].lower() == "bearer":
            text = parts[1]
        else:
            trail.remark('Authorization is not "Bearer " and one token, so apikey is taken.')
    if not text:
        return trail.refuse("No token arrives.", 401, None, "Unauthorized")
    try:
        role = _role(_verified(config, text, now))
    except _Rejected as rejected:
        return trail.refuse(rejected.why, 401, rejected.problem.code, "Unauthorized")
    return trail.accept(f"The request runs as {shown(role)}.", role)


# ── The check itself ────────────────────────────────────────────────────────────────────────────


def _verified(
    config: Config, text: str, now: datetime, *, required: tuple[str, ...] = ("role", "exp")
) -> Mapping[str, object]:
    token = read(text)
    if token is None or token.header is None or token.claims is None:
        opaque = ": an opaque sb_ key reached Realtime" if text.startswith("sb_") else ""
        raise _Rejected(MALFORMED, f"The credential is no JWT{opaque}.")
    key, name = _key_for(config, token)
    if not key.verify(token.alg or "", token.signing_input, token.signature):
        raise _Rejected(SIGNATURE, f"The signature is not that of {name}.")
    for name, expected in config.validators.items():
        if name in token.claims and token.claims[name] != expected:
            why = f"JWT_CLAIM_VALIDATORS asks for another {shown(name)}."
            raise _Rejected(MALFORMED, why)
    return _claims(token.claims, unix(now), required)


def _key_for(config: Config, token: Token) -> tuple[Key, str]:
    """Return the key and what a report calls it."""
    alg = token.alg or ""
    kty = _TYPES.get(alg)
    if kty is None or (token.header or {}).get("typ") != "JWT":
        lacks = f"{shown(token.alg)} is unknown to it" if kty is None else 'its "typ" is not "JWT"'
        raise _Rejected(signer_problem(None), f"Realtime cannot check the token: {lacks}.")
    if config.keys.form is Form.SET and token.kid is not None:
        named = (key for key in config.keys.keys if key.kty == kty and key.kid == token.kid)
        key = next(named, None)
        if key is not None:
            return key, str(key)
        if kty != "oct":
            raise _Rejected(
                signer_problem(token.kid), f"API_JWT_JWKS has no {kty} key for {token}."
            )
    if kty == "oct":
        return secret_key(config.secret, alg=None), "API_JWT_SECRET"
    raise _Rejected(signer_problem(None), _why_no_signer(config, token))


def _why_no_signer(config: Config, token: Token) -> str:
    if config.keys.form is not Form.SET:
        return f"Without keys in API_JWT_JWKS Realtime cannot check {token}."
    return f"Realtime needs a kid to pick a key, and this is {token}."


def _claims(
    claims: Mapping[str, object], moment: int, required: tuple[str, ...]
) -> Mapping[str, object]:
    expiry = seconds(claims, "exp")
    for name in ("exp", "iat"):
        if claims.get(name) is not None and seconds(claims, name) is None:
            raise _Rejected(MALFORMED, f'The claim "{name}" is no number.')
    if expiry is not None and expiry <= moment:
        raise _Rejected(
            EXPIRED, f"The token expired {int(moment - expiry)} s ago, and there is no leeway."
        )
    missing = [name for name in required if name not in claims]
    if missing:
        raise _Rejected(NO_CLAIMS, f"The token lacks {' and '.join(missing)}.")
    return claims


def _role(claims: Mapping[str, object]) -> str | None:
    role = claims.get("role")
    return role if isinstance(role, str) else None


BEHAVIOURS = (
    Behaviour(
        Kind.REALTIME,
        "all known",
        ("API_JWT_SECRET", "API_JWT_JWKS", "SEED_SELF_HOST", "JWT_CLAIM_VALIDATORS"),
        "by kid and type; HS* without a known kid falls back to `API_JWT_SECRET`, every other "
        "algorithm needs a known kid; `exp` and `role` are required; no leeway",
        'socket: 401 with `{"error": …}`; join: a reason such as `JwtSignatureError`; REST: 401 '
        '`{"message": "Unauthorized"}`, 500 for a raw Authorization before 2.130',
        "realtime 2.129.8 `jwt_verification.ex`, `auth_tenant.ex`; seeds: realtime #1269",
    ),
    Behaviour(
        Kind.REALTIME,
        "tenants API and healthcheck",
        ("API_JWT_SECRET",),
        "`API_JWT_SECRET` only, never the JWKS; any role, `exp` is not required",
        "403",
        "realtime 2.129.8 `router.ex` (keys passed as nil)",
    ),
)

"""How Storage checks tokens, signed URLs and its S3 protocol, and when it does not start.

Sources: supabase/storage 1.74.0, ``src/internal/auth/jwt.ts`` (findJWKFromHeader), ``config.ts``;
every row was also seen on a running Storage (services.md §12). The check is jose's for JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyturn.deploy.inventory import Kind, Version
from keyturn.jose.errors import shown
from keyturn.profiles import keyset, panva_jose
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.key import (
    CURVE_ALGORITHMS,
    HMAC_ALGORITHMS,
    RSA_ALGORITHMS,
    CannotCheck,
    Key,
    secret_key,
)
from keyturn.profiles.keyset import Broken, Form, StorageKeys
from keyturn.profiles.panva_jose import Refused
from keyturn.profiles.request import Request
from keyturn.profiles.token import Token
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict

ACCESS_DENIED = "AccessDenied"
NO_HEADER = "headers must have required property 'authorization'"
ANONYMOUS = "anon"
_FAMILIES = {
    "RSA": RSA_ALGORITHMS,
    "EC": tuple(CURVE_ALGORITHMS.values()),
    "OKP": ("EdDSA",),
    "oct": tuple(HMAC_ALGORITHMS),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What decides about tokens, as Storage holds it after its start."""

    secret: str = field(default="", repr=False)
    secret_setting: str = "AUTH_JWT_SECRET"  # noqa: S105 - the name of a setting
    jwks: StorageKeys = field(default_factory=lambda: StorageKeys(keyset.ABSENT))
    algorithm: str = "HS256"
    """``AUTH_JWT_ALGORITHM``: of the secret."""
    service_key: str = field(default="", repr=False)
    multitenant: bool = False
    failure: StartFailure | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return what tokens may use: the secret's algorithm and the families in the set."""
        families = {key.kty for key in self.jwks.keys.keys if key.kty != "oct" or key.secret}
        found = (name for kty, names in _FAMILIES.items() if kty in families for name in names)
        return tuple(dict.fromkeys((self.algorithm, *found)))


def read_config(env: Mapping[str, str], version: Version | None = None) -> Config:
    """Return what Storage makes of its environment; ``version`` changes nothing known."""
    del version
    name = "AUTH_JWT_SECRET" if env.get("AUTH_JWT_SECRET") else "PGRST_JWT_SECRET"
    secret = env.get(name, "")
    multitenant = env.get("MULTI_TENANT", "").lower() == "true"
    if not secret and not multitenant:
        failure = StartFailure(
            "PGRST_JWT_SECRET is undefined", "AUTH_JWT_SECRET",
            "Neither AUTH_JWT_SECRET nor PGRST_JWT_SECRET is set, and Storage exits.",
        )  # fmt: skip
        return Config(failure=failure)
    algorithm = env.get("AUTH_JWT_ALGORITHM") or "HS256"
    service_key = env.get("SERVICE_KEY", "")
    try:
        jwks = keyset.storage(env.get("JWT_JWKS"))
    except Broken as broken:
        failure = StartFailure(broken.logged, "JWT_JWKS", broken.sentence)
        return Config(secret, name, failure=failure)
    return Config(secret, name, jwks, algorithm, service_key, multitenant)


def judge(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict what an authenticated route (``GET /bucket``, an upload) says to ``request``."""
    trail = Trail(Kind.STORAGE)
    stopped = _stopped(config, trail)
    if stopped is not None:
        return stopped
    if request.authorization is None:
        text = "No Authorization header arrives; Storage does not look at apikey."
        return trail.refuse(text, 400, "InvalidRequest", NO_HEADER)
    token = _without_scheme(request.authorization)
    return _checked(config, trail, token, now, _refusal(config, trail, ACCESS_DENIED, 400))


def judge_object_read(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict ``GET /object/…``: an invalid token counts as none, so it runs as ``anon``."""
    verdict = judge(config, request, now)
    if verdict.outcome is not Outcome.REFUSED or request.authorization is None:
        return verdict
    trail = Trail(Kind.STORAGE)
    downgraded = trail.downgrade(
        "Reading an object allows an invalid token: the request runs as anon, and what anon may "
        "not see is 404.",
        ANONYMOUS, 404,
    )  # fmt: skip
    return downgraded.after(verdict.steps)


def judge_signed_url(config: Config, token: str, now: datetime) -> Verdict:
    """Predict what a signed URL's ``token`` gives."""
    trail = Trail(Kind.STORAGE)
    stopped = _stopped(config, trail)
    return stopped or _checked(
        config, trail, token, now, _refusal(config, trail, "InvalidJWT", 400)
    )


def judge_s3(config: Config, now: datetime) -> Verdict:
    """Predict the S3 protocol with access keys: ``SERVICE_KEY`` is verified at each request."""
    trail = Trail(Kind.STORAGE)
    stopped = _stopped(config, trail)
    if stopped is not None:
        return stopped
    if not config.service_key:
        trail.passed("SERVICE_KEY is empty, so Storage signs a key of its own at its start.")
        return trail.accept("S3 requests run as service_role.", "service_role")
    trail.remark("With S3 access keys Storage verifies SERVICE_KEY at every request.")
    return _checked(
        config, trail, config.service_key, now, _refusal(config, trail, ACCESS_DENIED, 403)
    )


def url_signer(config: Config) -> Key:
    """Return the key that signs new URLs: ``urlSigningKey`` of ``JWT_JWKS``, else the secret."""
    return config.jwks.url_signing or secret_key(config.secret, alg=config.algorithm)


# ── The check itself ────────────────────────────────────────────────────────────────────────────


def _stopped(config: Config, trail: Trail) -> Verdict | None:
    if config.failure is not None:
        return trail.down(config.failure)
    if config.multitenant:
        text = "MULTI_TENANT is on: the keys of each tenant are in Storage's own database."
        return trail.end(Outcome.UNKNOWN, text)
    return None


def _without_scheme(authorization: str) -> str:
    """Take ``Bearer`` away; a value without it is used as it is."""
    scheme, space, rest = authorization.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else authorization


def _refusal(config: Config, trail: Trail, code: str, status: int) -> Callable[[Refused], Verdict]:
    def refuse(refused: Refused) -> Verdict:
        if code == ACCESS_DENIED and status == 400:
            trail.remark('Storage answers HTTP 400 and writes statusCode "403" into the body.')
        text = f"The token is refused: {refused.message}."
        if refused.said == panva_jose.NOT_ALLOWED:
            text += f" {_keys_words(config)}"
        return trail.refuse(text, status, code, refused.said)

    return refuse


def _checked(
    config: Config,
    trail: Trail,
    text: str,
    now: datetime,
    refuse: Callable[[Refused], Verdict],
) -> Verdict:
    trail.remark(_keys_words(config))
    chosen: list[str] = []

    def choose(token: Token) -> Key:
        key, name = _key_for(config, token)
        chosen.append(name)
        return key

    try:
        claims = panva_jose.verify(text, choose, now=now, algorithms=config.algorithms)
    except Refused as refused:
        if chosen:
            trail.passed(f"{chosen[-1]} is the key to check it with.")
        return refuse(refused)
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")
    trail.passed(f"{chosen[-1]} made the token's signature.")
    role = claims.get("role")
    if not isinstance(role, str):
        return trail.accept("It names no role, so the default role is taken.", ANONYMOUS)
    return trail.accept(f"The request runs as {shown(role)}.", role)


def _keys_words(config: Config) -> str:
    keys = config.jwks.keys
    own = f"{config.secret_setting} for {config.algorithm}"
    match keys.form:
        case Form.ABSENT:
            return f"JWT_JWKS is not set: Storage knows {own} only."
        case Form.USELESS:
            return f"JWT_JWKS gives no key ({keys.problem}): Storage knows {own} only."
        case _:
            return f"Storage knows {own} and, from JWT_JWKS, {keys}."


def _key_for(config: Config, token: Token) -> tuple[Key, str]:
    """Follow ``findJWKFromHeader``: kid-less HS* always goes to the secret."""
    alg = token.alg or ""
    name = config.secret_setting
    own = secret_key(config.secret, alg=None, setting=name), name
    keys = config.jwks.keys
    if alg in HMAC_ALGORITHMS and token.kid is None and alg == config.algorithm:
        return own
    if not config.jwks.finds_by_kid:
        raise Refused("jwks.keys.find is not a function", f"JWT_JWKS: {keys.problem}")
    if keys.form is not Form.SET:
        return _bytes(own, token)
    if alg in HMAC_ALGORITHMS:
        return next(
            (
                (key, f"The oct key {str(key).removeprefix('oct ')} of JWT_JWKS")
                for key in keys.keys
                if key.kty == "oct" and key.secret and (not key.kid or key.kid == token.kid)
            ),
            own,
        )
    return _asymmetric(config, token, alg) or _bytes(own, token)


def _asymmetric(config: Config, token: Token, alg: str) -> tuple[Key, str] | None:
    kty = next(kty for kty, names in _FAMILIES.items() if alg in names)
    for key in config.jwks.keys.keys:
        if key.kty == kty and (key.kid or None) == (token.kid or None):
            if key.alg is None:
                raise Refused(
                    '"alg" argument is required when "jwk.alg" is not present',
                    f"the key {key} in JWT_JWKS has no alg",
                )
            if key.problem is not None:
                raise Refused("Invalid keyData", f"the key {key} is unreadable: {key.problem}")
            return key, f"{key} of JWT_JWKS"
    return None


def _bytes(own: tuple[Key, str], token: Token) -> tuple[Key, str]:
    if token.alg in HMAC_ALGORITHMS:
        return own
    why = f"JWT_JWKS has no key for {token}, and Storage tries the bytes of {own[1]}"
    raise panva_jose.bytes_for_asymmetric(token.alg or "", why)


BEHAVIOURS = (
    Behaviour(
        Kind.STORAGE,
        "all known",
        ("AUTH_JWT_SECRET", "PGRST_JWT_SECRET", "JWT_JWKS", "AUTH_JWT_ALGORITHM", "SERVICE_KEY"),
        "HS256 without kid goes to the secret, never to the set; with kid to a fitting or kid-less "
        "oct key, else to the secret; ES* and RS* need the kid (or none on both sides)",
        'HTTP 400 with `statusCode` "403", `AccessDenied` and jose\'s message; reading an object '
        "runs as `anon` instead; S3: 403",
        "storage 1.74.0 `src/internal/auth/jwt.ts`; each row seen on a running Storage",
    ),
)

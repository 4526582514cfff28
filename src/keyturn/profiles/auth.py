"""How Auth (GoTrue) checks a bearer token, and when it does not start.

Sources: supabase/auth 2.196.0, ``internal/api/auth.go`` (parseJWTClaims), ``internal/conf/jwk.go``,
``internal/conf/configuration.go``; messages are golang-jwt v5's. ``GOTRUE_JWT_VALIDMETHODS``
became ``GOTRUE_JWT_VALID_METHODS`` in 2.187.0 (auth #2334).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from keyturn.clock import unix
from keyturn.deploy.inventory import Kind, Version
from keyturn.jose.errors import shown
from keyturn.profiles import keyset
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.key import HMAC_ALGORITHMS, CannotCheck, Key, secret_key
from keyturn.profiles.keyset import Broken, Form, KeySet
from keyturn.profiles.request import Request
from keyturn.profiles.token import Token, plain, read, seconds
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict

VALID_METHODS_RENAMED = (2, 187, 0)
PREFIX = "invalid JWT: unable to parse or verify signature, "
NO_BEARER = "This endpoint requires a valid Bearer token"
_BEARER = re.compile(r"(?i)^bearer (\S+$)")
_KNOWN_METHODS = frozenset(
    {*HMAC_ALGORITHMS, "EdDSA", "none"}
    | {f"{family}{bits}" for family in ("RS", "ES", "PS") for bits in (256, 384, 512)}
)
_SIGNING_METHODS = ("RS256", "RS512", "ES256", "ES512", "EdDSA")
_BAD_SIGNATURES = {
    "HS": "signature is invalid",
    "RS": "crypto/rsa: verification error",
    "PS": "crypto/rsa: verification error",
    "ES": "crypto/ecdsa: verification error",
    "Ed": "ed25519: verification error",
}
_WRONG_TYPES = {
    "HS": ("oct", "HMAC verify expects []byte"),
    "RS": ("RSA", "RSA verify expects *rsa.PublicKey"),
    "PS": ("RSA", "RSA-PSS verify expects *rsa.PublicKey"),
    "ES": ("EC", "ECDSA verify expects *ecdsa.PublicKey"),
    "Ed": ("OKP", "Ed25519 verify expects crypto.PublicKey"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What decides about tokens, as Auth holds it after its start."""

    secret: str = field(default="", repr=False)
    keys: KeySet = keyset.ABSENT
    key_id: str = ""
    valid_methods: tuple[str, ...] = ()
    methods_setting: str | None = None
    """The setting that gave ``valid_methods``; None: they are the algorithms of the keys."""
    ignored_setting: str | None = None
    """The other spelling, set but not read by this version."""
    admin_roles: tuple[str, ...] = ("service_role", "supabase_admin")
    issuer: str | None = None
    failure: StartFailure | None = None

    @property
    def signer(self) -> Key | None:
        """Return the one key that signs; None when Auth does not start."""
        return next((key for key in self.keys.keys if "sign" in (key.key_ops or ())), None)

    @property
    def signs_with(self) -> str:
        """Return the algorithm of new tokens; a key without ``alg`` makes it HS256."""
        alg = self.signer.alg if self.signer else None
        return alg if alg in _SIGNING_METHODS else "HS256"

    @property
    def published(self) -> tuple[Key, ...]:
        """Return the keys of ``/.well-known/jwks.json``: the public half of all but ``oct``."""
        return tuple(
            replace(key, private=False, use="sig", key_ops=("verify",))
            for key in self.keys.keys
            if not key.symmetric
        )


def read_config(env: Mapping[str, str], version: Version | None = None) -> Config:
    """Return what Auth makes of its environment; what stops it is ``failure``."""
    secret = env.get("GOTRUE_JWT_SECRET", "")
    key_id = env.get("GOTRUE_JWT_KEY_ID", "")
    keys, failure = _keys(env, secret, key_id)
    methods, setting, ignored = _valid_methods(env, version, keys)
    roles = env.get("GOTRUE_JWT_ADMIN_ROLES", "service_role,supabase_admin")
    return Config(
        secret, keys, key_id, methods, setting, ignored, _split(roles),
        env.get("GOTRUE_JWT_ISSUER") or None, failure,
    )  # fmt: skip


def judge(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict what an endpoint that asks for a bearer token says to ``request``."""
    trail = Trail(Kind.AUTH)
    if config.failure is not None:
        return trail.down(config.failure)
    found = _BEARER.match(request.authorization or "")
    if found is None:
        return _without_bearer(trail, request)
    try:
        return _parsed(config, trail, found.group(1), unix(now))
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")


def _without_bearer(trail: Trail, request: Request) -> Verdict:
    if request.authorization:
        text = 'The Authorization header is not "Bearer " and one token; Auth ignores the rest.'
    else:
        text = "No Authorization header reaches Auth; it does not look at apikey."
    return trail.refuse(text, 401, "no_authorization", NO_BEARER)


def _parsed(config: Config, trail: Trail, text: str, moment: int) -> Verdict:
    token = read(text)
    if token is None:
        return _bad(
            trail, "The bearer is no JWT: it does not have three parts.",
            "token is malformed: token contains an invalid number of segments",
        )  # fmt: skip
    if token.header is None or token.claims is None:
        part = "header" if token.header is None else "claim"
        return _bad(
            trail, f"The token's {part} cannot be read.",
            f"token is malformed: could not JSON decode {part}",
        )  # fmt: skip
    refusal = _method_refused(config, trail, token)
    return refusal or _with_key(config, trail, token, moment)


def _method_refused(config: Config, trail: Trail, token: Token) -> Verdict | None:
    alg = token.alg
    if alg is None or alg not in _KNOWN_METHODS:
        how = "unspecified" if alg is None else "unavailable"
        return _bad(
            trail, f"The library has no method {shown(alg)}.",
            f"token is unverifiable: signing method (alg) is {how}",
        )  # fmt: skip
    from_where = config.methods_setting or _source_of_methods(config)
    allowed = ", ".join(config.valid_methods) or "none"
    if config.ignored_setting:
        trail.remark(f"This version of Auth does not read {config.ignored_setting}.")
    if alg in config.valid_methods:
        trail.passed(f"{shown(alg)} is allowed; {from_where} allows {allowed}.")
        return None
    return _bad(
        trail,
        f"{shown(alg)} is not allowed: {from_where} allows {allowed}.",
        f"token signature is invalid: signing method {plain(alg)} is invalid",
    )


def _source_of_methods(config: Config) -> str:
    return "GOTRUE_JWT_KEYS" if config.keys.form is Form.SET else "GOTRUE_JWT_SECRET"


def _with_key(config: Config, trail: Trail, token: Token, moment: int) -> Verdict:
    alg = token.alg or ""
    found = _key_for(config, trail, token)
    if found is None:
        kid = "<nil>" if (token.header or {}).get("kid") is None else plain(token.kid)
        return _bad(
            trail,
            f"GOTRUE_JWT_KEYS has no key for {token}; it holds {config.keys}, "
            "and the secret is only for HS256.",
            "token is unverifiable: error while executing keyfunc: "
            f"unrecognized JWT kid {kid} for algorithm {plain(alg)}",
        )
    key, name = found
    kty, expects = _WRONG_TYPES[alg[:2]]
    if key.kty != kty:
        return _bad(
            trail, f"{shown(alg)} cannot be checked with {name}.",
            f"token signature is invalid: key is of invalid type: {expects}",
        )  # fmt: skip
    if not key.verify(alg, token.signing_input, token.signature):
        return _bad(
            trail, f"The signature is not that of {name}.",
            f"token signature is invalid: {_BAD_SIGNATURES[alg[:2]]}",
        )  # fmt: skip
    trail.passed(f"The signature is that of {name}.")
    return _claims_checked(config, trail, token.claims or {}, moment)


def _key_for(config: Config, trail: Trail, token: Token) -> tuple[Key, str] | None:
    """Pick by kid first, then fall back to the secret for HS256 whatever the kid says.

    Returns the key and what a report calls it.
    """
    if token.kid is not None:
        named = next((key for key in config.keys.keys if (key.kid or "") == token.kid), None)
        if named is not None:
            trail.passed(f"GOTRUE_JWT_KEYS has the kid {shown(token.kid)}.")
            return named, f"the key {named}"
        if token.kid == config.key_id:
            trail.passed("GOTRUE_JWT_KEY_ID is the token's kid, so GOTRUE_JWT_SECRET is the key.")
            return secret_key(config.secret), "GOTRUE_JWT_SECRET"
    if token.alg == "HS256":
        trail.passed("HS256 without a known kid falls back to GOTRUE_JWT_SECRET.")
        return secret_key(config.secret), "GOTRUE_JWT_SECRET"
    return None


def _claims_checked(
    config: Config, trail: Trail, claims: Mapping[str, object], moment: int
) -> Verdict:
    for name in ("exp", "nbf"):
        if claims.get(name) is not None and seconds(claims, name) is None:
            return _bad(
                trail, f'The claim "{name}" is no number.',
                "token is malformed: could not JSON decode claim",
            )  # fmt: skip
    expiry, not_before = seconds(claims, "exp"), seconds(claims, "nbf")
    if expiry is not None and moment >= expiry:
        return _bad(
            trail, f"The token expired {int(moment - expiry)} s ago, and Auth has no leeway.",
            "token has invalid claims: token is expired",
        )  # fmt: skip
    if not_before is not None and moment < not_before:
        return _bad(
            trail, "The token is not valid yet, and Auth has no leeway.",
            "token has invalid claims: token is not valid yet",
        )  # fmt: skip
    return _accepted(config, trail, claims)


def _accepted(config: Config, trail: Trail, claims: Mapping[str, object]) -> Verdict:
    role = claims.get("role") if isinstance(claims.get("role"), str) else None
    if role in config.admin_roles:
        trail.remark(f"{shown(role)} is in GOTRUE_JWT_ADMIN_ROLES, so /admin/* is open to it.")
    if not claims.get("sub"):
        trail.remark('It names no user, so GET /user answers 403 "missing sub claim".')
    else:
        trail.remark("Whether the user and the session still exist is decided by the database.")
    return trail.accept("Auth accepts the token.", str(role) if role else None)


def _bad(trail: Trail, text: str, said: str) -> Verdict:
    return trail.refuse(text, 403, "bad_jwt", PREFIX + said)


# ── Reading the environment ─────────────────────────────────────────────────────────────────────


def _keys(env: Mapping[str, str], secret: str, key_id: str) -> tuple[KeySet, StartFailure | None]:
    if not secret:
        failure = StartFailure(
            "required key GOTRUE_JWT_SECRET missing value", "GOTRUE_JWT_SECRET",
            "It is empty, and Auth needs it even when GOTRUE_JWT_KEYS is set.",
        )  # fmt: skip
        return keyset.ABSENT, failure
    try:
        keys = keyset.gotrue(env.get("GOTRUE_JWT_KEYS"))
    except Broken as broken:
        return keyset.ABSENT, _failure(broken.logged, broken.sentence)
    if keys.form is Form.ABSENT:
        only = replace(secret_key(secret, kid=key_id or None), key_ops=("sign", "verify"))
        return KeySet(Form.ABSENT, (only,)), None
    signers = [key for key in keys.keys if "sign" in (key.key_ops or ())]
    if len(signers) == 1:
        return keys, None
    return keys, _wrong_signers(keys, signers)


def _wrong_signers(keys: KeySet, signers: list[Key]) -> StartFailure:
    if not signers:
        return _failure(
            "no signing key detected",
            f'None of its keys ({keys}) has "sign" in key_ops; exactly one must.',
        )
    return _failure(
        "multiple signing keys detected, only 1 signing key is supported",
        f'{len(signers)} of its keys have "sign" in key_ops; exactly one may.',
    )


def _failure(message: str, cause: str) -> StartFailure:
    return StartFailure(message, "GOTRUE_JWT_KEYS", cause)


def _valid_methods(
    env: Mapping[str, str], version: Version | None, keys: KeySet
) -> tuple[tuple[str, ...], str | None, str | None]:
    """Return the methods, the setting that gives them, and the spelling that is set in vain."""
    new, old = "GOTRUE_JWT_VALID_METHODS", "GOTRUE_JWT_VALIDMETHODS"
    if version is None:
        name, other = (new, None) if env.get(new) else (old, None)
    elif version >= VALID_METHODS_RENAMED:
        name, other = new, old
    else:
        name, other = old, new
    ignored = other if other and env.get(other) and not env.get(name) else None
    given = _split(env.get(name, ""))
    if given:
        return given, name, ignored
    return tuple(dict.fromkeys(key.alg or "" for key in keys.keys)), None, ignored


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


BEHAVIOURS = (
    Behaviour(
        Kind.AUTH,
        "≤ 2.186",
        ("GOTRUE_JWT_SECRET", "GOTRUE_JWT_KEYS", "GOTRUE_JWT_KEY_ID", "GOTRUE_JWT_VALIDMETHODS"),
        "the key with the token's kid; else, for HS256 only, the secret",
        "403 `bad_jwt`; 401 `no_authorization` without a bearer",
        "auth 2.196.0 `internal/api/auth.go`, `internal/conf/jwk.go`; auth #2334",
    ),
    Behaviour(
        Kind.AUTH,
        "≥ 2.187.0",
        ("GOTRUE_JWT_SECRET", "GOTRUE_JWT_KEYS", "GOTRUE_JWT_KEY_ID", "GOTRUE_JWT_VALID_METHODS"),
        "as before; the list of methods has a new name, and the old one is not read",
        "as before",
        "auth 2.196.0; the rename: auth #2334",
    ),
)

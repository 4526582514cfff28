"""How the deployment's PostgREST checks a bearer token, and when it does not start.

From 13 on the rules are those of :mod:`keyturn.profiles.postgrest`, which also answer in the REST
stand-in; up to 12 another library (hs-jose) ignored kids and wrote other messages. Sources:
PostgREST ``Config.hs``, ``Auth/Jwt.hs``, CHANGELOG (#3598, #5196); tekul/jose-jwt ``Jwk.hs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from keyturn.deploy.inventory import Kind, Version
from keyturn.jose.errors import shown
from keyturn.profiles import keyset, postgrest
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.hs_jose import said_up_to_12
from keyturn.profiles.key import CannotCheck, Key
from keyturn.profiles.keyset import Form, KeySet
from keyturn.profiles.postgrest import SKEW_SECONDS, Settings, TokenRefused
from keyturn.profiles.request import Request
from keyturn.profiles.token import intended_role, read
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict

KIDS_COUNT_SINCE: Version = (13,)
SHORTEST_SECRET = 32
ROLE_CLAIM_SPELLINGS = ("", ".role", '."role"', "$.role")
SKEW_UP_TO_12 = 1
TIME_BUG = ((14, 16), (14, 17), (16, 0))
"""Versions that at times call a fresh token "issued at future" (#5196)."""


@dataclass(frozen=True, slots=True)
class Config:
    """What decides about tokens, as PostgREST holds it after its start."""

    keys: KeySet = keyset.ABSENT
    settings: Settings = field(default_factory=Settings)
    version: Version | None = None
    role_claim: str | None = None
    """``PGRST_JWT_ROLE_CLAIM_KEY`` when it is not the claim ``role``."""
    unread_file: str | None = None
    """``PGRST_JWT_SECRET=@file`` names a file that could not be read here."""
    failure: StartFailure | None = None

    @property
    def kids_count(self) -> bool:
        """Whether a token's kid has to be in the set; an unknown version counts as current."""
        return _kids_count(self.version)


def _kids_count(version: Version | None) -> bool:
    return version is None or version >= KIDS_COUNT_SINCE


def read_config(
    env: Mapping[str, str],
    version: Version | None = None,
    files: Mapping[str, str] | None = None,
) -> Config:
    """Return what PostgREST makes of its environment; ``files`` are texts by container path."""
    settings = Settings(
        env.get("PGRST_DB_ANON_ROLE") or None,
        env.get("PGRST_JWT_AUD") or None,
        SKEW_SECONDS if _kids_count(version) else SKEW_UP_TO_12,
    )
    role_claim = env.get("PGRST_JWT_ROLE_CLAIM_KEY", "").strip()
    config = Config(
        settings=settings,
        version=version,
        role_claim=role_claim if role_claim not in ROLE_CLAIM_SPELLINGS else None,
    )
    text = env.get("PGRST_JWT_SECRET", "")
    if text.startswith("@"):
        content = (files or {}).get(text[1:])
        if content is None:
            return replace(config, unread_file=text[1:])
        text = content.removesuffix("\n")
    if is_true(env.get("PGRST_JWT_SECRET_IS_BASE64", "")) and text:
        return _from_base64(text, config)
    return _checked(replace(config, keys=keyset.postgrest(text)))


def judge(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict what PostgREST says to ``request``."""
    trail = Trail(Kind.REST)
    if config.failure is not None:
        return trail.down(config.failure)
    text = postgrest.bearer(request.authorization)
    if text is None:
        return _anonymous(config, trail, request)
    if config.unread_file is not None:
        return trail.end(
            Outcome.UNKNOWN,
            f"PGRST_JWT_SECRET names the file {shown(config.unread_file)}, which was not read.",
        )
    _tell_keys(config, trail)
    try:
        return _admitted(config, trail, text, now)
    except TokenRefused as refused:
        return _refused(config, trail, text, refused.answer)
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")


# ── With a token ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A lenient key under one of its algorithms."""

    alg: str
    kid: str | None
    key: Key

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        return self.key.verify(self.alg, signing_input, signature)


def _candidates(config: Config, text: str) -> tuple[_Candidate, ...]:
    """Return the keys to try; a set without keys still counts as configured.

    Up to 12 the token's kid was ignored: there every key goes by the name that the token asks for.
    """
    if config.keys.form is Form.ABSENT:
        return ()
    token = read(text)
    asked = token.kid if token else None
    usable = tuple(
        _Candidate(alg, key.kid if config.kids_count else asked, key)
        for key in config.keys.keys
        if key.use != "enc"
        for alg in key.algorithms
    )
    return usable or (_Candidate("", None, Key("", None, None)),)


def _admitted(config: Config, trail: Trail, text: str, now: datetime) -> Verdict:
    claims = postgrest.verified_claims(text, _candidates(config, text))
    trail.passed("A key of it made the token's signature.")
    admitted = postgrest.admit(claims, config.settings, now=now)
    if "iat" in claims and config.version is not None and config.version[:2] in TIME_BUG:
        trail.remark(
            'This version at times answers PGRST303 "JWT issued at future" to a fresh token '
            "(PostgREST #5196); upgrade."
        )
    if config.role_claim is not None:
        trail.remark(f"PGRST_JWT_ROLE_CLAIM_KEY is {shown(config.role_claim)}: the role is there.")
        return trail.accept("PostgREST accepts the token.", None)
    return trail.accept(f"The request runs as {shown(admitted.role)}.", admitted.role)


def _tell_keys(config: Config, trail: Trail) -> None:
    keys = config.keys
    match keys.form:
        case Form.ABSENT:
            trail.remark("PGRST_JWT_SECRET is empty, so PostgREST has no key at all.")
        case Form.SECRET:
            trail.remark(_secret_words(keys))
        case _:
            trail.remark(f"PGRST_JWT_SECRET holds {keys}.")


def _refused(config: Config, trail: Trail, text: str, answer: postgrest.Answer) -> Verdict:
    why = _why(config, text, answer)
    if config.kids_count:
        return trail.refuse(why, answer.status, answer.code, answer.message)
    code, message = said_up_to_12(answer, text)
    return trail.refuse(why, answer.status, code, message)


def _why(config: Config, text: str, answer: postgrest.Answer) -> str:
    """Return the sentence for people behind an answer."""
    if answer is postgrest.NO_KEY:
        return _no_key(config, text)
    if answer is postgrest.NO_KEY_VERIFIES:
        return _not_verified(config)
    if answer is postgrest.EMPTY_TOKEN:
        return 'The bearer is empty: somebody sent "Bearer " and nothing after it.'
    if answer is postgrest.NO_SECRET:
        return "Without a key PostgREST answers 500 to every token."
    if answer.message.startswith("Expected 3 parts"):
        opaque = " An opaque sb_ key reached PostgREST." if text.startswith("sb_") else ""
        return f"The bearer is no JWT.{opaque}"
    if answer is postgrest.EXPIRED:
        return f"The token has expired{_leeway(config)}."
    return f"{answer.message}{_leeway(config) if answer.code == 'PGRST303' else ''}."


def _not_verified(config: Config) -> str:
    if config.keys.form is Form.SECRET:
        return f"{_secret_words(config.keys)} The token's signature is not made with it."
    return "Keys of PGRST_JWT_SECRET fit the token's header, but none made its signature."


def _secret_words(keys: KeySet) -> str:
    if keys.problem is None:
        return "PGRST_JWT_SECRET is a plain secret, so only HS256 tokens can pass."
    return (
        f"PGRST_JWT_SECRET looks like a JWKS but is none: {keys.problem}. So its whole text became "
        "an HS256 secret, and whoever knows the text can sign as service_role."
    )


def _leeway(config: Config) -> str:
    return f" (by more than the leeway of {config.settings.skew_seconds} s)"


def _no_key(config: Config, text: str) -> str:
    token = read(text)
    subject = str(token or "the token")
    if config.keys.form is Form.SECRET:
        return f"{_secret_words(config.keys)} That is no key for {subject}."
    if token is None or token.kid is None or not config.kids_count or _has_kid(config, token.kid):
        return f"PGRST_JWT_SECRET has no key for {subject}; it holds {config.keys}."
    return (
        f"PGRST_JWT_SECRET has no key with kid {shown(token.kid)}. Since PostgREST 13 a named kid "
        "has to be in the set; keys without kid do not count for it."
    )


def _has_kid(config: Config, kid: str) -> bool:
    return any(key.kid == kid for key in config.keys.keys)


# ── Without a token ─────────────────────────────────────────────────────────────────────────────


def _anonymous(config: Config, trail: Trail, request: Request) -> Verdict:
    role = config.settings.anonymous_role
    if request.authorization:
        trail.remark('Authorization has no "Bearer " in front: for PostgREST that is no token.')
    elif request.apikey:
        trail.remark("PostgREST does not look at apikey, and no Authorization header arrives.")
    else:
        trail.remark("No Authorization header arrives.")
    if role is None:
        answer = postgrest.NO_ANONYMOUS
        return trail.refuse(
            "PGRST_DB_ANON_ROLE is empty, so a request without a token is refused.",
            answer.status, answer.code, answer.message,
        )  # fmt: skip
    intended = intended_role(request.authorization or request.apikey)
    if intended not in (None, role):
        return trail.downgrade(
            f"It silently runs as {shown(role)}, not as {shown(intended)}.", role
        )
    return trail.accept(f"It runs as {shown(role)}.", role)


# ── Reading the environment ─────────────────────────────────────────────────────────────────────


def _checked(config: Config) -> Config:
    key = config.keys.keys[0] if config.keys.form is Form.SECRET else None
    if key is None or len(key.secret or b"") >= SHORTEST_SECRET or not config.kids_count:
        return config
    failure = StartFailure(
        "The JWT secret must be at least 32 characters long.",
        "PGRST_JWT_SECRET",
        f"It has {len(key.secret or b'')} bytes, and PostgREST 13 and later refuse to start "
        f"with fewer than {SHORTEST_SECRET}.",
    )
    return replace(config, failure=failure)


def _from_base64(text: str, config: Config) -> Config:
    decoded = keyset.postgrest_base64(text)
    if decoded is not None:
        return _checked(replace(config, keys=decoded))
    failure = StartFailure(
        "The JWT secret is not valid base64",
        "PGRST_JWT_SECRET_IS_BASE64",
        "It is true, but PGRST_JWT_SECRET is not base64; with a JWKS it must be false.",
    )
    return replace(config, failure=failure)


def is_true(text: str) -> bool:
    """Whether a setting's text says yes, as PostgREST and GoTrue read it."""
    return text.strip().lower() in ("true", "yes", "on", "1")


BEHAVIOURS = (
    Behaviour(
        Kind.REST,
        "≤ 12",
        ("PGRST_JWT_SECRET", "PGRST_JWT_SECRET_IS_BASE64", "PGRST_JWT_AUD", "PGRST_DB_ANON_ROLE"),
        "every key of a fitting type is tried; the token's kid is ignored",
        '401 `PGRST301` "JWSError JWSInvalidSignature" or "JWT expired"; 500 `PGRST300`',
        "PostgREST CHANGELOG #3598 (kid ignored before 13); message: supabase #17164",
    ),
    Behaviour(
        Kind.REST,
        "≥ 13",
        ("PGRST_JWT_SECRET", "PGRST_JWT_SECRET_IS_BASE64", "PGRST_JWT_AUD", "PGRST_DB_ANON_ROLE"),
        "a named kid has to be in the set; without kid every key of a fitting type is tried; "
        "what is no JWKS or JWK is itself an HS256 secret of at least 32 bytes",
        '401 `PGRST301` "No suitable key or wrong key type"; 401 `PGRST303` for claims (leeway '
        "30 s); 500 `PGRST300` without a secret; no bearer runs as the anonymous role",
        "PostgREST 16.1 `Config.hs`, `Auth/Jwt.hs`; tekul/jose-jwt `Jwk.hs`; the time bug of "
        "14.16, 14.17 and 16.0: #5196",
    ),
)

"""How the main script of Edge Functions checks tokens: v0 to v3, told apart by what they contain.

The script is a file of the user's (``volumes/functions/main/index.ts``), so an old one stays when
the image is new. Sources: supabase/supabase ``docker/volumes/functions/main/index.ts`` of early
2026 (v0), its hybrid successor (v1), PR #45635 (v2) and autumn 2026 (v3); jose 4.14 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum

from keyturn.deploy.inventory import Kind
from keyturn.jose.errors import shown
from keyturn.profiles import functions_words as words
from keyturn.profiles import keyset, panva_jose
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.functions_words import Refusal
from keyturn.profiles.key import CannotCheck, Key, secret_key
from keyturn.profiles.keyset import Broken, Form, KeySet
from keyturn.profiles.panva_jose import Refused
from keyturn.profiles.request import Request
from keyturn.profiles.token import Token, plain
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict


class Script(IntEnum):
    """The generations of the main script."""

    V0 = 0
    """HS256 with ``JWT_SECRET`` only."""
    V1 = 1
    """HS256 with the secret, ES256 and RS256 with the JWKS that Auth publishes."""
    V2 = 2
    """The same with ``SUPABASE_JWKS``, and codes in the answers."""
    V3 = 3
    """As v2, and the gateway's ``sb-api-key`` where the bearer is missing or opaque."""


def script_of(text: str) -> Script | None:
    """Return the generation of a main script, None for one of the user's own."""
    if "jwtVerify" not in text or "VERIFY_JWT" not in text:
        return None
    if "SUPABASE_JWKS" in text and "createLocalJWKSet" in text:
        return Script.V3 if "sb-api-key" in text else Script.V2
    if "createRemoteJWKSet" in text:
        return Script.V1
    return Script.V0 if "JWT_SECRET" in text and "JWKS" not in text else None


@dataclass(frozen=True, slots=True)
class Config:
    """What decides about tokens, as the main script holds it after its start."""

    script: Script | None = Script.V3
    """None: unknown, and ``script_problem`` says why."""
    script_problem: str | None = None
    verifies: bool = False
    secret: str = field(default="", repr=False)
    keys: KeySet = keyset.ABSENT
    """``SUPABASE_JWKS``; for v1 what Auth publishes."""
    keys_problem: str | None = None
    """Why v1 cannot fetch the published keys."""
    failure: StartFailure | None = None


def read_config(
    env: Mapping[str, str],
    script_text: str | None,
    *,
    script_problem: str | None = None,
    published: tuple[Key, ...] | None = None,
) -> Config:
    """Return what the main script makes of its environment.

    ``script_text`` is the mounted file, None when it was not readable (``script_problem``).
    ``published`` are the keys that a v1 script fetches from Auth, None when it cannot reach them.
    """
    script = None if script_text is None else script_of(script_text)
    problem = None
    if script is None:
        problem = script_problem or (
            "the main script was not found" if script_text is None
            else "the main script is not one of the official ones"
        )  # fmt: skip
    verifies, secret = env.get("VERIFY_JWT") == "true", env.get("JWT_SECRET", "")
    if script is Script.V1:
        remote, why = _remote(env, published)
        return Config(script, problem, verifies, secret, remote, why)
    try:
        keys = keyset.functions(env.get("SUPABASE_JWKS")) if script != Script.V0 else keyset.ABSENT
    except Broken as broken:
        failure = StartFailure(broken.logged, "SUPABASE_JWKS", broken.sentence)
        return Config(script, problem, verifies, secret, failure=failure)
    return Config(script, problem, verifies, secret, keys)


def with_published(config: Config, published: tuple[Key, ...]) -> Config:
    """Return a v1 script's configuration after it has fetched Auth's keys again."""
    return replace(config, keys=KeySet(Form.SET, published))


def judge(config: Config, request: Request, now: datetime) -> Verdict:
    """Predict what the main script says to ``request`` before any function of the user runs."""
    trail = Trail(Kind.FUNCTIONS)
    if config.failure is not None:
        return trail.down(config.failure)
    if config.script is None:
        return trail.end(Outcome.UNKNOWN, f"It cannot be told: {config.script_problem}.")
    if not config.verifies:
        return trail.end(
            Outcome.OPEN, "VERIFY_JWT is not true: every request reaches the function, unchecked."
        )
    trail.remark(f"The main script is generation {config.script.value} of the official one.")
    try:
        text = _token_of(config.script, trail, request)
        claims = _verified(config, trail, text, now)
    except Refusal as refusal:
        return trail.refuse(refusal.why, 401, refusal.answered, refusal.said)
    except CannotCheck as unable:
        return trail.end(Outcome.UNKNOWN, f"{unable.message}.")
    role = claims.get("role")
    named = role if isinstance(role, str) else None
    return trail.accept(f"The function runs, for {shown(named) if named else 'no role'}.", named)


# ── Which token ─────────────────────────────────────────────────────────────────────────────────


def _token_of(script: Script, trail: Trail, request: Request) -> str:
    if script is Script.V3:
        return _token_v3(trail, request)
    header = request.authorization
    if not header:
        raise words.no_header(script)
    scheme, *rest = header.split(" ")
    if script is Script.V2 and (scheme != "Bearer" or len(rest) != 1 or not rest[0]):
        raise words.bad_format(script, 'Authorization is not exactly "Bearer " and one token.')
    if scheme != "Bearer":
        raise words.not_bearer()
    return rest[0] if rest else ""


def _token_v3(trail: Trail, request: Request) -> str:
    parts = (request.authorization or "").split()
    bearer = parts[1] if len(parts) == 2 and parts[0].lower() == "bearer" else None
    if not request.authorization and not request.sb_api_key:
        raise words.no_header(Script.V3)
    if bearer is not None and not bearer.startswith("sb_"):
        return bearer
    if not request.sb_api_key:
        raise words.bad_format(
            Script.V3, "There is no bearer JWT, and the gateway sent no sb-api-key in its place."
        )
    trail.passed("The gateway's sb-api-key takes the place of a missing or opaque bearer.")
    return request.sb_api_key


# ── The check itself ────────────────────────────────────────────────────────────────────────────


def _verified(config: Config, trail: Trail, text: str, now: datetime) -> Mapping[str, object]:
    script = config.script or Script.V0
    if script is Script.V0:
        return _with_secret(config, trail, text, now)
    try:
        token = panva_jose.readable(text)
    except Refused as refused:
        raise words.bad_format(script, f"The bearer is no JWT: {refused.message}.") from None
    if not token.alg and script is Script.V3:
        raise words.bad_format(script, 'The token\'s header has no "alg".')
    if token.alg == "HS256":
        return _with_secret(config, trail, text, now)
    if token.alg in ("ES256", "RS256"):
        return _with_set(config, trail, text, now)
    raise words.unsupported(script, plain(token.alg) if token.alg else "undefined")


def _with_secret(config: Config, trail: Trail, text: str, now: datetime) -> Mapping[str, object]:
    script = config.script or Script.V0
    if not config.secret:
        raise words.legacy(script, "JWT_SECRET is not set, so HS256 cannot be checked.")
    trail.remark("HS256 is checked with JWT_SECRET; the oct key of a JWKS is never looked at.")

    def choose(token: Token) -> Key:
        if token.alg not in ("HS256", "HS384", "HS512"):
            raise panva_jose.bytes_for_asymmetric(
                token.alg or "", "this generation knows only the bytes of JWT_SECRET"
            )
        return secret_key(config.secret, alg=None, setting="JWT_SECRET")

    return _jose(text, choose, now, lambda why: words.legacy(script, why))


def _with_set(config: Config, trail: Trail, text: str, now: datetime) -> Mapping[str, object]:
    script = config.script or Script.V2
    name = "Auth's published JWKS" if script is Script.V1 else "SUPABASE_JWKS"
    if config.keys.form is not Form.SET:
        why = config.keys_problem or config.keys.problem or "it is not set"
        raise words.asymmetric(script, f"{name} gives no key: {why}.")
    trail.remark(f"{name} holds {config.keys}.")
    choose = panva_jose.local_set(config.keys.keys, name)
    return _jose(text, choose, now, lambda why: words.asymmetric(script, why))


def _jose(
    text: str,
    choose: Callable[[Token], Key],
    now: datetime,
    refuse: Callable[[str], Refusal],
) -> Mapping[str, object]:
    try:
        return panva_jose.verify(text, choose, now=now)
    except Refused as refused:
        raise refuse(f"The token is refused: {refused.message} ({refused.said}).") from None


def _remote(env: Mapping[str, str], published: tuple[Key, ...] | None) -> tuple[KeySet, str | None]:
    if not env.get("SUPABASE_URL"):
        return keyset.ABSENT, "SUPABASE_URL is not set, so the script cannot fetch it"
    if published is None:
        return keyset.ABSENT, "the gateway does not let the script fetch it without an API key"
    return KeySet(Form.SET, published), None


BEHAVIOURS = (
    Behaviour(
        Kind.FUNCTIONS,
        "script v0 (≤ early 2026)",
        ("VERIFY_JWT", "JWT_SECRET"),
        "`JWT_SECRET` for everything; ES256 cannot be checked",
        '401 `{"msg": "Invalid JWT"}`',
        "supabase/supabase main/index.ts of early 2026; edge-runtime #654",
    ),
    Behaviour(
        Kind.FUNCTIONS,
        "script v1",
        ("VERIFY_JWT", "JWT_SECRET", "SUPABASE_URL"),
        "HS256: `JWT_SECRET`; ES256, RS256: Auth's published JWKS, fetched and cached",
        '401 `{"msg": "Invalid JWT"}`',
        "supabase/supabase main/index.ts, hybrid",
    ),
    Behaviour(
        Kind.FUNCTIONS,
        "script v2 (May 2026)",
        ("VERIFY_JWT", "JWT_SECRET", "SUPABASE_JWKS"),
        "HS256: `JWT_SECRET`, never an oct key; ES256, RS256: exactly one fitting key of "
        "`SUPABASE_JWKS` (a named kid has to be there; without kid the fit has to be unique)",
        "401 `UNAUTHORIZED_NO_AUTH_HEADER`, `_INVALID_JWT_FORMAT`, `_LEGACY_JWT`, "
        "`_ASYMMETRIC_JWT`, `_UNSUPPORTED_TOKEN_ALGORITHM`",
        "supabase PR #45635; jose 6.2.18; run under deno",
    ),
    Behaviour(
        Kind.FUNCTIONS,
        "script v3 (autumn 2026)",
        ("VERIFY_JWT", "JWT_SECRET", "SUPABASE_JWKS"),
        "as v2; the gateway's `sb-api-key` replaces a missing or opaque bearer",
        "as v2",
        "supabase/supabase main/index.ts of autumn 2026",
    ),
)

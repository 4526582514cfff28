"""How PostgREST ≥ 13 treats a bearer token: which key it picks, what it checks, what it answers.

Pure: a stand-in answers with it, doctor predicts with it. Sources: PostgREST's Auth/Jwt and Error
modules (v13–v16, unchanged between them) and jose-jwt's choice of keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from keyturn.clock import unix
from keyturn.errors import KeyturnError
from keyturn.jose import base64url, strict_json
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwt import Peeked, peek

LONGEST_TOKEN: Final = 65_536
"""PostgREST has no limit; this is more than the gateway lets pass in a header."""

SKEW_SECONDS: Final = 30
"""Fixed in PostgREST since v13, for exp, nbf and iat alike."""


class Candidate(Protocol):
    """A key that PostgREST may try: a strict one of a ring, or a lenient one of a deployment."""

    @property
    def alg(self) -> str:
        """The one algorithm of its signatures."""
        ...

    @property
    def kid(self) -> str | None:
        """Its name."""
        ...

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        ...


# What jose-jwt can name in a header; anything else does not parse as a header at all.
_HEADER_ALGORITHMS: Final = frozenset(
    f"{family}{bits}" for family in ("HS", "RS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
_INT64_LIMIT: Final = 2**63


@dataclass(frozen=True, slots=True)
class Answer:
    """One refusal as PostgREST writes it: the HTTP status and the four members of its body."""

    status: int
    code: str
    message: str
    details: object = None
    hint: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def body(self) -> dict[str, object]:
        """Return the JSON members in the order of PostgREST's error body."""
        return {
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "hint": self.hint,
        }


def _invalid_token(code: str, message: str, details: str | None = None) -> Answer:
    challenge = f'Bearer error="invalid_token", error_description="{_quoted(message)}"'
    return Answer(401, code, message, details, headers=(("WWW-Authenticate", challenge),))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


NO_SECRET: Final = Answer(500, "PGRST300", "Server lacks JWT secret")
NO_ANONYMOUS: Final = Answer(
    401, "PGRST302", "Anonymous access is disabled", headers=(("WWW-Authenticate", "Bearer"),)
)
EMPTY_TOKEN: Final = _invalid_token("PGRST301", "Empty JWT is sent in Authorization header")
NO_KEY: Final = _invalid_token(
    "PGRST301",
    "No suitable key or wrong key type",
    "No suitable key was found to decode the JWT",
)
NO_KEY_VERIFIES: Final = _invalid_token(
    "PGRST301",
    "No suitable key or wrong key type",
    "None of the keys was able to decode the JWT",
)
UNSECURED: Final = _invalid_token(
    "PGRST301",
    "Wrong or unsupported encoding algorithm",
    "JWT is unsecured but expected 'alg' was not 'none'",
)
UNREADABLE: Final = _invalid_token("PGRST301", "JWT cryptographic operation failed")
EXPIRED: Final = _invalid_token("PGRST303", "JWT expired")
NOT_YET_VALID: Final = _invalid_token("PGRST303", "JWT not yet valid")
ISSUED_IN_FUTURE: Final = _invalid_token("PGRST303", "JWT issued at future")
NOT_IN_AUDIENCE: Final = _invalid_token("PGRST303", "JWT not in audience")
BAD_AUDIENCE: Final = _invalid_token(
    "PGRST303", "The JWT 'aud' claim must be a string or an array of strings"
)


def _wrong_parts(count: int) -> Answer:
    """An opaque ``sb_`` key sent as a bearer has one part."""
    return _invalid_token("PGRST301", f"Expected 3 parts in JWT; got {count}")


def _not_a_number(claim: str) -> Answer:
    return _invalid_token("PGRST303", f"The JWT '{claim}' claim must be a number")


class TokenRefused(KeyturnError):
    """PostgREST refuses the bearer token."""

    code = "token_refused"

    def __init__(self, answer: Answer) -> None:
        """``answer`` is what goes back to the caller."""
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Settings:
    """The parts of PostgREST's configuration that decide about tokens."""

    anonymous_role: str | None = "anon"
    """``PGRST_DB_ANON_ROLE``."""
    audience: str | None = None
    """``PGRST_JWT_AUD``; Supabase leaves it unset, then any audience passes."""
    skew_seconds: int = SKEW_SECONDS
    """The leeway for exp, nbf and iat; not a setting, but shorter up to 12."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who may reach the database."""

    role: str
    claims: Mapping[str, object]
    """The token's claims with ``role`` as it was decided."""
    authenticated: bool
    """Whether the role is another than the anonymous one: a missing privilege is then a 403."""


def bearer(authorization: str | None) -> str | None:
    """Return the token of an ``Authorization`` header, None when it carries none.

    Another scheme, or a raw token without one, is an anonymous request and not an error. That is
    why a legacy API key sent without ``Bearer`` silently runs as ``anon``.
    """
    if authorization is None:
        return None
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return rest.strip(" ")


def anonymous(settings: Settings) -> Admitted:
    """Admit a caller without a token; raises :class:`TokenRefused` when that is disabled."""
    if settings.anonymous_role is None:
        raise TokenRefused(NO_ANONYMOUS)
    role = settings.anonymous_role
    return Admitted(role, {"role": role}, authenticated=False)


def verified_claims(token: str, keys: Iterable[Candidate]) -> Mapping[str, object]:
    """Return the claims of a token that one of ``keys`` signed, whatever its times say.

    Raises :class:`TokenRefused`. The result depends on the token and the keys only, so it may be
    cached until the keys change; :func:`admit` must be asked anew at each request.
    """
    candidates = tuple(keys)
    if not candidates:
        raise TokenRefused(NO_SECRET)
    if not token:
        raise TokenRefused(EMPTY_TOKEN)
    parts = token.count(".") + 1
    if parts != 3:
        raise TokenRefused(_wrong_parts(parts))
    seen = _readable(token)
    usable = [key for key in candidates if _matches(key, seen.header)]
    if not usable:
        raise TokenRefused(NO_KEY)
    signing_input, _, signature = token.rpartition(".")
    payload = signing_input.encode("ascii")
    proof = _decoded(signature)
    if not any(key.verify(payload, proof) for key in usable):
        raise TokenRefused(NO_KEY_VERIFIES)
    return seen.claims


def admit(claims: Mapping[str, object], settings: Settings, *, now: datetime) -> Admitted:
    """Check the times and audience of verified ``claims`` and decide the role.

    Raises :class:`TokenRefused`. A missing role falls back to the anonymous one.
    """
    check_claims(claims, settings, now=now)
    role = _role(claims, settings)
    return Admitted(role, {**claims, "role": role}, authenticated=role != settings.anonymous_role)


def check_claims(claims: Mapping[str, object], settings: Settings, *, now: datetime) -> None:
    """Check the times and audience alone: what may change while a token is remembered.

    Raises :class:`TokenRefused` for the first problem, in PostgREST's order.
    """
    moment, skew = unix(now), settings.skew_seconds
    answer = (
        _time_problem(claims, "exp", EXPIRED, lambda at: moment - skew > at)
        or _time_problem(claims, "nbf", NOT_YET_VALID, lambda at: moment + skew < at)
        or _time_problem(claims, "iat", ISSUED_IN_FUTURE, lambda at: moment + skew < at)
        or _audience_problem(claims, settings)
    )
    if answer is not None:
        raise TokenRefused(answer)


def _readable(token: str) -> Peeked:
    """Return header and claims, nothing verified; an unsecured token has no signature to read."""
    try:
        header = strict_json.loads(base64url.decode(token.partition(".")[0].encode("ascii")))
        algorithm = header.get("alg")
        if algorithm == "none":
            raise TokenRefused(UNSECURED)
        seen = peek(token, max_bytes=LONGEST_TOKEN)
    except (TokenRejected, ValueError) as problem:
        raise TokenRefused(UNREADABLE) from problem
    if not isinstance(algorithm, str) or algorithm not in _HEADER_ALGORITHMS:
        raise TokenRefused(UNREADABLE)
    return seen


def _matches(key: Candidate, header: Mapping[str, object]) -> bool:
    """A named key must be the one named; an unnamed token may be tried with any (since v13)."""
    named = header.get("kid")
    return key.alg == header.get("alg") and (named is None or key.kid == named)


def _decoded(segment: str) -> bytes:
    try:
        return base64url.decode(segment.encode("ascii"))
    except ValueError as problem:
        raise TokenRefused(UNREADABLE) from problem


def _time_problem(
    claims: Mapping[str, object], name: str, answer: Answer, wrong: Callable[[int], bool]
) -> Answer | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _not_a_number(name)
    return answer if wrong(_whole(value)) else None


def _whole(value: float) -> int:
    """Read a NumericDate as PostgREST does: a fraction, or more than 64 bits, counts as zero."""
    number = int(value)
    if number != value:
        return 0
    return number if -_INT64_LIMIT <= number < _INT64_LIMIT else 0


def _audience_problem(claims: Mapping[str, object], settings: Settings) -> Answer | None:
    value = claims.get("aud")
    if value is None:
        return None
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        return BAD_AUDIENCE
    if settings.audience is None or not given or settings.audience in given:
        return None
    return NOT_IN_AUDIENCE


def _role(claims: Mapping[str, object], settings: Settings) -> str:
    value = claims.get("role")
    if isinstance(value, str):
        return value
    if "role" in claims:
        return json.dumps(value)
    if settings.anonymous_role is None:
        raise TokenRefused(NO_ANONYMOUS)
    return settings.anonymous_role

"""What the main script of Edge Functions says when it refuses, per generation.

Source: supabase/supabase ``docker/volumes/functions/main/index.ts``. Generations 0 and 1 write
``{"msg": …}``, later ones a code as well.
"""

from __future__ import annotations

from keyturn.errors import KeyturnError

CODED_SINCE = 2
"""The first generation whose answers carry a code."""


class Refusal(KeyturnError):
    """The main script refuses the request with 401."""

    code = "function_refused"

    def __init__(self, code: str | None, said: str, why: str) -> None:
        """``code`` (kept as ``answered``) and ``said`` are the answer's; ``why`` is for people."""
        super().__init__(why)
        self.answered = code
        self.said = said
        self.why = why


def no_header(script: int) -> Refusal:
    """No Authorization header."""
    why = "No Authorization header arrives; this script does not look at apikey."
    if script < CODED_SINCE:
        return Refusal(None, "Error: Missing authorization header", why)
    return Refusal("UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header", why)


def not_bearer() -> Refusal:
    """Generations 0 and 1: another scheme."""
    return Refusal(
        None, "Error: Auth header is not 'Bearer {token}'", "Authorization has no Bearer token."
    )


def bad_format(script: int, why: str) -> Refusal:
    """What should be a JWT is none."""
    if script < CODED_SINCE:
        return Refusal(None, "TypeError: Invalid Token or Protected Header formatting", why)
    return Refusal("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format", why)


def legacy(script: int, why: str) -> Refusal:
    """An HS256 token does not verify."""
    return Refusal("UNAUTHORIZED_LEGACY_JWT" if script >= CODED_SINCE else None, "Invalid JWT", why)


def asymmetric(script: int, why: str) -> Refusal:
    """An ES256 or RS256 token does not verify."""
    code = "UNAUTHORIZED_ASYMMETRIC_JWT" if script >= CODED_SINCE else None
    return Refusal(code, "Invalid JWT", why)


def unsupported(script: int, alg: str) -> Refusal:
    """Another algorithm; ``alg`` is already shortened and printable."""
    why = f'The script checks HS256, ES256 and RS256 only, not "{alg}".'
    if script < CODED_SINCE:
        return Refusal(None, "Invalid JWT", why)
    code = "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM"
    return Refusal(code, f"Unsupported JWT algorithm {alg}", why)

"""What the claims that a hook returns must still be: GoTrue's minimum for an access token.

The sentences are those of the JSON Schema library that GoTrue uses, one line per complaint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from keyturn.accounts.hooks import HookFailed

REQUIRED: Final = (
    "aud",
    "exp",
    "iat",
    "sub",
    "email",
    "phone",
    "role",
    "aal",
    "session_id",
    "is_anonymous",
)
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "aud": ("string", "array"),
    "exp": ("integer",),
    "jti": ("string",),
    "iat": ("integer",),
    "iss": ("string",),
    "nbf": ("integer",),
    "sub": ("string",),
    "email": ("string",),
    "phone": ("string",),
    "app_metadata": ("object",),
    "user_metadata": ("object",),
    "role": ("string",),
    "aal": ("string",),
    "amr": ("array",),
    "session_id": ("string",),
}
_HEAD: Final = "output claims do not conform to the expected schema: \n"


def accepted_claims(returned: Mapping[str, object], latest_exp: int) -> dict[str, object]:
    """Return the claims in a hook's answer, in alphabetical order as GoTrue signs them.

    ``latest_exp`` is the expiry that the server decided: a later one would outlive the key that
    signs, which is retired by the server's own clock (GoTrue does not look; a token of its own
    could stop verifying before it expires). Raises :class:`HookFailed`.
    """
    if "claims" not in returned:
        raise HookFailed(500, "output claims field is missing")
    claims = returned["claims"]
    if not isinstance(claims, Mapping):
        raise HookFailed(500, f"{_HEAD}- {_wrong_type('(root)', ('object',), claims)}\n")
    complaints = [*_complaints(claims)]
    if not complaints and _number(claims["exp"]) > latest_exp:
        complaints = [f"exp: Must be less than or equal to {latest_exp}"]
    if complaints:
        raise HookFailed(500, _HEAD + "".join(f"- {line}\n" for line in complaints))
    return {name: claims[name] for name in sorted(claims)}


def _complaints(claims: Mapping[str, object]) -> Iterator[str]:
    for name in REQUIRED:
        if name not in claims:
            yield f"(root): {name} is required"
    for name, allowed in _TYPES.items():
        if name in claims and not _fits(claims[name], allowed):
            yield _wrong_type(name, allowed, claims[name])
    methods = claims.get("amr")
    for place, entry in enumerate(methods if isinstance(methods, list) else ()):
        if not isinstance(entry, Mapping):
            yield _wrong_type(f"amr.{place}", ("object",), entry)


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0


def _wrong_type(where: str, allowed: tuple[str, ...], value: object) -> str:
    expected = allowed[0] if len(allowed) == 1 else f"[{','.join(allowed)}]"
    return f"{where}: Invalid type. Expected: {expected}, given: {_kind(value)}"


def _fits(value: object, allowed: tuple[str, ...]) -> bool:
    return _kind(value) in allowed


_KINDS: Final = ((bool, "boolean"), (int, "integer"), (str, "string"), (list, "array"))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return next((word for kind, word in _KINDS if isinstance(value, kind)), "object")

"""What PostgREST up to 12 writes: its library was hs-jose, and every refusal was PGRST301.

Source: the messages that users report (supabase #17164, #28611); PostgREST ≤ 12 ``Error.hs`` shows
the library's error as it is.
"""

from __future__ import annotations

from keyturn.profiles.postgrest import Answer

INVALID_SIGNATURE = "JWSError JWSInvalidSignature"
_SAME = frozenset({"PGRST300", "PGRST302"})
_CLAIMS = {
    "JWT expired": "JWT expired",
    "JWT not yet valid": "JWTNotYetValid",
    "JWT issued at future": "JWTIssuedAtFuture",
    "JWT not in audience": "JWTNotInAudience",
}


def said_up_to_12(answer: Answer, token: str) -> tuple[str, str]:
    """Return code and message of PostgREST ≤ 12 where 13 and later give ``answer``."""
    if answer.code in _SAME:
        return answer.code, answer.message
    if answer.message in _CLAIMS:
        return "PGRST301", _CLAIMS[answer.message]
    parts = token.count(".") + 1
    if parts != 3:
        return "PGRST301", (
            f"JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got {parts})"
        )
    return "PGRST301", INVALID_SIGNATURE

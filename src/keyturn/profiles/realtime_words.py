"""What Realtime says when it refuses: at the socket's handshake, and when a channel is joined.

Source: supabase/realtime, ``user_socket.ex`` (handshake) and ``realtime_channel.ex`` (join).
"""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.jose.errors import shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal in both wordings."""

    code: str | None
    """The code of the log and of a join's reason; None where there is none."""
    said: str

    @property
    def socket(self) -> str:
        """Return the ``error`` of the handshake's JSON."""
        return self.said

    @property
    def join(self) -> str:
        """Return the ``reason`` of a refused join."""
        return f"{self.code}: {self.said}" if self.code else self.said


MISSING = Problem(None, "API key is missing")
EXPIRED = Problem("InvalidJWTToken", "Token has expired")
NO_CLAIMS = Problem("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
MALFORMED = Problem("MalformedJWT", "The token provided is not a valid JWT")
SIGNATURE = Problem("JwtSignatureError", "Failed to validate JWT signature")
_CHECK = "check your JWT secret or JWKS configuration"


def signer_problem(kid: str | None) -> Problem:
    """Return the refusal when no key fits; it names the kid when a set was searched for it."""
    for_kid = "" if kid is None else f" for key ID (kid) {shown(kid)}"
    return Problem("JwtSignerError", f"Failed to generate JWT signer{for_kid}, {_CHECK}")

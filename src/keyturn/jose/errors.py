"""What the JOSE core refuses, one class per reason, each with a stable ``code``.

No message here ever quotes a token, a segment of one, or key material: an attacker chooses those
bytes, and logs keep them. Names (an algorithm, a claim, a member) are quoted only when they come
from our own tables or are shortened by :func:`shown`.
"""

from __future__ import annotations

from keyturn.errors import KeyturnError


def shown(value: object) -> str:
    """Return a short, printable form of an untrusted name: at most 40 characters, quoted."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    printable = "".join(letter if letter.isprintable() else "?" for letter in value[:40])
    return f'"{printable}…"' if len(value) > 40 else f'"{printable}"'


class JoseError(KeyturnError):
    """The JOSE object could not be used."""

    code = "jose"


class InvalidKey(JoseError):
    """The key is not usable as a signing or verifying key."""

    code = "invalid_key"


class TokenRejected(JoseError):
    """The token was rejected."""

    code = "token_rejected"

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        found: str | None = None,
        expected: str | None = None,
    ) -> None:
        """``found`` and ``expected`` are told after the sentence, which alone is ``summary``.

        None of the three quotes the token.
        """
        super().__init__(message, hint=hint)
        self.found, self.expected, self.summary = found, expected, self.message
        told = [f"found {found}"] * (found is not None)
        told += [f"expected {expected}"] * (expected is not None)
        if told:
            self.message = f"{self.message.removesuffix('.')}: {', '.join(told)}"
            self.args = (self.message,)


class Malformed(TokenRejected):
    """The token is not a well-formed compact JWT."""

    code = "malformed"


class CriticalHeader(TokenRejected):
    """The token's header demands an extension ("crit" or "b64"); none is implemented."""

    code = "critical_header"


class AlgNotAllowed(TokenRejected):
    """The token's "alg" is not the algorithm of the key it names, or is not allowed here."""

    code = "alg_not_allowed"


class MissingKid(TokenRejected):
    """The token names no key ("kid"), and no key without a name has its algorithm."""

    code = "missing_kid"


class UnknownKid(TokenRejected):
    """The token names a key ("kid") that is not in the key set."""

    code = "unknown_kid"


class BadSignature(TokenRejected):
    """The token's signature does not verify with the key it names."""

    code = "bad_signature"


class TokenExpired(TokenRejected):
    """The token has expired."""

    code = "token_expired"


class TokenRevoked(TokenRejected):
    """The token has been revoked."""

    code = "token_revoked"


class TokenNotYetValid(TokenRejected):
    """The token is not valid yet ("nbf")."""

    code = "token_not_yet_valid"


class IssuedInFuture(TokenRejected):
    """The token claims to have been issued in the future ("iat")."""

    code = "issued_in_future"


class ClaimMissing(TokenRejected):
    """The token lacks a claim that is required here."""

    code = "claim_missing"


class ClaimInvalid(TokenRejected):
    """A claim of the token has the wrong type or an impossible value."""

    code = "claim_invalid"


class IssuerMismatch(TokenRejected):
    """The token's issuer ("iss") is not the expected one."""

    code = "issuer_mismatch"


class AudienceMismatch(TokenRejected):
    """The token's audience ("aud") does not include the expected one."""

    code = "audience_mismatch"

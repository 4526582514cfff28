"""An issuer of bearer tokens, good and bad, and a verifier of them on a clock that tests move."""

from __future__ import annotations

from typing import Final

from tests.support.hourglass import Hourglass
from tests.support.plane import START

from keyturn import Verifier
from keyturn.jose import jwt, keys
from keyturn.jose.jwks import public_jwks
from keyturn.verify.policy import Policy
from keyturn.wiring.verifier_keys import StaticKeys

ISSUER: Final = "https://api.example.com/auth/v1"
AUDIENCE: Final = "authenticated"
LIFE: Final = 3600


class Issuer:
    """One ES256 key, its verifier, and tokens that are wrong in one way each."""

    def __init__(self) -> None:
        self.clock = Hourglass(START.replace(microsecond=0))
        self.key = keys.generate("ES256", kid="key-1")
        self.verifier = self.verifier_of(self.key)

    def verifier_of(self, *signing: keys.SigningKey, leeway: int = 0) -> Verifier:
        """A verifier that knows exactly these keys."""
        jwks = public_jwks([key.verifying_key() for key in signing])
        policy = Policy(
            algorithms=frozenset({"ES256"}), issuer=ISSUER, audience=AUDIENCE, leeway=leeway
        )
        return Verifier(StaticKeys(jwks, ()), policy, clock=self.clock)

    def token(self, sub: str = "ada", *, life: int = LIFE, aud: str = AUDIENCE) -> str:
        """A token that lives ``life`` seconds from the clock's now."""
        return self._signed(self.key, sub, life, aud)

    def forged(self) -> str:
        """A token with the right kid, signed with somebody else's key."""
        return self._signed(keys.generate("ES256", kid=self.key.kid or ""), "ada", LIFE, AUDIENCE)

    def bad(self, kind: str) -> str:
        """A token of the named kind."""
        tokens = {
            "expired": self.token(life=-1),
            "forged": self.forged(),
            "wrong audience": self.token(aud="somebody-else"),
            "not a token": "abc",
        }
        return tokens[kind]

    def _signed(self, key: keys.SigningKey, sub: str, life: int, aud: str) -> str:
        exp = int(self.clock().timestamp()) + life
        return jwt.encode({"iss": ISSUER, "aud": aud, "sub": sub, "exp": exp}, key)


CODES: Final = {
    "expired": "token_expired",
    "forged": "bad_signature",
    "wrong audience": "audience_mismatch",
    "not a token": "malformed",
}
"""Kinds of bad tokens and the stable code of each."""


def authorized(token: str) -> dict[str, str]:
    """The header that presents ``token``."""
    return {"Authorization": f"Bearer {token}"}

"""Keys and tokens that all candidates are given: the claims of a GoTrue password login."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import cached_property

import msgspec

from keyturn.jose import jwt, keys
from keyturn.jose.key import SigningKey, VerifyingKey
from keyturn.secret_access import reveal

ISSUER = "https://api.example.com/auth/v1"
AUDIENCE = "authenticated"
ALGORITHMS = ("ES256", "RS256", "EdDSA", "HS256")


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of an access token that was issued now."""
    now, person = int(time.time()), str(uuid.uuid4())
    return {
        "iss": ISSUER,
        "sub": person,
        "aud": AUDIENCE,
        "exp": now + 3600,
        "iat": now,
        "email": "somebody@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {
            "email": "somebody@example.com",
            "email_verified": True,
            "phone_verified": False,
            "sub": person,
        },
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": str(uuid.uuid4()),
        "is_anonymous": False,
        **changes,
    }


def claims_of_size(size: int, key: SigningKey) -> dict[str, object]:
    """Return claims whose token has about ``size`` bytes (short ones lose their metadata)."""
    small = claims()
    for name in ("user_metadata", "amr", "email", "phone", "app_metadata"):
        if len(jwt.encode(small, key)) <= size:
            break
        del small[name]
    missing = max(0, (size - len(jwt.encode(small, key))) * 3 // 4 - 30)
    if missing:
        small["app_permissions"] = [f"project:{n:04}:write" for n in range(missing // 21)]
    return small


@dataclass(frozen=True)
class Case:
    """One algorithm: a key in every form that a library wants, and a token."""

    alg: str
    key: SigningKey
    token: str

    @classmethod
    def fresh(cls, alg: str) -> Case:
        """Return a case with a new key."""
        key = keys.generate(alg, kid=str(uuid.uuid4()))
        return cls(alg, key, jwt.encode(claims(), key))

    @cached_property
    def verifying(self) -> VerifyingKey:
        """The half that verifies."""
        return self.key.verifying_key()

    @cached_property
    def private_jwk(self) -> dict[str, object]:
        """The private JWK (for HS256 the only one)."""
        parsed: dict[str, object] = msgspec.json.decode(reveal(keys.private_jwk(self.key)))
        return {name: parsed[name] for name in parsed if name not in ("key_ops", "ext", "use")}

    @cached_property
    def jwk(self) -> dict[str, object]:
        """The JWK that verifies: public, or the secret one for HS256."""
        if self.verifying.is_symmetric:
            return self.private_jwk
        return {n: v for n, v in self.verifying.public_jwk().items() if n not in ("key_ops", "use")}

    @cached_property
    def signing_input(self) -> bytes:
        """What is signed."""
        return self.token.rpartition(".")[0].encode()

    @cached_property
    def signature(self) -> bytes:
        """The signature's bytes."""
        return self.key.sign(self.signing_input)

"""Forged tokens, as good as their attacker could make them, and the verifier they have to pass.

Wherever possible a forgery carries a true signature of the very bytes it is made of, so that
nothing but the rule under test can stop it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import (
    SigningKey,
    generate,
    public_pem,
    signing_key_from_secret,
)
from keyturn.secret import Secret
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

NOW = datetime(2026, 11, 23, 22, 5, tzinfo=UTC)
UNIX = int(NOW.timestamp())
EC, RSA, ED = (generate(alg, kid=alg.lower()) for alg in ("ES256", "RS256", "EdDSA"))
LEGACY = signing_key_from_secret(Secret("a-legacy-secret-of-at-least-32-characters"), kid=None)
RING = [key.verifying_key() for key in (EC, RSA, ED, LEGACY)]
POLICY = Policy(
    algorithms=frozenset(ALGORITHMS),
    issuer="https://project.example/auth/v1",
    audience="authenticated",
    leeway=30,
    require=frozenset({"exp", "sub", "role"}),
    check_iat=True,
)
CLAIMS: dict[str, object] = {
    "iss": "https://project.example/auth/v1",
    "sub": "6b1b0b1e-0e0a-4e5e-9c58-6b1b0b1e0e0a",
    "aud": "authenticated",
    "role": "authenticated",
    "iat": UNIX,
    "exp": UNIX + 3600,
}
HEADER: dict[str, object] = {"alg": "ES256", "kid": "es256", "typ": "JWT"}
BODY = json.dumps(CLAIMS).encode()


def b64(data: bytes | str | object) -> str:
    """Base64url without padding; text as UTF-8, other things as JSON."""
    raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else (
        json.dumps(data).encode()
    )  # fmt: skip
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: object, payload: object = BODY, key: SigningKey = EC) -> str:
    """A token of any header and payload whose signature is true."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


def unsigned(header: object, signature: bytes = b"") -> str:
    """A token with a signature that is made up."""
    return f"{b64(header)}.{b64(BODY)}.{b64(signature)}"


def mac(header: object, secret: bytes) -> str:
    """An HS256 token whose secret the attacker has chosen."""
    signing_input = f"{b64(header)}.{b64(BODY)}"
    tag = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{b64(tag)}"


def with_header(**members: object) -> str:
    """A truly signed token with these header members besides the usual ones."""
    return signed(HEADER | members)


def with_claims(**claims: object) -> str:
    """A truly signed token with these claims besides the usual ones."""
    return signed(HEADER, CLAIMS | claims)


def without(*names: str) -> str:
    """A truly signed token without these claims."""
    return signed(HEADER, {name: claim for name, claim in CLAIMS.items() if name not in names})


def body(members: str) -> str:
    """A truly signed token whose payload ends with these raw members."""
    return signed(HEADER, BODY[:-1] + b"," + members.encode() + b"}")


def raw_ec(r: int, s: int) -> bytes:
    """A raw ES256 signature of these numbers."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


GOOD = signed(HEADER)
GOOD_HEADER, GOOD_PAYLOAD, GOOD_SIGNATURE = GOOD.split(".")
SIGNATURE = base64.urlsafe_b64decode(GOOD_SIGNATURE + "==")
R, S = int.from_bytes(SIGNATURE[:32], "big"), int.from_bytes(SIGNATURE[32:], "big")
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PEM = public_pem(EC.verifying_key()).encode()
JWK = json.dumps(EC.verifying_key().public_jwk()).encode()
ATTACKER = generate("ES256", kid="es256")
HS_NAMED = {"alg": "HS256", "kid": "es256", "typ": "JWT"}


def assert_rejected(token: str, code: str) -> None:
    """``token`` ends in :class:`TokenRejected` with ``code``, before and after a good one."""
    keys = KeySet(RING)
    for _ in range(2):
        with pytest.raises(TokenRejected) as rejected:
            verify(token, keys, POLICY, now=NOW)
        assert rejected.value.code == code
        assert verify(GOOD, keys, POLICY, now=NOW) == CLAIMS

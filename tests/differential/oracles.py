"""Three judges of one token: Keyturn, joserfc and PyJWT, asked for the same issuer and audience."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jwt as pyjwt
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet as TheirKeySet
from joserfc.jwk import OctKey, import_key
from joserfc.jws import JWSRegistry
from tests.differential.samples import AUDIENCE, ISSUER, LEGACY, NAMED, NOW, UNIX

from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import private_jwk
from keyturn.secret_access import reveal
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

POLICY = Policy(algorithms=frozenset(NAMED), issuer=ISSUER, audience=AUDIENCE, check_iat=True)
ALGORITHMS = ["ES256", "RS256", "EdDSA", "Ed25519", "HS256"]
OURS = KeySet([*(key.verifying_key() for key in NAMED.values()), LEGACY.verifying_key()])


class Verdict(NamedTuple):
    """The claims of an accepted token, or why it was refused."""

    claims: Mapping[str, Any] | None
    why: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the token was accepted."""
        return self.claims is not None


def keyturn(token: str) -> Verdict:
    """Our verdict; any other exception than ``TokenRejected`` fails the test."""
    try:
        return Verdict(verify(token, OURS, POLICY, now=NOW))
    except TokenRejected as rejected:
        return Verdict(None, rejected.code)


def _jwk(alg: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reveal(private_jwk(NAMED[alg])))
    if alg != "HS256":
        found = dict(NAMED[alg].verifying_key().public_jwk())
    return {name: member for name, member in found.items() if name not in {"ext", "key_ops"}}


def _without_alg(jwk: dict[str, Any]) -> dict[str, Any]:
    """``jwk`` for either spelling of Ed25519: with "EdDSA" in it, joserfc refuses the other."""
    return {name: member for name, member in jwk.items() if name != "alg"}


_JOSERFC_NAMED = TheirKeySet([import_key(_without_alg(_jwk(alg))) for alg in NAMED])
_JOSERFC_NAMELESS = OctKey.import_key(b"a-legacy-secret-of-at-least-32-characters")
_JOSERFC_RULES = joserfc_jwt.JWTClaimsRegistry(
    now=UNIX,
    leeway=0,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
)
# Its list of known header members is a choice of its own; without it, both read the same tokens.
_JOSERFC_HEADERS = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_PYJWT_NAMED = {f"kid-{alg}": pyjwt.PyJWK(_jwk(alg)) for alg in NAMED}
_PYJWT_NAMELESS = pyjwt.PyJWK(
    {
        "kty": "oct",
        "alg": "HS256",
        "k": base64.urlsafe_b64encode(b"a-legacy-secret-of-at-least-32-characters").decode(),
    }
)


def joserfc(token: str) -> Verdict:
    """joserfc with a key set, and the nameless secret for tokens without ``kid``."""

    def decode() -> Mapping[str, Any]:
        header = token.partition(".")[0]
        named = "kid" in _peeked(header)
        key = _JOSERFC_NAMED if named else _JOSERFC_NAMELESS
        read = joserfc_jwt.decode(token, key, registry=_JOSERFC_HEADERS)
        _JOSERFC_RULES.validate(read.claims)
        return read.claims

    return _judged(decode)


def pyjwt_verdict(token: str) -> Verdict:
    """PyJWT with the key that the token's ``kid`` names."""

    def decode() -> Mapping[str, Any]:
        header = pyjwt.get_unverified_header(token)
        key = _PYJWT_NAMED[header["kid"]] if "kid" in header else _PYJWT_NAMELESS
        claims: Mapping[str, Any] = pyjwt.decode(
            token, key, ALGORITHMS, issuer=ISSUER, audience=AUDIENCE,
            options={"require": ["exp", "iss", "aud"]},
        )  # fmt: skip
        return claims

    return _judged(decode)


def _peeked(segment: str) -> Mapping[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _judged(decode: Callable[[], Mapping[str, Any]]) -> Verdict:
    """Whatever an oracle raises is a refusal; several raise what they did not mean to."""
    try:
        return Verdict(decode())
    except Exception as refused:  # noqa: BLE001
        return Verdict(None, type(refused).__name__)

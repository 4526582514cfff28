"""One key of a JWKS as the services' lenient readers see it, and the check of a signature with it.

The strict core refuses weak secrets, keys with two purposes and padded members; services do not,
and a prediction must not be stricter than they are. That leniency ends here: nothing outside
``profiles`` ever trusts such a key.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from keyturn.errors import KeyturnError
from keyturn.jose import base64url, ec_p256, okp_ed25519, rsa_pkcs1
from keyturn.jose.errors import InvalidKey, shown
from keyturn.jose.material import PublicMaterial

HMAC_ALGORITHMS: Mapping[str, str] = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
CURVE_ALGORITHMS: Mapping[str, str] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
EDWARDS_ALGORITHMS = ("EdDSA", "Ed25519")
MATERIAL_MEMBERS = {
    "oct": ("k",), "EC": ("x", "y"), "RSA": ("n", "e"), "OKP": ("x",),
}  # fmt: skip
_READERS: Mapping[str, Callable[[Mapping[str, object]], PublicMaterial]] = {
    "EC": ec_p256.public_from_jwk,
    "RSA": rsa_pkcs1.public_from_jwk,
    "OKP": okp_ed25519.public_from_jwk,
}
_CHECKED = {"ES256": "EC", "RS256": "RSA", "EdDSA": "OKP", "Ed25519": "OKP"}
_TO_URL = str.maketrans("+/", "-_", "=")


class CannotCheck(KeyturnError):
    """Keyturn cannot check this signature, so it cannot say what the service answers."""

    code = "cannot_check"


@dataclass(frozen=True, slots=True)
class Key:
    """One JWK. ``material`` is None when its members cannot be read, and ``problem`` says why."""

    kty: str
    kid: str | None
    alg: str | None
    crv: str | None = None
    use: object = None
    key_ops: tuple[object, ...] | None = None
    private: bool = False
    """It has the private member ``d`` of an asymmetric key."""
    secret: bytes | None = field(default=None, repr=False)
    """The bytes of an ``oct`` key."""
    material: PublicMaterial | None = field(default=None, repr=False)
    problem: str | None = None
    setting: str | None = field(default=None, compare=False)
    """The setting that it is the whole value of, for a report; None for a key of a set."""

    @property
    def symmetric(self) -> bool:
        """Whether it is a shared secret."""
        return self.kty == "oct"

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms that its type allows, narrowed by its ``alg`` when it has one."""
        by_type = {
            "oct": tuple(HMAC_ALGORITHMS),
            "RSA": RSA_ALGORITHMS,
            "EC": (CURVE_ALGORITHMS.get(self.crv or "", ""),),
            "OKP": EDWARDS_ALGORITHMS,
        }.get(self.kty, ())
        return by_type if self.alg is None else tuple(name for name in by_type if name == self.alg)

    def verify(self, alg: str, signing_input: bytes, signature: bytes | None) -> bool:
        """Whether ``signature`` is right for ``alg``; raises :class:`CannotCheck`."""
        if signature is None:
            return False
        if self.secret is not None and alg in HMAC_ALGORITHMS:
            expected = hmac.digest(self.secret, signing_input, HMAC_ALGORITHMS[alg])
            return hmac.compare_digest(expected, signature)
        if _CHECKED.get(alg) != self.kty or self.material is None:
            raise CannotCheck(f"Keyturn cannot check {shown(alg)} signatures with this key")
        return self.material.verify(signing_input, signature)

    def __str__(self) -> str:
        """Return the words of a report; no key material."""
        if self.setting is not None:
            return self.setting
        kind = self.alg or (f"{self.kty} without alg" if self.kty != "oct" else "oct")
        named = "without kid" if self.kid is None else f"with kid {shown(self.kid)}"
        return f"{kind} {named}"


def secret_key(
    secret: str | bytes,
    *,
    kid: str | None = None,
    alg: str | None = "HS256",
    setting: str | None = None,
) -> Key:
    """Return the key of a shared secret, however short: its raw UTF-8 bytes."""
    content = secret.encode() if isinstance(secret, str) else secret
    return Key("oct", kid, alg, secret=content, setting=setting)


def read(jwk: Mapping[str, object]) -> Key:
    """Return the key of a JWK object, padding and the standard alphabet allowed in its members."""
    kty = jwk.get("kty")
    operations = jwk.get("key_ops")
    head = Key(
        kty if isinstance(kty, str) else "",
        _text(jwk, "kid"),
        _text(jwk, "alg"),
        _text(jwk, "crv"),
        jwk.get("use"),
        tuple(operations) if isinstance(operations, list) else None,
        private="d" in jwk,
    )
    return _with_material(head, jwk)


def words(keys: tuple[Key, ...]) -> str:
    """Return how many keys and which, for a report."""
    if not keys:
        return "no keys"
    count = "1 key" if len(keys) == 1 else f"{len(keys)} keys"
    rest = "" if len(keys) <= 8 else ", …"
    return f"{count}: {', '.join(map(str, keys[:8]))}{rest}"


def _text(jwk: Mapping[str, object], name: str) -> str | None:
    value = jwk.get(name)
    return value if isinstance(value, str) else None


def _with_material(head: Key, jwk: Mapping[str, object]) -> Key:
    members = {
        name: value.translate(_TO_URL)
        for name in MATERIAL_MEMBERS.get(head.kty, ())
        if isinstance(value := jwk.get(name), str)
    }
    try:
        if head.symmetric:
            return replace(head, secret=base64url.decode(members["k"].encode("ascii")))
        reader = _READERS.get(head.kty)
        if reader is None or head.crv in ("P-384", "P-521", "Ed448"):
            return head
        return replace(head, material=reader({**members, "crv": head.crv}))
    except InvalidKey as refused:
        return replace(head, problem=refused.message)
    except (KeyError, ValueError):
        return replace(head, problem='the JWK member "k" is missing or not base64')

"""Key material as it stands in people's files, read leniently: nothing here ever raises.

The strict readers of :mod:`keyturn.jose` say yes or no; doctor must also say what is wrong with
what they refuse, so this one keeps every member that it could make out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from keyturn.jose import base64url
from keyturn.jose.errors import JoseError
from keyturn.jose.jwk import PRIVATE_MEMBERS, verifying_key_from_jwk
from keyturn.jose.key import VerifyingKey

OPAQUE_PREFIXES: Final = ("sb_publishable_", "sb_secret_")
_SPELLED: Final = ("k", "x", "y", "d", "n", "e")
COORDINATE_BYTES: Final = {"P-256": 32, "P-384": 48, "P-521": 66}
_EXACT: Final = 2**53
SURPLUS_LIMIT: Final = 4
"""How many stray closing braces are tried; each level of a mis-read ``${A:-{…}}`` leaves one."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """A compact JWS that could be taken apart; nobody has verified it."""

    header: Mapping[str, object] = field(repr=False)
    claims: Mapping[str, object] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str | None:
        """Return the header's ``alg``."""
        return _text(self.header.get("alg"))

    @property
    def kid(self) -> str | None:
        """Return the header's ``kid``."""
        return _text(self.header.get("kid"))

    @property
    def role(self) -> str | None:
        """Return the claim ``role``."""
        return _text(self.claims.get("role"))

    @property
    def expires(self) -> int | None:
        """Return the claim ``exp`` in Unix seconds, None when it is missing or no number."""
        value = self.claims.get("exp")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if abs(value) < _EXACT else None

    def signed_with(self, secret: bytes) -> bool:
        """Whether this is an HS256 token that ``secret`` signed."""
        if self.alg != "HS256":
            return False
        return hmac.compare_digest(
            hmac.digest(secret, self.signing_input, "sha256"), self.signature
        )

    def verified_by(self, key: VerifyingKey | None) -> bool:
        """Whether ``key`` signed this token under its own algorithm."""
        return (
            key is not None
            and key.alg == self.alg
            and key.verify(self.signing_input, self.signature)
        )


def read_jwt(text: str | None) -> Jwt | None:
    """Return the parts of a compact JWS, None when ``text`` is not one."""
    parts = (text or "").strip().split(".")
    if len(parts) != 3:
        return None
    header, claims = _json_part(parts[0]), _json_part(parts[1])
    signature = loose_base64(parts[2])
    if header is None or claims is None or signature is None:
        return None
    return Jwt(header, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def is_opaque(text: str | None) -> bool:
    """Whether ``text`` is an API key of the form ``sb_publishable_…`` or ``sb_secret_…``."""
    return (text or "").startswith(OPAQUE_PREFIXES)


class Shape(StrEnum):
    """What kind of text stands where keys are expected."""

    EMPTY = "empty"
    TEXT = "plain text"
    MALFORMED = "not JSON"
    SET = "a key set"
    ARRAY = "an array"
    KEY = "a single key"
    OBJECT = "an object without keys"


@dataclass(frozen=True, slots=True)
class Jwk:
    """One key as it is written down."""

    members: Mapping[str, object] = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return the member ``name`` when it is text."""
        return _text(self.members.get(name))

    @property
    def kid(self) -> str | None:
        """Return ``kid``; an empty one counts as none."""
        return self.text("kid") or None

    @property
    def is_symmetric(self) -> bool:
        """Whether it is an ``oct`` key."""
        return self.members.get("kty") == "oct"

    @property
    def is_asymmetric(self) -> bool:
        """Whether it is an EC, RSA or OKP key."""
        return self.members.get("kty") in ("EC", "RSA", "OKP")

    @property
    def is_private(self) -> bool:
        """Whether it carries the private half of a key pair."""
        return self.is_asymmetric and not PRIVATE_MEMBERS.isdisjoint(self.members)

    @property
    def signs(self) -> bool:
        """Whether GoTrue takes it as the signing key."""
        operations = self.members.get("key_ops")
        return isinstance(operations, list) and "sign" in operations

    @property
    def secret(self) -> bytes | None:
        """Return what ``k`` decodes to, None when it is no base64 of any kind."""
        return loose_base64(self.text("k")) if self.is_symmetric else None

    @property
    def public(self) -> VerifyingKey | None:
        """Return the public half as Keyturn's strict reader takes it, None when it refuses."""
        kept = {k: v for k, v in self.members.items() if k not in PRIVATE_MEMBERS | {"key_ops"}}
        try:
            return verifying_key_from_jwk(kept) if self.is_asymmetric else None
        except (JoseError, ValueError):
            return None

    @property
    def misspelt(self) -> tuple[str, ...]:
        """Return the members that are not base64url without padding."""
        return tuple(
            name
            for name in _SPELLED
            if (value := self.text(name)) is not None and not _is_base64url(value)
        )

    @property
    def wrong_lengths(self) -> tuple[str, ...]:
        """Return the EC members whose length is not the curve's (RFC 7518 §6.2.1)."""
        expected = COORDINATE_BYTES.get(self.text("crv") or "")
        if self.members.get("kty") != "EC" or expected is None:
            return ()
        decoded = {name: loose_base64(self.text(name)) for name in ("x", "y", "d")}
        return tuple(n for n, raw in decoded.items() if raw is not None and len(raw) != expected)

    @property
    def label(self) -> str:
        """Return how to speak of this key: its ``kid``, or its kind."""
        kind = self.text("kty") or "key"
        return f'"{self.kid}"' if self.kid else f"the {kind} key without kid"


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """The text of a setting that should hold keys."""

    shape: Shape
    keys: tuple[Jwk, ...] = ()
    surplus: int = 0
    """How many closing braces stand behind the end of the JSON; then ``shape`` is MALFORMED."""
    top: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The members beside ``keys``, such as Storage's ``urlSigningKey``."""

    @property
    def asymmetric(self) -> tuple[Jwk, ...]:
        """Return the EC, RSA and OKP keys."""
        return tuple(key for key in self.keys if key.is_asymmetric)

    @property
    def symmetric(self) -> tuple[Jwk, ...]:
        """Return the ``oct`` keys."""
        return tuple(key for key in self.keys if key.is_symmetric)

    @property
    def kids(self) -> frozenset[str]:
        """Return the names of the asymmetric keys."""
        return frozenset(key.kid for key in self.asymmetric if key.kid)

    @property
    def signing(self) -> Jwk | None:
        """Return the one key that Auth signs with, None when there is not exactly one."""
        signers = [key for key in self.keys if key.signs]
        return signers[0] if len(signers) == 1 else None

    def accepts(self, secret: bytes) -> bool:
        """Whether one of the ``oct`` keys is ``secret``."""
        return any(key.secret == secret for key in self.symmetric)


def read_keys(text: str | None) -> KeyDocument:
    """Return what ``text`` holds, whatever it is."""
    stripped = (text or "").strip()
    if not stripped:
        return KeyDocument(Shape.EMPTY)
    value = _loads(stripped)
    if value is not None:
        return _document(value)
    if stripped[0] not in "[{":
        return KeyDocument(Shape.TEXT)
    for surplus in range(1, SURPLUS_LIMIT + 1):
        if not stripped.endswith("}" * surplus):
            break
        inner = _loads(stripped[:-surplus].rstrip())
        if inner is not None:
            return KeyDocument(Shape.MALFORMED, _document(inner).keys, surplus)
    return KeyDocument(Shape.MALFORMED)


def loose_base64(text: str | None) -> bytes | None:
    """Decode base64 of either alphabet, padded or not; None when it is neither."""
    if text is None:
        return None
    plain = text.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None


def oct_thumbprint(key: Jwk) -> str | None:
    """Return the RFC 7638 thumbprint of an ``oct`` key: only to recognise that somebody used it."""
    spelt = key.text("k")
    if not key.is_symmetric or spelt is None:
        return None
    canonical = json.dumps({"k": spelt, "kty": "oct"}, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _document(value: object) -> KeyDocument:
    if isinstance(value, list):
        return KeyDocument(Shape.ARRAY, _keys(value))
    if not isinstance(value, dict):
        return KeyDocument(Shape.TEXT)
    inner = value.get("keys")
    if isinstance(inner, list):
        top = {name: member for name, member in value.items() if name != "keys"}
        return KeyDocument(Shape.SET, _keys(inner), top=top)
    return KeyDocument(Shape.KEY, (Jwk(value),)) if "kty" in value else KeyDocument(Shape.OBJECT)


def _keys(values: list[object]) -> tuple[Jwk, ...]:
    return tuple(Jwk(value) for value in values if isinstance(value, dict))


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_part(segment: str) -> Mapping[str, object] | None:
    raw = loose_base64(segment)
    value = _loads(raw.decode("utf-8", "replace")) if raw is not None else None
    return value if isinstance(value, dict) else None


def _is_base64url(text: str) -> bool:
    try:
        base64url.decode(text.encode())
    except ValueError:
        return False
    return True


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

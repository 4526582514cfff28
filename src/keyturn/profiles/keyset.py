"""How each service reads the text of its key setting: one value, five readers, five ways to fail.

PostgREST never fails: what is no JWKS becomes an HMAC secret. Storage and Realtime stop, Functions
silently forget it, Auth wants an array where the others want an object (services.md §0.4, §3–§7).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from keyturn.errors import KeyturnError
from keyturn.jose import base64url, ec_p256
from keyturn.jose.errors import InvalidKey
from keyturn.profiles.key import CURVE_ALGORITHMS, MATERIAL_MEMBERS, Key, read, secret_key, words
from keyturn.profiles.token import json_value


class Form(StrEnum):
    """What the reader took the text for."""

    ABSENT = "absent"
    """Not set, or set to what counts as not set."""
    SET = "set"
    """A JWKS, or Auth's array."""
    SINGLE = "single key"
    """One JWK (PostgREST)."""
    SECRET = "secret"  # noqa: S105 - a kind of key, not a value
    """The text itself is an HMAC secret (PostgREST)."""
    USELESS = "useless"
    """Readable, and no key of it is ever used."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that a service has after reading its setting."""

    form: Form
    keys: tuple[Key, ...] = ()
    problem: str | None = None
    """Why the text is not the JWKS that it looks like; a sentence without any part of it."""

    def __str__(self) -> str:
        """Return the words of a report."""
        return words(self.keys)


class Broken(KeyturnError):
    """The service does not start with this value."""

    code = "broken_key_setting"

    def __init__(self, logged: str, cause: str) -> None:
        """``logged`` is what the service writes; ``cause`` a sentence for people."""
        super().__init__(cause)
        self.logged = logged

    @property
    def sentence(self) -> str:
        """Return the cause as a sentence."""
        return f"{self.message[0].upper()}{self.message[1:]}."


ABSENT = KeySet(Form.ABSENT)
JOSE_JWT_ALGORITHMS = frozenset({"EdDSA"}) | {
    f"{family}{bits}" for family in ("HS", "RS", "ES") for bits in (256, 384, 512)
}
"""The signature algorithms that jose-jwt, PostgREST's library, can name."""
_UNMARSHAL = "json: cannot unmarshal {} into Go value of type []json.RawMessage"
_GO_KINDS: Mapping[type, str] = {
    dict: "object", str: "string", bool: "bool", int: "number", float: "number",
}  # fmt: skip


# ── Auth: GOTRUE_JWT_KEYS, an array of private JWKs ─────────────────────────────────────────────


def gotrue(text: str | None) -> KeySet:
    """Read ``GOTRUE_JWT_KEYS``; raises :class:`Broken`. ``[]`` counts as not set.

    Keys are kept by kid, so a later key with the same kid, or without any, replaces the earlier.
    """
    if text is None:
        return ABSENT
    value = _gotrue_array(text)
    by_kid: dict[str, Key] = {}
    for position, member in enumerate(value):
        key = _gotrue_key(member, position)
        by_kid[key.kid or ""] = key
    return KeySet(Form.SET, tuple(by_kid.values())) if by_kid else ABSENT


def _gotrue_array(text: str) -> list[object]:
    if not text.strip():
        raise Broken("unexpected end of JSON input", "it is set to nothing; leave it out instead")
    try:
        value = json_value(text)
    except ValueError as broken:
        if text.lstrip().startswith("-----BEGIN"):
            raise Broken(
                "invalid character '-' in numeric literal",
                "it holds a PEM, and Auth reads only a JSON array of private JWKs",
            ) from None
        raise Broken("invalid character in JSON", f"it is {broken}") from None
    if value is None:
        return []
    if not isinstance(value, list):
        kind = _GO_KINDS.get(type(value), "value")
        raise Broken(
            _UNMARSHAL.format(kind),
            f"it is a JSON {kind}, and Auth wants an array of private JWKs: "
            'give it the list inside "keys", with the private members',
        )
    return value


def _gotrue_key(member: object, position: int) -> Key:
    where = f"element {position + 1} of the array"
    if not isinstance(member, Mapping):
        raise Broken("failed to unmarshal JSON into key hint", f"{where} is no JWK object")
    key = read(member)
    if key.kty not in MATERIAL_MEMBERS:
        hint = " (Auth does not read alg, key_id and a PEM)" if "private_key" in member else ""
        raise Broken(
            f"invalid key type from JSON ({'' if not key.kty else 'unknown'})",
            f'{where} has no "kty" that Auth knows{hint}',
        )
    if key.problem is not None and not _known_curve(key):
        raise Broken("failed to unmarshal JWK", f"{where}: {key.problem}")
    return key


def _known_curve(key: Key) -> bool:
    """Whether the members may be right although Keyturn cannot read them."""
    return key.kty == "RSA" or (key.kty == "EC" and key.crv not in CURVE_ALGORITHMS)


# ── PostgREST: PGRST_JWT_SECRET, a JWKS, a JWK or anything ──────────────────────────────────────


def postgrest(text: str | None) -> KeySet:
    """Read ``PGRST_JWT_SECRET``; it never fails: what is no JWKS or JWK is the secret itself.

    jose-jwt ignores keys of a type that it does not know, but one bad member of a known type makes
    the whole set unreadable, and then the JSON text is the secret.
    """
    if not text:
        return ABSENT
    try:
        value = json_value(text)
    except ValueError as broken:
        return _secret_text(text, str(broken) if _looks_like_json(text) else None)
    if not isinstance(value, Mapping):
        return _secret_text(text, "a JSON array" if isinstance(value, list) else None)
    members = value.get("keys", value if "kty" in value else None)
    try:
        if isinstance(members, list):
            keys = [_jose_jwt(member) for member in members]
            return KeySet(Form.SET, tuple(key for key in keys if key is not None))
        single = _jose_jwt(members)
    except InvalidKey as refused:
        return _secret_text(text, refused.message)
    return _secret_text(text, "of an unknown type") if single is None else _single(single)


def postgrest_base64(text: str) -> KeySet | None:
    """Read ``PGRST_JWT_SECRET`` with ``PGRST_JWT_SECRET_IS_BASE64``; None when it is no base64.

    PostgREST takes the URL alphabet too, and ``.`` for padding (``Config.hs``, decodeSecret).
    """
    standard = text.translate(str.maketrans("_-.", "/+="))
    try:
        decoded = b64decode(standard, validate=True)
    except ValueError:
        return None
    try:
        return postgrest(decoded.decode())
    except UnicodeDecodeError:
        return KeySet(Form.SECRET, (secret_key(decoded),))


def _single(key: Key) -> KeySet:
    return KeySet(Form.SINGLE, (key,))


def _secret_text(text: str, problem: str | None) -> KeySet:
    return KeySet(Form.SECRET, (secret_key(text),), problem)


def _looks_like_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[", '"', "'")


def _jose_jwt(member: object) -> Key | None:
    """Return the key, None for a type or algorithm that jose-jwt does not know."""
    if not isinstance(member, Mapping):
        raise InvalidKey("a member of the key set is no object")
    key = read(member)
    if key.kty not in MATERIAL_MEMBERS or (key.alg or "EdDSA") not in JOSE_JWT_ALGORITHMS:
        return None
    if member.get("use", "sig") not in ("sig", "enc"):
        raise InvalidKey('a key has a "use" other than sig or enc')
    if not isinstance(member.get("kid", ""), str):
        raise InvalidKey('a key has a "kid" that is no text')
    for name in MATERIAL_MEMBERS[key.kty]:
        _strict_member(member, name)
    if key.kty == "EC" and key.crv == "P-256":
        ec_p256.public_from_jwk(member)
    return key


def _strict_member(member: Mapping[str, object], name: str) -> None:
    value = member.get(name)
    try:
        if not isinstance(value, str) or not value:
            raise ValueError
        base64url.decode(value.encode("ascii"))
    except ValueError:
        raise InvalidKey(f'a key has a "{name}" that is not unpadded base64url') from None


# ── Realtime: API_JWT_JWKS, an object ───────────────────────────────────────────────────────────


def realtime(text: str | None) -> KeySet:
    """Read ``API_JWT_JWKS`` as the seeds do; raises :class:`Broken`. ``null`` counts as not set."""
    if text is None:
        return ABSENT
    try:
        value = json_value(text)
    except ValueError as broken:
        what = "empty" if not text.strip() else str(broken)
        raise Broken(
            "** (Jason.DecodeError)", f"it is {what}, and Realtime decodes it at each start"
        ) from None
    if value is None:
        return ABSENT
    if not isinstance(value, Mapping):
        raise Broken(
            "jwt_jwks: is invalid, type: :map",
            'it is not a JSON object {"keys": […]}, and the tenant row cannot hold it',
        )
    members = value.get("keys")
    if not isinstance(members, list):
        return KeySet(Form.USELESS, problem='it has no list "keys", so no key of it is ever used')
    return KeySet(Form.SET, _readable(members))


def _readable(members: list[object]) -> tuple[Key, ...]:
    return tuple(read(member) for member in members if isinstance(member, Mapping))


# ── Storage: JWT_JWKS, an object ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StorageKeys:
    """Storage's keys, and the one with which it signs URLs when it is not the secret."""

    keys: KeySet
    url_signing: Key | None = None
    finds_by_kid: bool = True
    """False: it is an array or has no list; looking for a kid in it is a TypeError."""


def storage(text: str | None) -> StorageKeys:
    """Read ``JWT_JWKS``; raises :class:`Broken`. An empty text counts as not set."""
    if not text:
        return StorageKeys(ABSENT)
    try:
        value = json_value(text)
    except ValueError as broken:
        raise Broken("Unable to parse JWT_JWKS value to JSON", f"it is {broken}") from None
    if isinstance(value, list):
        problem = "it is a JSON array; Storage looks for the list inside an object"
        return StorageKeys(KeySet(Form.USELESS, problem=problem), finds_by_kid=False)
    if not isinstance(value, Mapping) or not value.get("keys"):
        return StorageKeys(ABSENT if not value else _without_keys(value), _url_signing(value))
    members = value["keys"]
    if not isinstance(members, list):
        problem = 'its "keys" is no list'
        return StorageKeys(KeySet(Form.USELESS, problem=problem), _url_signing(value), False)
    return StorageKeys(KeySet(Form.SET, _readable(members)), _url_signing(value))


def _without_keys(value: object) -> KeySet:
    if isinstance(value, Mapping) and value.get("keys") == []:
        return KeySet(Form.SET)
    return KeySet(Form.USELESS, problem='it has no list "keys"')


def _url_signing(value: object) -> Key | None:
    member = value.get("urlSigningKey") if isinstance(value, Mapping) else None
    return read(member) if isinstance(member, Mapping) else None


# ── Edge Functions: SUPABASE_JWKS, an object ────────────────────────────────────────────────────


def functions(text: str | None) -> KeySet:
    """Read ``SUPABASE_JWKS`` as the main script does; raises :class:`Broken`.

    What is no object with a list ``keys`` is silently forgotten; a list with something that is no
    object in it stops the script.
    """
    if not text:
        return ABSENT
    try:
        value = json_value(text)
    except ValueError as broken:
        return KeySet(Form.USELESS, problem=f"it is {broken}")
    members = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(members, list):
        what = "a JSON array" if isinstance(value, list) else 'no object with a list "keys"'
        return KeySet(Form.USELESS, problem=f"it is {what}")
    if not all(isinstance(member, Mapping) for member in members):
        raise Broken(
            "JWKSInvalid: JSON Web Key Set malformed", 'its list "keys" has a member that is no JWK'
        )
    return KeySet(Form.SET, _readable(members))

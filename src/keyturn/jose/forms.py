"""Keys in whatever form people hold them: told apart by their content, never guessed.

One JWK, a JWKS, GoTrue's array (``GOTRUE_JWT_KEYS``), the source article's array (``alg``,
``key_id``, ``private_key`` as PEM), PEM of a private or public key, base64 of a PEM. Plain text is
a shared secret only when the caller says HS256, because a damaged PEM must not become one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from keyturn.jose import jwk, pem, pem_blocks
from keyturn.jose.errors import InvalidKey
from keyturn.jose.key import SigningKey, VerifyingKey, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

Form = Literal["jwk", "jwks", "gotrue-jwt-keys", "article-jwt-keys", "pem", "shared-secret"]

MAX_KEYS: Final = 64
_ARTICLE_MEMBERS: Final = {"key_id", "private_key"}

_ReadOne = Callable[[Mapping[str, object], str | None], "HeldKey"]


@dataclass(frozen=True, slots=True)
class HeldKey:
    """One key as it was found."""

    key: SigningKey | VerifyingKey
    signs: bool
    """Whether its owner means it to sign: a private key whose ``key_ops`` do not forbid it."""

    @property
    def verifying(self) -> VerifyingKey:
        """Return the half that verifies."""
        return self.key if isinstance(self.key, VerifyingKey) else self.key.verifying_key()


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """What was read, and which form it had."""

    form: Form
    keys: tuple[HeldKey, ...]


def read(source: Secret, *, alg: str | None = None, kid: str | None = None) -> HeldKeys:
    """Return every key in ``source``; raises :class:`InvalidKey` with the position of a bad one.

    ``alg`` says what a PEM is for, or that plain text is an HS256 secret; ``kid`` names a key that
    has no name of its own and may be given for a single key only.
    """
    text = reveal(source).strip()
    found = _read(text, alg, kid)
    if kid is not None and len(found.keys) != 1:
        raise InvalidKey(f"a kid names one key, and there are {len(found.keys)}")
    return found


def _read(text: bytes, alg: str | None, kid: str | None) -> HeldKeys:
    if text[:1] in (b"{", b"["):
        return _from_json(text, kid)
    if alg == "HS256" and b"-----BEGIN" not in text:
        shared = signing_key_from_secret(Secret(text), kid=kid, allow_short=True)
        return HeldKeys("shared-secret", (HeldKey(shared, signs=True),))
    return HeldKeys("pem", (_from_pem(text, alg, kid),))


def _from_json(text: bytes, kid: str | None) -> HeldKeys:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as broken:
        where = f"line {broken.lineno}, column {broken.colno}"
        raise InvalidKey(f"the text starts like JSON but is not JSON ({where})") from None
    except ValueError:
        raise InvalidKey("the text starts like JSON but is not UTF-8") from None
    if isinstance(parsed, list):
        article = any(isinstance(row, dict) and _ARTICLE_MEMBERS & row.keys() for row in parsed)
        read_one = _from_article if article else _from_jwk
        return HeldKeys(
            "article-jwt-keys" if article else "gotrue-jwt-keys",
            tuple(_at(position, row, read_one, kid) for position, row in enumerate(_few(parsed))),
        )
    if "keys" in parsed:
        rows = parsed["keys"]
        if not isinstance(rows, list):
            raise InvalidKey('the JWKS has no list of keys in "keys"')
        keys = tuple(_at(place, row, _from_jwk, kid) for place, row in enumerate(_few(rows)))
        return HeldKeys("jwks", keys)
    return HeldKeys("jwk", (_from_jwk(parsed, kid),))


def _few(rows: list[object]) -> list[object]:
    if not 1 <= len(rows) <= MAX_KEYS:
        raise InvalidKey(f"there are {len(rows)} keys, expected 1 to {MAX_KEYS}")
    return rows


def _at(position: int, row: object, read_one: _ReadOne, kid: str | None) -> HeldKey:
    """Read one of several; an error says which."""
    if not isinstance(row, dict):
        raise InvalidKey(f"key {position} is not a JSON object")
    try:
        return read_one(row, kid)
    except InvalidKey as bad:
        raise InvalidKey(f"key {position}: {bad.message}", hint=bad.hint) from None


def _from_jwk(row: Mapping[str, object], kid: str | None) -> HeldKey:
    if row.get("kty") != "oct" and not jwk.PRIVATE_MEMBERS & row.keys():
        return HeldKey(jwk.verifying_key_from_jwk(row, kid=kid), signs=False)
    operations = row.get("key_ops")
    signs = not isinstance(operations, list) or "sign" in operations
    return HeldKey(jwk.signing_key_from_jwk(row, kid=kid), signs=signs)


def _from_article(row: Mapping[str, object], kid: str | None) -> HeldKey:
    alg, name, text = row.get("alg"), row.get("key_id"), row.get("private_key")
    if not isinstance(text, str):
        raise InvalidKey('the key has no text "private_key" (a PEM)')
    if not isinstance(alg, str | None) or not isinstance(name, str | None):
        raise InvalidKey('"alg" and "key_id" must be text')
    # Env files cannot hold line ends, so people write them as two characters.
    armoured = pem_blocks.only_key(text.replace("\\n", "\n").encode(), alg)
    return HeldKey(pem.signing_key_from_pem(armoured, alg, kid=kid or name), signs=True)


def _from_pem(text: bytes, alg: str | None, kid: str | None) -> HeldKey:
    text = pem_blocks.only_key(text, alg)
    try:
        return HeldKey(pem.signing_key_from_pem(text, alg, kid=kid), signs=True)
    except InvalidKey as not_private:
        if b"PRIVATE" in text or b"ENCRYPTED" in text:
            raise
        try:
            return HeldKey(pem.verifying_key_from_pem(text, alg, kid=kid), signs=False)
        except InvalidKey as neither:
            raise _clearer(not_private, neither, text) from None


def _clearer(private: InvalidKey, public: InvalidKey, text: bytes) -> InvalidKey:
    if b"PUBLIC" in text:
        return public
    return InvalidKey(private.message, hint=private.hint or "For a shared secret, say HS256.")

"""GoTrue's encrypted columns: AES-256-GCM under a key derived for each row (gotrue.md §5.1).

A value is the JSON ``{"key_id", "alg": "aes-gcm-hkdf", "data", "nonce"}`` (base64). The key is
HKDF-SHA256 of the configured key without salt, with the row's id as ``info``: a value that is
moved to another row does not decrypt.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyturn.errors import UsageError
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_ALGORITHM: Final = "aes-gcm-hkdf"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class BadColumnKey(UsageError):
    """A key for encrypted columns cannot be used."""

    code = "bad_column_key"


class _Sealed(msgspec.Struct):
    key_id: str
    alg: str
    data: bytes
    nonce: bytes


class Columns:
    """Implements :class:`keyturn.flows.ports.columns.ColumnCipher`."""

    def __init__(
        self,
        keys: Mapping[str, Secret],
        sealing: str | None,
        entropy: Callable[[int], bytes],
    ) -> None:
        """``keys`` by id, each base64url of 32 bytes; ``sealing`` is the id that encrypts, if any.

        Raises :class:`BadColumnKey` for a key of another length and an unknown ``sealing``.
        """
        self._keys = {key_id: _key(key_id, text) for key_id, text in keys.items()}
        self._sealing = sealing
        self._entropy = entropy
        if sealing is not None and sealing not in self._keys:
            raise BadColumnKey(f"There is no column key {sealing!r} to encrypt with.")

    @property
    def seals(self) -> bool:
        """Whether values are encrypted when they are written."""
        return self._sealing is not None

    def seal(self, row_id: str, plain: str) -> str:
        """Return ``plain`` encrypted for its row, or as it is when nothing is to be encrypted."""
        if self._sealing is None:
            return plain
        nonce = self._entropy(_NONCE_BYTES)
        data = self._cipher(self._sealing, row_id).encrypt(nonce, plain.encode(), None)
        return msgspec.json.encode(_Sealed(self._sealing, _ALGORITHM, data, nonce)).decode()

    def open(self, row_id: str, stored: str) -> str | None:
        """Return the plain text; None when its key is missing or the row is another."""
        sealed = _parsed(stored)
        if sealed is None:
            return stored
        if sealed.key_id not in self._keys or len(sealed.nonce) != _NONCE_BYTES:
            return None
        try:
            cipher = self._cipher(sealed.key_id, row_id)
            return cipher.decrypt(sealed.nonce, sealed.data, None).decode()
        except (InvalidTag, UnicodeDecodeError):
            return None

    def outdated(self, stored: str) -> bool:
        """Tell whether ``stored`` should be encrypted anew."""
        if self._sealing is None:
            return False
        sealed = _parsed(stored)
        return sealed is None or sealed.key_id != self._sealing

    def _cipher(self, key_id: str, row_id: str) -> AESGCM:
        derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=row_id.encode())
        return AESGCM(derived.derive(self._keys[key_id]))


def _parsed(stored: str) -> _Sealed | None:
    """Return the parts of an encrypted value; None for anything else, which is in the clear."""
    if not stored.startswith("{"):
        return None
    try:
        sealed = msgspec.json.decode(stored, type=_Sealed)
    except msgspec.DecodeError:
        return None
    return sealed if sealed.alg == _ALGORITHM else None


def _key(key_id: str, text: Secret) -> bytes:
    plain = reveal(text).decode().rstrip("=")
    try:
        octets = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != _KEY_BYTES:
        raise BadColumnKey(f"The column key {key_id!r} is not base64url of {_KEY_BYTES} bytes.")
    return octets

"""Private halves at rest: AES-256-GCM envelopes under a list of master keys.

The first master key seals, all of them unseal, so replacing it is a matter of putting a new one
in front. An envelope is ``KT`` · version (1 byte) · master-key id (8) · nonce (12) · ciphertext and
tag (16). Everything before the ciphertext, and the ``kid`` and ``alg`` of the key inside, are
authenticated: an envelope cannot be moved to another row or another algorithm.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyturn.errors import KeyturnError
from keyturn.secret import Secret
from keyturn.secret_access import reveal

MASTER_KEY_BYTES: Final = 32
_MAGIC: Final = b"KT"
_VERSION: Final = b"\x01"
_ID: Final = slice(3, 11)
_NONCE: Final = slice(11, 23)
_HEADER_BYTES: Final = 23
_TAG_BYTES: Final = 16


class SealError(KeyturnError):
    """A sealed private key could not be opened."""

    code = "seal"


class UnknownMasterKey(SealError):
    """The private key was sealed under a master key that is not among those given."""

    code = "unknown_master_key"
    default_hint = (
        "Add the old master key after the new one in KEYTURN_MASTER_KEY; the first seals, all open."
    )


class BrokenSeal(SealError):
    """A sealed private key was altered, or moved from another key's row."""

    code = "broken_seal"


class _MasterKey:
    """One master key: a public id, and a cipher derived for this one purpose."""

    __slots__ = ("cipher", "id")

    def __init__(self, master: Secret) -> None:
        raw = reveal(master)
        if len(raw) != MASTER_KEY_BYTES:
            raise SealError(f"a master key has {MASTER_KEY_BYTES} bytes, not {len(raw)}")
        self.id = _derive(raw, b"keyturn master key id", 8)
        self.cipher = AESGCM(_derive(raw, b"keyturn ring sealing v1", 32))


class Sealer:
    """Seals with the first of ``masters`` (32 bytes each), unseals with any of them."""

    def __init__(self, masters: Sequence[Secret]) -> None:
        if not masters:
            raise SealError("no master key was given")
        keys = [_MasterKey(master) for master in masters]
        self._first = keys[0]
        self._by_id = {key.id: key for key in keys}

    def __repr__(self) -> str:
        return f"Sealer({len(self._by_id)} master keys)"

    def seal(self, plain: Secret, *, kid: str, alg: str) -> bytes:
        """Return the envelope of ``plain`` for the key ``kid``."""
        header = _MAGIC + _VERSION + self._first.id + os.urandom(12)
        sealed = self._first.cipher.encrypt(header[_NONCE], reveal(plain), _bound(header, kid, alg))
        return header + sealed

    def unseal(self, envelope: bytes, *, kid: str, alg: str) -> Secret:
        """Open ``envelope``; raises ``UnknownMasterKey`` or ``BrokenSeal`` naming the ``kid``."""
        header = envelope[:_HEADER_BYTES]
        if len(envelope) < _HEADER_BYTES + _TAG_BYTES or header[:2] != _MAGIC:
            raise BrokenSeal(f"the private half of key {kid} is not a sealed envelope")
        if header[2:3] != _VERSION:
            raise BrokenSeal(
                f"the private half of key {kid} is sealed in version {header[2]}, not in version 1",
                hint="A newer Keyturn wrote it; use that one.",
            )
        master = self._by_id.get(header[_ID])
        if master is None:
            raise UnknownMasterKey(
                f"key {kid} was sealed under master key {header[_ID].hex()}, which is not among "
                f"those given ({', '.join(known.hex() for known in self._by_id)})"
            )
        try:
            plain = master.cipher.decrypt(
                header[_NONCE], envelope[_HEADER_BYTES:], _bound(header, kid, alg)
            )
        except InvalidTag:
            raise BrokenSeal(f"the private half of key {kid} was altered or moved") from None
        return Secret(plain)

    def is_current(self, envelope: bytes) -> bool:
        """True when ``envelope`` was sealed under the first master key."""
        return envelope[_ID] == self._first.id


def _bound(header: bytes, kid: str, alg: str) -> bytes:
    """Return the associated data: lengths are written so that no two pairs read the same."""
    parts = [header, kid.encode(), alg.encode()]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _derive(raw: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(raw)

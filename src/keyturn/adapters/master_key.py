"""Where the master key comes from: text given by the operator, or a 0600 file made on first run.

The text is 32 random bytes in base64 (either alphabet, padded or not) or in hex. Several keys are
separated by commas or line ends: the first seals, all unseal. A passphrase is refused, because a
stolen database could be tried against it offline.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import stat
from pathlib import Path
from typing import Final

from keyturn.adapters.new_file import create_new
from keyturn.adapters.sealing import MASTER_KEY_BYTES
from keyturn.errors import KeyturnError, RefusedUnsafe
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_HEX: Final = re.compile(rb"[0-9a-fA-F]{64}")
_HINT: Final = "Make one with: head -c 32 /dev/urandom | base64"


class BadMasterKey(KeyturnError):
    """A master key must be 32 random bytes, written in base64 or hex."""

    code = "bad_master_key"
    default_hint = _HINT


class MasterKeyMissing(KeyturnError):
    """There is no master key."""

    code = "master_key_missing"


class MasterKeyExposed(RefusedUnsafe):
    """Others may read the master key file."""

    code = "master_key_exposed"


def parse_master_keys(text: Secret, *, source: str) -> tuple[Secret, ...]:
    """Return the keys in ``text``, in order; raises ``BadMasterKey`` naming only ``source``."""
    pieces = [piece.strip() for piece in re.split(rb"[,\r\n]+", reveal(text))]
    keys = tuple(_parse_one(piece, source) for piece in pieces if piece)
    if not keys:
        raise BadMasterKey(f"{source} holds no master key")
    return keys


def _parse_one(piece: bytes, source: str) -> Secret:
    if _HEX.fullmatch(piece):
        return Secret(bytes.fromhex(piece.decode()))
    plain = piece.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        raw = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise BadMasterKey(f"a master key in {source} is neither base64 nor hex") from None
    if len(raw) != MASTER_KEY_BYTES:
        raise BadMasterKey(
            f"a master key in {source} has {len(raw)} bytes; it must have {MASTER_KEY_BYTES}"
        )
    return Secret(raw)


def read_master_key_file(path: Path) -> tuple[Secret, ...]:
    """Return the keys in ``path``.

    Raises ``MasterKeyMissing``, ``MasterKeyExposed`` when its mode lets others read it, or
    ``BadMasterKey``.
    """
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = Secret(stream.read(65536))
    except FileNotFoundError:
        raise MasterKeyMissing(
            f"there is no master key: {path} does not exist",
            hint="Set KEYTURN_MASTER_KEY or KEYTURN_MASTER_KEY_FILE, or name the data folder.",
        ) from None
    except OSError as error:
        raise MasterKeyMissing(f"the master key {path} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise MasterKeyExposed(
            f"{path} has mode {mode:04o}: others may read the master key",
            hint=f"chmod 600 {path}",
        )
    return parse_master_keys(content, source=str(path))


def ensure_master_key_file(path: Path) -> tuple[Secret, ...]:
    """Return the keys in ``path``, making the file with one new key when it does not exist.

    Two processes that start together end with the same key: the file appears complete, by a link
    that fails when somebody was faster.
    """
    if not path.exists():
        _create(path)
    return read_master_key_file(path)


def _create(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        create_new(path, base64.b64encode(os.urandom(MASTER_KEY_BYTES)) + b"\n")

"""How many keys a PEM text holds: readers of PEM take the first block and ignore the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk import thumbprint
from keyturn.jose.key import VerifyingKey
from keyturn.jose.pem import armoured, signing_key_from_pem, verifying_key_from_pem

_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:[A-Z0-9]+ )?(PRIVATE|PUBLIC) KEY|ENCRYPTED PRIVATE KEY)-----.*?"
    rb"-----END \1-----",
    re.DOTALL,
)
_HINT: Final = (
    "Put the one that you mean into a file of its own, from its BEGIN line to its END line."
)


@dataclass(frozen=True, slots=True)
class _Block:
    line: int
    public: bool
    content: bytes


def only_key(text: bytes, alg: str | None) -> bytes:
    """Return the PEM (or base64 of it) of the one key in ``text``.

    A key beside its own public half, or standing there twice, is one key. Raises
    :class:`InvalidKey`, which names each, for more than one; a text with at most one block is
    returned as it is, for the reader of that to judge.
    """
    try:
        whole = armoured(text)
    except InvalidKey:
        return text
    blocks = [
        _Block(whole.count(b"\n", 0, found.start()) + 1, found[2] == b"PUBLIC", found[0])
        for found in _BLOCK.finditer(whole)
    ]
    if len(blocks) < 2:
        return text
    named = [(one, _name(one, alg)) for one in blocks]
    if len({name for _, name in named}) == 1:
        return next((one.content for one, _ in named if not one.public), blocks[0].content)
    listed = " and ".join(
        f"{'a public key' if one.public else 'a private key'}, {name}, at line {one.line}"
        for one, name in named
    )
    raise InvalidKey(f"the PEM text holds {len(blocks)} keys: {listed}", hint=_HINT)


def _name(block: _Block, alg: str | None) -> str:
    """Return ``ES256 THUMBPRINT``, the name that the key gets where none is given."""
    try:
        key: VerifyingKey = (
            verifying_key_from_pem(block.content, alg, kid=None)
            if block.public
            else signing_key_from_pem(block.content, alg, kid=None).verifying_key()
        )
    except InvalidKey as bad:
        raise InvalidKey(
            f"the PEM text holds more than one key, and the one at line {block.line} cannot be "
            f"used: {bad.message}",
            hint=_HINT,
        ) from None
    return f"{key.alg} {thumbprint(key)}"

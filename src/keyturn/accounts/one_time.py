"""One-time codes, their hashes, and the challenges of PKCE (gotrue.md §4.2, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from keyturn.accounts.errors import refuse

PKCE_PREFIX = "pkce_"
ENTROPY = 16
"""Bytes of randomness per code: the remainder's bias is below 2^-90."""
_METHODS = frozenset({"s256", "plain"})
_CHALLENGE = re.compile(r"[a-zA-Z0-9._~-]+")
_SHORTEST_CHALLENGE, _LONGEST_CHALLENGE = 43, 128


@dataclass(frozen=True, slots=True)
class Challenge:
    """The first half of PKCE; ``method`` is ``s256`` or ``plain``."""

    text: str
    method: str


def code_from(entropy: bytes, length: int) -> str:
    """Return ``length`` decimal digits made of :data:`ENTROPY` random bytes."""
    return str(int.from_bytes(entropy, "big") % 10**length).zfill(length)


def token_hash(relates_to: str, code: str) -> str:
    """Return what is stored and linked: hexadecimal SHA-224 of address (or number) and code."""
    return hashlib.sha224((relates_to + code).encode()).hexdigest()


def challenge(text: str, method: str) -> Challenge | None:
    """Return the PKCE challenge of a request, None when it has none.

    Raises ``pkce_incomplete``, ``pkce_length``, ``pkce_characters`` or ``pkce_method``.
    """
    if not text and not method:
        return None
    if not (text and method):
        raise refuse("pkce_incomplete")
    if not _SHORTEST_CHALLENGE <= len(text) <= _LONGEST_CHALLENGE:
        raise refuse("pkce_length")
    if not _CHALLENGE.fullmatch(text):
        raise refuse("pkce_characters")
    if method.lower() not in _METHODS:
        raise refuse("pkce_method")
    return Challenge(text, method.lower())


def challenges_of(verifier: str) -> dict[str, str]:
    """Return the challenge that ``verifier`` answers, by method (RFC 7636 §4.6)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return {"s256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "plain": verifier}

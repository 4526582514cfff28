"""Compact JWS, read strictly (RFC 7515 §3.1, §5.2; RFC 8725 §3).

The order is fixed: size and shape, header, choice of key, signature, and only then the payload.
Nothing of the payload is read before its signature holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from keyturn.jose import base64url, strict_json
from keyturn.jose.errors import (
    AlgNotAllowed,
    BadSignature,
    CriticalHeader,
    Malformed,
    shown,
)
from keyturn.jose.jwks import Choice, KeySet

MAX_HEADER_CHARS = 2048


class Acceptance(Protocol):
    """The part of a policy that is decided before the claims are read."""

    @property
    def algorithms(self) -> frozenset[str]:
        """The names of the algorithms whose keys may have signed (``Algorithm.name``)."""
        ...

    @property
    def max_token_bytes(self) -> int:
        """The longest token that is looked at."""
        ...


class Compact(NamedTuple):
    """A token cut at its dots; the segments are still encoded."""

    header: bytes
    payload: bytes
    signature: bytes
    signing_input: bytes


class Verified(NamedTuple):
    """A header and the payload bytes that its key signed.

    The key set remembers the header: copy it before handing it out.
    """

    header: Mapping[str, object]
    payload: bytes


def split(token: str, max_bytes: int) -> Compact:
    """Cut ``token`` into its three segments; raises :class:`Malformed`."""
    if not isinstance(token, str):
        raise Malformed("the token is not text")
    if len(token) > max_bytes:
        raise Malformed(f"the token is longer than {max_bytes} bytes")
    try:
        raw = token.encode("ascii")
    except UnicodeEncodeError:
        raise Malformed("the token has characters outside ASCII") from None
    segments = raw.split(b".", 3)
    if len(segments) != 3 or not segments[0] or not segments[2]:
        raise Malformed("the token does not have three segments (header, payload, signature)")
    header, payload, signature = segments
    if len(header) > MAX_HEADER_CHARS:
        raise Malformed(f"the token's header is longer than {MAX_HEADER_CHARS} characters")
    return Compact(header, payload, signature, raw[: -1 - len(signature)])


def read_header(segment: bytes) -> dict[str, object]:
    """Return the header object; raises :class:`Malformed` or :class:`CriticalHeader`.

    Embedded and remote keys (``jwk``, ``jku``, ``x5u``, ``x5c``) are never looked at.
    """
    header = read_object(segment, "header")
    demands = [name for name in ("crit", "b64") if name in header]
    if demands:
        raise CriticalHeader(found=" and ".join(demands), expected="neither")
    return header


def read_object(segment: bytes, name: str) -> dict[str, object]:
    """Return the JSON object in ``segment``; raises :class:`Malformed` naming the part."""
    return read_json(read_octets(segment, name), name)


def read_json(raw: bytes, name: str) -> dict[str, object]:
    """Return the JSON object ``raw``; raises :class:`Malformed` naming the part."""
    try:
        return strict_json.loads(raw)
    except ValueError as broken:
        raise Malformed(f"the token's {name} is refused: {broken}") from None


def read_octets(segment: bytes, name: str) -> bytes:
    """Return the bytes of ``segment``; raises :class:`Malformed` naming the part."""
    try:
        return base64url.decode(segment)
    except ValueError:
        raise Malformed(f"the token's {name} is not unpadded base64url") from None


def verify(token: str, keys: KeySet, acceptance: Acceptance) -> Verified:
    """Return header and payload of ``token`` once its signature holds; raises TokenRejected."""
    segment, payload, encoded, signing_input = split(token, acceptance.max_token_bytes)
    known = keys.recall(segment)
    header, key = choice = known or _choose(segment, keys)
    if key.alg not in acceptance.algorithms:
        raise AlgNotAllowed(
            f"tokens signed with {key.alg} are not accepted here",
            expected=" or ".join(sorted(acceptance.algorithms)),
        )
    signature = read_octets(encoded, "signature")
    if not key.material.verify(signing_input, signature):
        raise BadSignature(expected=f"one by the {key.alg} key {_name(key.kid)}")
    if known is None:
        keys.remember(segment, choice)
    return Verified(header, read_octets(payload, "payload"))


def _name(kid: str | None) -> str:
    return "without a name" if kid is None else shown(kid)


def _choose(segment: bytes, keys: KeySet) -> Choice:
    header = read_header(segment)
    return Choice(header, keys.select(header))

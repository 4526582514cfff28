"""Key sets: the choice of exactly one key for a token, before any cryptography (RFC 7517 §5).

A token that names a key reaches that key only; one that names none reaches only the key without
a name of its algorithm. The algorithm is always the key's: the token's has to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from keyturn.jose import strict_json
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import (
    AlgNotAllowed,
    InvalidKey,
    Malformed,
    MissingKid,
    UnknownKid,
    shown,
)
from keyturn.jose.jwk import verifying_key_from_jwk
from keyturn.jose.key import MAX_KID_CHARS, VerifyingKey

MAX_DOCUMENT_BYTES = 262_144
MAX_KEYS = 64
_MAX_REMEMBERED = 64
_SHOWN_KIDS = 4
_KTYS = frozenset(row.kty for row in ALGORITHMS.values())

Header = Mapping[str, object]


class Choice(NamedTuple):
    """A parsed header and the key it selects."""

    header: dict[str, object]
    key: VerifyingKey


class KeySet:
    """An immutable, ordered set of verifying keys.

    It remembers which header segments have led to a *verified* token, so that the next token
    with the same header skips parsing. A new set starts empty, so a removed key is gone at once.
    """

    __slots__ = ("_by_alg", "_by_kid", "_keys", "_remembered", "ignored")

    def __init__(self, keys: Iterable[VerifyingKey] = (), *, ignored: Iterable[str] = ()) -> None:
        """Raises :class:`InvalidKey` when two keys could answer for one token."""
        self._keys = tuple(keys)
        self._by_kid: dict[str, VerifyingKey] = {}
        self._by_alg: dict[str, VerifyingKey] = {}
        self._remembered: dict[bytes, Choice] = {}
        self.ignored = tuple(ignored)
        """Why keys of the parsed document are not in the set, one sentence each."""
        for key in self._keys:
            self._enter(key)

    @classmethod
    def parse(cls, document: bytes | str | Mapping[str, object]) -> KeySet:
        """Read a JWKS of our own, ``oct`` keys included; raises :class:`InvalidKey` when one
        is bad. Keys of unknown ``kty`` are ignored, as RFC 7517 §5 asks.
        """
        keys, ignored = list[VerifyingKey](), list[str]()
        for position, jwk in enumerate(_members(document)):
            if jwk.get("kty") in _KTYS:
                keys.append(_read(jwk, position))
            else:
                ignored.append(f'key {position}: unknown "kty" {shown(jwk.get("kty"))}')
        return cls(keys, ignored=ignored)

    @classmethod
    def parse_published(cls, document: bytes | str | Mapping[str, object]) -> KeySet:
        """Read a JWKS that somebody else publishes: one bad key does not spoil the others.

        Shared secrets and keys with private members are never taken from such a document.
        What was left out is told by ``ignored``.
        """
        keys, ignored = list[VerifyingKey](), list[str]()
        for position, jwk in enumerate(_members(document)):
            try:
                key = _read(jwk, position)
            except InvalidKey as refused:
                ignored.append(refused.message)
                continue
            if key.is_symmetric:
                ignored.append(f"key {position}: a shared secret must not be published")
            else:
                keys.append(key)
        return cls(keys, ignored=ignored)

    def select(self, header: Header) -> VerifyingKey:
        """Return the one key for ``header``; raises a :class:`TokenRejected`."""
        alg = header.get("alg")
        if not isinstance(alg, str):
            raise AlgNotAllowed('the token has no text "alg"')
        key = self._named(header["kid"]) if "kid" in header else self._unnamed(alg)
        if alg not in ALGORITHMS[key.alg].header_names:
            raise AlgNotAllowed(f'the token has "alg" {shown(alg)}; its key is for {key.alg}')
        return key

    def recall(self, segment: bytes) -> Choice | None:
        """Return what ``segment`` led to when it last verified, if it is remembered."""
        return self._remembered.get(segment)

    def remember(self, segment: bytes, choice: Choice) -> None:
        """Note that a token with the header ``segment`` verified; bounded, never evicts."""
        if len(self._remembered) < _MAX_REMEMBERED:
            self._remembered[segment] = choice

    def get(self, kid: str) -> VerifyingKey | None:
        """Return the key called ``kid``, or None."""
        return self._by_kid.get(kid)

    def __iter__(self) -> Iterator[VerifyingKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({', '.join(f'{key.alg} {key.kid}' for key in self._keys)})"

    def _enter(self, key: VerifyingKey) -> None:
        if key.kid is not None:
            if self._by_kid.setdefault(key.kid, key) is not key:
                raise InvalidKey(f'two keys of the set have the "kid" {shown(key.kid)}')
            return
        for name in ALGORITHMS[key.alg].header_names:
            if self._by_alg.setdefault(name, key) is not key:
                raise InvalidKey(f'two {key.alg} keys of the set have no "kid"')

    def _named(self, kid: object) -> VerifyingKey:
        if not isinstance(kid, str) or len(kid) > MAX_KID_CHARS:
            raise Malformed(f'the token\'s "kid" is not text of at most {MAX_KID_CHARS} characters')
        key = self._by_kid.get(kid)
        if key is None:
            known = ", ".join(shown(name) for name in list(self._by_kid)[:_SHOWN_KIDS]) or "no name"
            raise UnknownKid(
                f"the token names the key {shown(kid)}, which is not in the key set",
                expected=f"{known}, …" if len(self._by_kid) > _SHOWN_KIDS else known,
            )
        return key

    def _unnamed(self, alg: str) -> VerifyingKey:
        key = self._by_alg.get(alg)
        if key is None:
            raise MissingKid(found=f'"alg" {shown(alg)} without "kid"', expected='a "kid"')
        return key


def public_jwks(keys: Iterable[VerifyingKey]) -> dict[str, object]:
    """Return ``{"keys": […]}`` for publication: asymmetric keys only, in the order given."""
    return {"keys": [key.public_jwk() for key in keys if not key.is_symmetric]}


def _members(document: bytes | str | Mapping[str, object]) -> list[Mapping[str, object]]:
    parsed = document if isinstance(document, Mapping) else _loaded(document)
    keys = parsed.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) for key in keys):
        raise InvalidKey('the JWKS has no list of objects "keys"')
    if len(keys) > MAX_KEYS:
        raise InvalidKey(f"the JWKS has {len(keys)} keys, expected at most {MAX_KEYS}")
    return keys


def _loaded(document: bytes | str) -> dict[str, object]:
    raw = document.encode() if isinstance(document, str) else document
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise InvalidKey(f"the JWKS has {len(raw)} bytes, expected at most {MAX_DOCUMENT_BYTES}")
    try:
        return strict_json.loads(raw)
    except ValueError as broken:
        raise InvalidKey(f"the JWKS is not readable: {broken}") from None


def _read(jwk: Mapping[str, object], position: int) -> VerifyingKey:
    try:
        return verifying_key_from_jwk(jwk)
    except InvalidKey as refused:
        raise InvalidKey(f"key {position}: {refused.message}", hint=refused.hint) from None

"""A token taken apart without a verdict, for people who ask what is wrong with one.

The verifier stops at the first fault and reads no payload before its signature holds. This reads
as much as can be read and lists every fault of form; nothing here may decide about access.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from keyturn.jose import jws
from keyturn.jose.errors import Malformed
from keyturn.jose.jwt import MAX_TOKEN_BYTES

Part = TypeVar("Part")
SEGMENTS = 3


@dataclass(frozen=True)
class Anatomy:
    """What a text holds when it is read as a compact JWT; a part that cannot be read is None."""

    size: int
    """Characters, which are bytes in a token."""
    header: Mapping[str, object] | None = None
    claims: Mapping[str, object] | None = field(default=None, repr=False)
    signature: bytes | None = field(default=None, repr=False)
    signing_input: bytes = field(default=b"", repr=False)
    problems: tuple[Malformed, ...] = ()
    """Every fault of form, in the order header, payload, signature."""

    @property
    def is_jwt(self) -> bool:
        """Whether there is a header and a payload to show."""
        return self.header is not None and self.claims is not None


def dissect(token: str, *, max_bytes: int = MAX_TOKEN_BYTES) -> Anatomy:
    """Take ``token`` apart, also one that is too long or unsigned; never raises."""
    problems: list[Malformed] = []
    _try(problems, lambda: jws.split(token, max_bytes))
    segments = [segment.encode("ascii", "replace") for segment in token.split(".", SEGMENTS)]
    if len(segments) != SEGMENTS:
        return Anatomy(len(token), problems=tuple(problems))
    header, payload, signature = segments
    return Anatomy(
        size=len(token),
        header=_try(problems, lambda: jws.read_object(header, "header")) if header else None,
        claims=_try(problems, lambda: jws.read_object(payload, "payload")),
        signature=_try(problems, lambda: jws.read_octets(signature, "signature")),
        signing_input=header + b"." + payload,
        problems=tuple(problems),
    )


def _try(problems: list[Malformed], read: Callable[[], Part]) -> Part | None:
    try:
        return read()
    except Malformed as fault:
        problems.append(fault)
        return None

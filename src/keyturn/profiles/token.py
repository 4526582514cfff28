"""A token as lenient services look at it: cut at its dots, each part read as far as it can be.

The strict core decides in one fixed order; the services do not, and their answers depend on which
part they look at first. So here every part is read on its own, and what cannot be read is None.
Nothing is verified, and nothing that a stranger wrote is put into a text unshortened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from keyturn.jose import base64url, strict_json
from keyturn.jose.errors import shown

LONGEST_TOKEN = 65_536
"""No service has a limit of its own; this is more than a gateway lets pass in a header."""


@dataclass(frozen=True, slots=True)
class Token:
    """A text with exactly three parts."""

    header: Mapping[str, object] | None
    claims: Mapping[str, object] | None
    signing_input: bytes = field(repr=False)
    signature: bytes | None = field(repr=False)

    @property
    def alg(self) -> str | None:
        """Return the header's ``alg`` when it is text."""
        value = (self.header or {}).get("alg")
        return value if isinstance(value, str) else None

    @property
    def kid(self) -> str | None:
        """Return the header's ``kid`` when it is text."""
        value = (self.header or {}).get("kid")
        return value if isinstance(value, str) else None

    @property
    def role(self) -> str | None:
        """Return the ``role`` claim when it is text; nobody has verified it."""
        value = (self.claims or {}).get("role")
        return value if isinstance(value, str) else None

    def __str__(self) -> str:
        """Return the words of a report: ``a token (alg "ES256", kid "…")``."""
        kid = "no kid" if self.kid is None else f"kid {shown(self.kid)}"
        return f"a token ({'no alg' if self.alg is None else f'alg {shown(self.alg)}'}, {kid})"


def count_parts(text: str) -> int:
    """Return how many parts the dots make of ``text``."""
    return text.count(".") + 1


def read(text: str) -> Token | None:
    """Return the parts of ``text``, None unless there are three of sensible length."""
    if count_parts(text) != 3 or len(text) > LONGEST_TOKEN or not text.isascii():
        return None
    header, payload, signature = text.encode("ascii").split(b".")
    return Token(
        _object(header), _object(payload), b"%b.%b" % (header, payload), _octets(signature)
    )


def bearer(authorization: str | None) -> str | None:
    """Return the token of ``Bearer <token>``, the scheme in any case; None for anything else."""
    scheme, _, rest = (authorization or "").partition(" ")
    return rest.strip(" ") if scheme.lower() == "bearer" and rest.strip(" ") else None


def plain(value: object) -> str:
    """Return a stranger's name as a service writes it into a message, shortened and printable."""
    return shown(value).strip('"')


def intended_role(credential: str | None) -> str | None:
    """Return the role that an API key or token means to have, whatever anybody makes of it."""
    if not credential:
        return None
    if credential.startswith("sb_secret_"):
        return "service_role"
    if credential.startswith("sb_publishable_"):
        return "anon"
    token = read(credential)
    return None if token is None else token.role


def seconds(claims: Mapping[str, object], name: str) -> float | None:
    """Return the NumericDate claim ``name``; None when absent or no number."""
    value = claims.get(name)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def json_value(text: str) -> object:
    """Return the JSON value in a setting; raises ``ValueError`` with no part of the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as broken:
        raise ValueError(f"not JSON at character {broken.pos + 1}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(segment: bytes) -> Mapping[str, object] | None:
    raw = _octets(segment)
    if raw is None:
        return None
    try:
        return strict_json.loads(raw)
    except ValueError:
        return None


def _octets(segment: bytes) -> bytes | None:
    try:
        return base64url.decode(segment)
    except ValueError:
        return None

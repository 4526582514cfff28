"""What one endpoint accepts. Trust has no default: issuer, audience and algorithms are stated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from keyturn.errors import UsageError
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.jwt import MAX_TOKEN_BYTES

JWT_ONLY = frozenset({"jwt"})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules that a token has to meet beyond its signature.

    ``issuer`` and ``audience`` None mean "not checked" and have to be written down. ``leeway`` is
    in seconds and widens ``exp``, ``nbf`` and ``iat``. ``require`` names claims that must be
    present. ``types`` are the accepted ``typ`` header values in lower case; a token without
    ``typ`` passes (RFC 7519 §5.1), another kind of JWT does not (RFC 8725 §3.11).
    """

    algorithms: frozenset[str]
    issuer: str | None
    audience: str | frozenset[str] | None
    leeway: int = 0
    require: frozenset[str] = frozenset({"exp"})
    check_iat: bool = False
    max_token_bytes: int = MAX_TOKEN_BYTES
    types: frozenset[str] = JWT_ONLY

    def __post_init__(self) -> None:
        unknown = sorted(self.algorithms - ALGORITHMS.keys())
        if unknown or not self.algorithms:
            raise UsageError(
                f"the policy's algorithms are {unknown or 'empty'}, expected some of "
                f"{', '.join(ALGORITHMS)}"
            )
        if self.issuer == "" or self.audience == "" or self.audience == frozenset():
            raise UsageError("an empty issuer or audience would match nothing; give None to skip")
        if self.leeway < 0:
            raise UsageError(f"the leeway is {self.leeway} seconds, expected 0 or more")

    @cached_property
    def audiences(self) -> frozenset[str] | None:
        """The accepted audiences, or None when they are not checked."""
        return frozenset({self.audience}) if isinstance(self.audience, str) else self.audience

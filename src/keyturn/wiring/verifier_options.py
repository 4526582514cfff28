"""What a verifier is asked to trust, read once and refused when it makes no sense.

Nothing here has a default: who may issue, for whom, and with which algorithms is stated by the
caller, and not checking is a word of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final, Literal
from urllib.parse import urlsplit

from keyturn.errors import UsageError
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import VerifyingKey, signing_key_from_secret
from keyturn.jose.known_secrets import where_it_is_known_from
from keyturn.secret import Secret
from keyturn.verify.policy import Policy


class AnyIssuer(Enum):
    """The type of :data:`ANY_ISSUER`."""

    ANY_ISSUER = "tokens of every issuer"


class AnyAudience(Enum):
    """The type of :data:`ANY_AUDIENCE`."""

    ANY_AUDIENCE = "tokens for everybody"


ANY_ISSUER: Final = AnyIssuer.ANY_ISSUER
"""Accept tokens whatever their ``iss`` says. Right only when one issuer has the keys."""
ANY_AUDIENCE: Final = AnyAudience.ANY_AUDIENCE
"""Accept tokens that were issued for somebody else, or for nobody."""

AlgorithmName = Literal["ES256", "RS256", "EdDSA", "HS256"]
SHARED: Final = "HS256"
SUPABASE_PATH: Final = "/auth/v1"
DEFAULT_REQUIRED: Final = frozenset({"exp"})


def policy(
    *,
    issuer: str | AnyIssuer,
    audience: str | Collection[str] | AnyAudience,
    algorithms: Collection[AlgorithmName],
    leeway: int,
    require: Collection[str],
    check_iat: bool,
) -> Policy:
    """Return the rules for tokens; raises ``UsageError`` for what cannot be meant."""
    if isinstance(algorithms, str) or isinstance(require, str):
        raise UsageError(
            "algorithms and require are sets of names, not one text",
            hint='Write algorithms={"ES256"} and require={"exp"}.',
        )
    if not isinstance(issuer, str | AnyIssuer):
        raise UsageError(
            f"the issuer is {issuer!r}, expected text",
            hint="To accept tokens of every issuer, write issuer=ANY_ISSUER.",
        )
    return Policy(
        algorithms=frozenset(algorithms),
        issuer=issuer if isinstance(issuer, str) else None,
        audience=_audience(audience),
        leeway=leeway,
        require=frozenset(require),
        check_iat=check_iat,
    )


def legacy_keys(
    secret: Secret | str | bytes | None,
    algorithms: Collection[str],
    *,
    allow_short: bool,
    allow_known: bool,
) -> tuple[VerifyingKey, ...]:
    """Return the key of a shared JWT_SECRET, or none; raises ``UsageError`` or ``InvalidKey``."""
    if secret is None:
        return ()
    if SHARED not in algorithms:
        raise UsageError(
            "a legacy_secret was given, but HS256 is not among the algorithms",
            hint='Add "HS256" for as long as tokens signed with the secret are accepted.',
        )
    held = secret if isinstance(secret, Secret) else Secret(secret)
    publisher = where_it_is_known_from(held)
    if publisher is not None and not allow_known:
        raise InvalidKey(
            f"the legacy_secret is the example of {publisher}: anybody can sign tokens with it",
            hint="Make a secret of your own; for local development write allow_known_secret=True.",
        )
    return (signing_key_from_secret(held, kid=None, allow_short=allow_short).verifying_key(),)


def refuse_shared_without_secret(
    algorithms: Collection[str], local: Collection[VerifyingKey]
) -> None:
    """Raise ``UsageError`` when HS256 is accepted and no secret can ever come."""
    if SHARED in algorithms and not local:
        raise UsageError(
            "HS256 is among the algorithms, but there is no legacy_secret",
            hint="Shared secrets are never taken from a JWKS endpoint; give it as legacy_secret.",
        )


def supabase_addresses(url: str) -> tuple[str, str]:
    """Return issuer and JWKS address of the Supabase project or Auth server at ``url``.

    ``url`` is the API's address (``https://api.example.com``) or already the issuer's
    (``…/auth/v1``); raises ``UsageError`` when it is neither.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    path = parts.path.rstrip("/")
    if not parts.netloc or parts.query or parts.fragment or path not in {"", SUPABASE_PATH}:
        raise UsageError(
            "the address of the Supabase API is not understood",
            hint="Write it as https://api.example.com, without a path or with /auth/v1.",
        )
    issuer = f"{parts.scheme}://{parts.netloc}{SUPABASE_PATH}"
    return issuer, f"{issuer}/.well-known/jwks.json"


def _audience(audience: str | Collection[str] | AnyAudience) -> str | frozenset[str] | None:
    if isinstance(audience, AnyAudience):
        return None
    if isinstance(audience, str):
        return audience
    if not isinstance(audience, Collection):
        raise UsageError(
            f"the audience is {audience!r}, expected text or a set of texts",
            hint="To accept tokens for everybody, write audience=ANY_AUDIENCE.",
        )
    return frozenset(audience)

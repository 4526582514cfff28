"""Legacy API keys: long-lived HS256 JWTs with a role and nothing else.

The claims are those of Supabase's generate-keys.sh: ``role``, ``iss: "supabase"``, ``iat``,
``exp``; without ``kid``, because the services find the legacy secret by its absence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from keyturn.apikeys.opaque import Minted, digest, prefix
from keyturn.clock import unix
from keyturn.errors import UsageError
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey
from keyturn.secret import Secret

LegacyRole = Literal["anon", "service_role"]
LIFE_SECONDS: Final = 10 * 365 * 24 * 3600


class NotALegacyKey(UsageError):
    """Legacy API keys are signed with the imported JWT_SECRET; another key cannot make them."""

    code = "not_a_legacy_key"


def mint(role: LegacyRole, key: SigningKey, now: datetime) -> Minted:
    """Sign the legacy API key of ``role``, valid for ten years from ``now``."""
    if key.alg != "HS256" or key.kid is not None:
        raise NotALegacyKey
    issued = unix(now)
    claims = {"role": role, "iss": "supabase", "iat": issued, "exp": issued + LIFE_SECONDS}
    text = encode(claims, key)
    return Minted(Secret(text), digest(text), prefix(text))

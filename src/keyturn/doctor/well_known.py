"""Values that everybody knows because they stand in public files; kept as SHA-256 only.

From ``docker/.env.example`` of supabase/supabase (2023 to 2026) and from the defaults of
Supabase's CLI.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

DEMO_EXPIRY: Final = 1_799_535_600
"""``exp`` of the demo ANON_KEY and SERVICE_ROLE_KEY: 2027-01-09T23:00:00Z."""
DEMO_ISSUER: Final = "supabase-demo"

_SECRETS: Final = frozenset(
    {
        "1453cea2dc3799e9026e42b3e465e455256d5a149582e4c5b92d4c8d604731a2",
        "a064b502e61d27e94b8717290e5e1b32e36720e9fbdf952ec81a84c07128cb37",
    }
)
"""JWT_SECRET of ``.env.example``, and of the CLI's local stack."""

_OPAQUE: Final = frozenset(
    {
        "9705102db0d5f99ee08daa19a73e510d9877a2a9add9369da247cbbe6c2a0140",
        "c85debb55f2f204d868cc1552c42faa143b4c675f61363ab040dd50b5b5304cd",
    }
)
"""The CLI's fixed publishable and secret key."""

PASSWORDS: Final[Mapping[str, frozenset[str]]] = {
    "POSTGRES_PASSWORD": frozenset(
        {"53d3eb3d9500cdcdbbe39c030eb2959438bcc459d5de9380db2a3c85b5de5360"}
    ),
    "DASHBOARD_PASSWORD": frozenset(
        {"80d1c192cf2210c5282179cc9989f4be2e9b24605daabe1bc7da10fd9ed842ed"}
    ),
    "SECRET_KEY_BASE": frozenset(
        {"52f004438faf780274c9c95f79d1cf39d2355fbcf035899fc0242b1437f30df3"}
    ),
    "VAULT_ENC_KEY": frozenset(
        {
            "0a53c0992edae8ceb04c7a32ee47b49ad0b229c17b073e8c24683111c843d45e",
            "627507f04b33fb434001b83fa1d73b39c7d9a88f2b9a3aec652527a7f0ea571a",
        }
    ),
    "PG_META_CRYPTO_KEY": frozenset(
        {"627507f04b33fb434001b83fa1d73b39c7d9a88f2b9a3aec652527a7f0ea571a"}
    ),
    "LOGFLARE_PUBLIC_ACCESS_TOKEN": frozenset(
        {"4feb5df17e31da658971467f079e9dfa946712c0281386fe631830bdfa1e7332"}
    ),
    "LOGFLARE_PRIVATE_ACCESS_TOKEN": frozenset(
        {"272b1f97285638be545049c9d56ed0c07b252faf0d47867068482d2b2374a2a9"}
    ),
    "LOGFLARE_API_KEY": frozenset(
        {"a51986d52a4109b0a31bd6cf76780b978e415c37e02fe9e4a7a67963028cbd3f"}
    ),
    "S3_PROTOCOL_ACCESS_KEY_SECRET": frozenset(
        {"7f59edafa4d502ca0156b8fddf28394634d77b1843838b5783a7c9c95fcbd32f"}
    ),
    "MINIO_ROOT_PASSWORD": frozenset(
        {"390d4757bf1b75e305984c99cdedfb1e7c201a2d143a53cfbc35075fa5f9a56f"}
    ),
}
"""Variable or setting → the values of it that are public."""


def is_known_secret(value: str) -> bool:
    """Whether ``value`` is a JWT_SECRET that stands in a public file."""
    return _digest(value) in _SECRETS


def is_known_opaque(value: str) -> bool:
    """Whether ``value`` is one of the CLI's fixed ``sb_`` keys."""
    return _digest(value) in _OPAQUE


def is_known_password(name: str, value: str) -> bool:
    """Whether ``value`` is the public default of the variable ``name``."""
    return _digest(value) in PASSWORDS.get(name, frozenset())


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()

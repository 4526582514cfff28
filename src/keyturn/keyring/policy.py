"""The waits of the ring, validated together: a contradiction is refused before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from keyturn.keyring.errors import UnsafePolicy
from keyturn.keyring.summary import KeySummary

GATEWAY_TOKEN_LIFE = 600
"""Seconds that the gateway's internal tokens live; the in-use key signs those as well."""


@dataclass(frozen=True)
class RingPolicy:
    """All values are seconds; the defaults are those that hosted Supabase advises.

    Raises ``UnsafePolicy`` when a key would be removed before its last token expired, or when keys
    would be rotated faster than verifiers learn of them.
    """

    jwks_max_age: int = 600
    """What ``Cache-Control`` promises readers of the JWKS."""
    publish_before_sign: int = 1200
    """How long a key is published before it signs: the edge's cache plus the client's."""
    max_token_life: int = 3600
    """The longest life of an access token, as far as this process knows."""
    leeway: int = 60
    """The clock difference between issuer and verifiers that is tolerated."""
    retention: int | None = None
    """How long a key verifies after it stopped signing; default: token life plus leeway."""
    rotation_interval: int | None = None
    """Time between planned rotations; None when they are made by hand."""

    def __post_init__(self) -> None:
        for name in ("jwks_max_age", "publish_before_sign", "leeway"):
            if getattr(self, name) < 0:
                raise UnsafePolicy(f"{name} is {getattr(self, name)} s; it cannot be negative")
        if self.max_token_life <= 0:
            raise UnsafePolicy(f"max_token_life is {self.max_token_life} s; it must be positive")
        if self.publish_before_sign < self.jwks_max_age:
            raise UnsafePolicy(
                f"a key would sign {self.publish_before_sign} s after its publication, but readers "
                f"may keep the JWKS without it for {self.jwks_max_age} s",
                hint="Lengthen the wait, or shorten KEYTURN_JWKS_MAX_AGE with it.",
            )
        needed = self.max_token_life + self.leeway
        if self.retention is not None and self.retention < needed:
            raise UnsafePolicy(
                f"keys would verify for {self.retention} s after they stopped signing, but a token "
                f"lives {self.max_token_life} s and clocks may differ by {self.leeway} s",
                hint=f"Set the retention to at least {needed} seconds.",
            )
        if (
            self.rotation_interval is not None
            and self.rotation_interval <= self.publish_before_sign
        ):
            raise UnsafePolicy(
                f"keys would rotate every {self.rotation_interval} s, but a key must be published "
                f"for {self.publish_before_sign} s before it signs",
                hint="Rotate less often, or shorten the caches and the wait with them.",
            )

    def may_sign_from(self, key: KeySummary) -> datetime:
        """Return the time from which verifiers know ``key``."""
        return key.published_at + timedelta(seconds=self.publish_before_sign)

    def tokens_until(self, key: KeySummary, stopped: datetime) -> datetime:
        """Return when the last token of ``key`` has expired, if it stops signing at ``stopped``."""
        life = max(self.max_token_life, key.token_life, GATEWAY_TOKEN_LIFE)
        keep = max(life + self.leeway, self.retention or 0)
        return stopped + timedelta(seconds=keep)

"""How many requests an address may send (GoTrue's ``RATE_LIMIT_*``, gotrue.md §6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_BURST: Final = 30
_FIVE_MINUTES: Final = 300
_HOUR: Final = 3600
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: ``count`` requests each ``seconds``, at most ``burst`` at once."""

    count: int
    seconds: int
    burst: int = _BURST

    @property
    def per_second(self) -> float:
        """How fast the bucket fills."""
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Off unless ``header`` or ``sb_forwarded_for`` says where the address stands."""

    header: str | None = None  # RATE_LIMIT_HEADER
    sb_forwarded_for: bool = False  # SECURITY_SB_FORWARDED_FOR_ENABLED
    verify: int = 30  # RATE_LIMIT_VERIFY, each five minutes
    token: int = 150  # RATE_LIMIT_TOKEN_REFRESH, each five minutes
    otp: int = 30  # RATE_LIMIT_OTP, each five minutes
    anonymous: int = 30  # RATE_LIMIT_ANONYMOUS_USERS, each hour
    web3: int = 30  # RATE_LIMIT_WEB3, each five minutes
    passkey: int = 30  # RATE_LIMIT_PASSKEY, each five minutes
    registration: int = 10  # RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER, each five minutes
    factor: int = 15  # MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY, each minute

    @property
    def enabled(self) -> bool:
        """Tell whether anything is limited."""
        return bool(self.header) or self.sb_forwarded_for

    def rate(self, kind: str) -> Rate:
        """Return the bucket of ``kind``, one of the names above."""
        count: int = getattr(self, kind)
        if kind == "anonymous":
            return Rate(count, _HOUR, burst=count)
        return Rate(count, _MINUTE if kind == "factor" else _FIVE_MINUTES)

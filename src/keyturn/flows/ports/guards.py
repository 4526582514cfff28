"""What stands before a request: rate limits that all replicas share, and a captcha."""

from __future__ import annotations

from typing import Protocol

from keyturn.accounts.captcha import CaptchaVerdict
from keyturn.accounts.limits import Rate


class RateLimiter(Protocol):
    """Token buckets, one for each name and key, the same for every worker and replica."""

    async def take(self, bucket: str, key: str, rate: Rate) -> bool:
        """Take one token; False when there is none. One round trip."""
        ...


class LeakedPasswords(Protocol):
    """Knows passwords that have been in leaks."""

    async def known(self, password: str) -> bool:
        """Tell whether ``password`` is one; raises ``Unreachable`` when nobody can say."""
        ...


class CaptchaService(Protocol):
    """The service that made the riddle."""

    async def verify(self, answer: str, ip: str | None) -> CaptchaVerdict:
        """Return whether ``answer`` is right; raises ``Unreachable``."""
        ...

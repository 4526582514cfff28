"""Which captcha is asked for, and what its service said (gotrue.md §6.2)."""

from __future__ import annotations

from dataclasses import dataclass

PROVIDERS = {
    "hcaptcha": "https://hcaptcha.com/siteverify",
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
}
"""Where the answers of each provider's users are checked."""


@dataclass(frozen=True, slots=True)
class CaptchaVerdict:
    """What the service said; ``reasons`` are its error codes."""

    success: bool
    reasons: tuple[str, ...] = ()

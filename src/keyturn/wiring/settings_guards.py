"""Settings of rate limits and the captcha, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

GUARDS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Rate limits": (
        _row(
            "GOTRUE_RATE_LIMIT_HEADER",
            read.text,
            None,
            "limits.header",
            "Request header whose first value is counted, for instance `X-Forwarded-For`. Unset: "
            "nothing is limited. Your proxy must overwrite it, or clients choose their own.",
        ),
        _row(
            "GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED",
            read.boolean,
            "false",
            "limits.sb_forwarded_for",
            "Count by the address in `Sb-Forwarded-For`, before the header above.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_TOKEN_REFRESH",
            read.positive,
            "150",
            "limits.token",
            "Requests to `/token`, of any grant but `web3`, in 5 minutes.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_OTP",
            read.positive,
            "30",
            "limits.otp",
            "Requests to each of `/signup`, `/otp`, `/magiclink`, `/recover`, `/resend` and "
            "`PUT /user` in 5 minutes.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_VERIFY",
            read.positive,
            "30",
            "limits.verify",
            "Requests to `/verify` in 5 minutes.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS",
            read.positive,
            "30",
            "limits.anonymous",
            "Anonymous sign-ups in an hour.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_WEB3",
            read.positive,
            "30",
            "limits.web3",
            "Requests to `/token` with the grant `web3`, which is refused, in 5 minutes.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_PASSKEY",
            read.positive,
            "30",
            "limits.passkey",
            "Requests to each of `/passkeys/authentication/…` in 5 minutes.",
        ),
        _row(
            "GOTRUE_RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER",
            read.positive,
            "10",
            "limits.registration",
            "Requests to `/oauth/clients/register` in 5 minutes.",
        ),
        _row(
            "GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY",
            read.positive,
            "15",
            "limits.factor",
            "Challenges, and verifications, of second factors in a minute.",
        ),
    ),
    "Captcha": (
        _row(
            "GOTRUE_SECURITY_CAPTCHA_ENABLED",
            read.boolean,
            "false",
            "captcha.enabled",
            "Sign-up, sign-in and requests for mail take a solved captcha in "
            "`gotrue_meta_security.captcha_token`; administrators' requests do not.",
        ),
        _row(
            "GOTRUE_SECURITY_CAPTCHA_PROVIDER",
            read.one_of("hcaptcha", "turnstile"),
            "hcaptcha",
            "captcha.provider",
            "Whose captcha it is.",
        ),
        _row(
            "GOTRUE_SECURITY_CAPTCHA_SECRET",
            read.secret,
            None,
            "captcha.secret",
            "The secret that the provider gave you.",
        ),
        _row(
            "GOTRUE_SECURITY_CAPTCHA_TIMEOUT",
            read.timeout,
            "10s",
            "captcha.timeout",
            "How long the provider may take to answer.",
        ),
        _row(
            "KEYTURN_CAPTCHA_URL",
            read.address,
            None,
            "captcha.url",
            "Where answers are checked instead of at the provider: another service with the same "
            "`siteverify` interface.",
        ),
    ),
}

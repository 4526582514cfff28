"""What is asked of a request before anything else: how many came, and whether a person sent it."""

from __future__ import annotations

import ipaddress

from keyturn.accounts.errors import AuthError, refuse
from keyturn.errors import Unreachable
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import AuthPlane

_LONGEST_KEY = 255


def key_of(first: str | None, *, address: bool) -> str | None:
    """Return what a header with these values is limited by: its first value.

    ``address``: only an IP address will do. None: the request is not limited, as in GoTrue.
    """
    text = (first or "").split(",")[0].strip()
    if not address:
        return text[:_LONGEST_KEY] or None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


async def take(plane: AuthPlane, bucket: str, kind: str, key: str) -> None:
    """Count one request of ``key``; raises ``over_request_rate`` (429)."""
    if not await plane.limiter.take(bucket, key, plane.settings.limits.rate(kind)):
        raise refuse("over_request_rate")


async def require_person(
    plane: AuthPlane, token: str | None, authorization: str | None, ip: str | None
) -> None:
    """Raise ``captcha_failed`` (400) unless the captcha was solved; administrators need not.

    Raises ``captcha_unreachable`` (500) when its service does not answer.
    """
    if plane.captcha is None or await _is_admin(plane, authorization):
        return
    answer = (token or "").strip()
    if not answer:
        raise refuse("captcha_failed", _disallowed("no captcha_token found"))
    try:
        verdict = await plane.captcha.verify(answer, ip)
    except Unreachable as problem:
        raise refuse("captcha_unreachable") from problem
    if not verdict.success:
        raise refuse("captcha_failed", _disallowed(", ".join(verdict.reasons)))


async def _is_admin(plane: AuthPlane, authorization: str | None) -> bool:
    if authorization is None:
        return False
    try:
        await authenticate_admin(plane, authorization)
    except AuthError:
        return False
    return True


def _disallowed(why: str) -> str:
    return f"captcha protection: request disallowed ({why})"

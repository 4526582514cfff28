"""Signed URLs as Storage makes them: an HS256 token with ``url`` and ``exp`` (services.md §6d)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime

from keyturn.clock import unix
from keyturn.jose import base64url
from keyturn.profiles import storage
from keyturn.profiles.key import HMAC_ALGORITHMS
from keyturn.profiles.token import read
from keyturn.profiles.verdict import Outcome, Verdict


def sign(config: storage.Config, url: str, life_seconds: int, now: datetime) -> str:
    """Return the token for ``url``, signed with ``urlSigningKey`` or else with the secret."""
    key = storage.url_signer(config)
    header = {"alg": key.alg, **({"kid": key.kid} if key.kid else {}), "typ": "JWT"}
    issued = unix(now)
    claims = {"url": url, "iat": issued, "exp": issued + life_seconds}
    signed = ".".join(_segment(part) for part in (header, claims))
    made = hmac.digest(key.secret or b"", signed.encode(), HMAC_ALGORITHMS[key.alg or "HS256"])
    return f"{signed}.{base64url.encode(made).decode('ascii')}"


def check(config: storage.Config, token: str, url: str, now: datetime) -> Verdict:
    """Return the verdict on a signed URL's token; it has to be for this very ``url``."""
    verdict = storage.judge_signed_url(config, token, now)
    if verdict.outcome is not Outcome.ACCEPTED:
        return verdict
    seen = read(token)
    if seen is not None and (seen.claims or {}).get("url") == url:
        return verdict
    return Verdict(
        Outcome.REFUSED, verdict.steps, None, 400, "InvalidSignature", "The url do not match"
    )


def _segment(part: Mapping[str, object]) -> str:
    return base64url.encode(json.dumps(part, separators=(",", ":")).encode()).decode("ascii")

"""The verdict on a token: signature, kind, claims. The one function that makes verified claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from keyturn.jose import jws
from keyturn.jose.errors import Malformed, shown
from keyturn.jose.jwks import KeySet
from keyturn.verify import claims as rules
from keyturn.verify.policy import Policy


def verify(token: str, keys: KeySet, policy: Policy, *, now: datetime) -> Mapping[str, object]:
    """Return the claims of ``token`` when ``policy`` accepts it at ``now`` (aware).

    Raises :class:`keyturn.jose.errors.TokenRejected` and nothing else, whatever the token is.
    """
    header, payload = jws.verify(token, keys, policy)
    claims = jws.read_json(payload, "payload")
    _check_kind(header, policy)
    rules.check(claims, policy, now.timestamp())
    return claims


def _check_kind(header: Mapping[str, object], policy: Policy) -> None:
    """Refuse other kinds of JWT and nested tokens (RFC 7515 §4.1.9, RFC 7519 §5.2)."""
    if "cty" in header:
        raise Malformed('the token is nested ("cty"); nested tokens are not accepted')
    if "typ" not in header:
        return
    kind = header["typ"]
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in policy.types:
        raise Malformed(f'the token has "typ" {shown(kind)}, which is not accepted here')

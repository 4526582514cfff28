"""Signing a request by OAuth 1.0a with HMAC-SHA1 (RFC 5849 §3), which one provider still asks for.

SHA-1 is the protocol's; HMAC does not need a hash without collisions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True)
class Signing:
    """Who asks: the application and, once there is one, a token; ``now`` is in seconds."""

    consumer: str
    consumer_secret: str = field(repr=False)
    nonce: str
    now: int
    token: str = field(default="", repr=False)
    token_secret: str = field(default="", repr=False)


def authorization(
    signing: Signing, method: str, url: str, further: Mapping[str, str] | None = None
) -> str:
    """Return the ``Authorization`` header of a request without a body.

    ``further`` are the protocol's parameters of this step: ``oauth_callback``, ``oauth_verifier``.
    """
    own = {
        "oauth_consumer_key": signing.consumer,
        "oauth_nonce": signing.nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(signing.now),
        "oauth_version": "1.0",
        **(further or {}),
        **({"oauth_token": signing.token} if signing.token else {}),
    }
    key = f"{_escaped(signing.consumer_secret)}&{_escaped(signing.token_secret)}".encode()
    text = base_string(method, url, own).encode()
    digest = hmac.new(key, text, hashlib.sha1).digest()
    own["oauth_signature"] = base64.b64encode(digest).decode()
    return "OAuth " + ", ".join(f'{name}="{_escaped(text)}"' for name, text in sorted(own.items()))


def base_string(method: str, url: str, own: Mapping[str, str]) -> str:
    """Return what is signed (RFC 5849 §3.4.1): method, address, and all parameters in order."""
    parts = urlsplit(url)
    pairs = [*own.items(), *parse_qsl(parts.query, keep_blank_values=True)]
    sorted_pairs = sorted((_escaped(name), _escaped(text)) for name, text in pairs)
    parameters = "&".join(f"{name}={text}" for name, text in sorted_pairs)
    address = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path or '/'}"
    return "&".join((method.upper(), _escaped(address), _escaped(parameters)))


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")

"""Tokens that every verifier must refuse, made from a genuine one (RFC 8725 §2). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from keyturn.jose import base64url
from keyturn.jose.jwt import encode, peek
from keyturn.jose.keys import signing_key_from_secret
from keyturn.secret import Secret


@dataclass(frozen=True)
class Forgery:
    """A token that must be refused, and what an attacker would have done to make it."""

    name: str
    token: str = field(repr=False)


def forgeries(token: str, jwk: Mapping[str, object] | None) -> list[Forgery]:
    """Return forgeries of ``token``; with the public ``jwk`` also the algorithm confusion.

    Raises :class:`~keyturn.jose.errors.Malformed` when ``token`` is no JWT.
    """
    seen = peek(token)
    header, payload, signature = token.split(".")
    elevated = _segment({**seen.claims, "role": "service_role"})
    unsigned = _segment({**seen.header, "alg": "none"})
    made = [
        Forgery("a changed signature", f"{header}.{payload}.{_flip(signature)}"),
        Forgery("a changed role", f"{header}.{elevated}.{signature}"),
        Forgery('no signature (alg "none")', f"{unsigned}.{payload}."),
    ]
    if jwk is not None:
        # The public key used as an HMAC secret: works wherever the header chooses the algorithm.
        text = Secret(json.dumps(dict(jwk), separators=(",", ":"), sort_keys=True))
        kid = seen.header.get("kid")
        key = signing_key_from_secret(text, kid=kid if isinstance(kid, str) else None)
        made.append(Forgery("HS256 with the public key as secret", encode(seen.claims, key)))
    return made


def _segment(value: Mapping[str, object]) -> str:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode()).decode("ascii")


def _flip(signature: str) -> str:
    """Change the first character: the last one may hold bits that nobody reads."""
    return ("B" if signature[:1] != "B" else "C") + signature[1:]

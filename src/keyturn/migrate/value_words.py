"""A secret value in words: what it is and a fingerprint, never more than six characters of it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Final

from keyturn.deploy.setting import fingerprint
from keyturn.secret import Secret

SHOWN: Final = 6
_ROLES: Final = ("anon", "service_role", "authenticated")
_OPAQUE: Final = {"sb_publishable_": "publishable key", "sb_secret_": "secret key"}


def in_words(value: str) -> str:
    """Return ``value`` in words, for diffs and plans.

    ``empty``; ``[2 keys: a1b2c3… sign, legacy]`` for key documents of any of the known shapes;
    role, algorithm and end of a token; the kind of an opaque API key; otherwise its length. All
    but the empty one carry the fingerprint of DESIGN §7.
    """
    if not value:
        return "empty"
    for words in (_keys(value), _token(value), _opaque(value)):
        if words is not None:
            return f"{words} ({_fingerprint(value)})"
    return f"{len(value)} characters ({_fingerprint(value)})"


def _fingerprint(value: str) -> str:
    return fingerprint(Secret(value.encode("utf-8", "surrogateescape"))) or ""


def _keys(value: str) -> str | None:
    if value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return None
    keys = document.get("keys") if isinstance(document, dict) else document
    if isinstance(document, dict) and keys is None and "kty" in document:
        keys = [document]
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        return None
    noun = "key" if len(keys) == 1 else "keys"
    listed = ", ".join(_key(one) for one in keys)
    return f"[{len(keys)} {noun}: {listed}]" if keys else "[no keys]"


def _key(jwk: dict[str, object]) -> str:
    kid = jwk.get("kid") or jwk.get("key_id")
    name = f"{str(kid)[:SHOWN]}…" if kid else "without kid"
    if jwk.get("kty") == "oct":
        return f"legacy {name}" if kid else "legacy"
    operations = jwk.get("key_ops")
    signs = "private_key" in jwk or (isinstance(operations, list) and "sign" in operations)
    private = "d" in jwk or "private_key" in jwk
    role = "sign" if signs else "verify"
    return f"{name} {role}" + (" only, private" if private and not signs else "")


def _token(value: str) -> str | None:
    parts = value.split(".")
    if len(parts) != 3 or not value.startswith("eyJ"):
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None:
        return None
    role = claims.get("role") if claims.get("role") in _ROLES else "a"
    alg = header.get("alg") if header.get("alg") in ("HS256", "ES256", "RS256", "EdDSA") else "JWT"
    kid = header.get("kid")
    signed = f" by {str(kid)[:SHOWN]}…" if isinstance(kid, str) and kid else ""
    return f"{role} token, {alg}{signed}{_until(claims.get('exp'))}"


def _object(part: str) -> dict[str, object] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _until(exp: object) -> str:
    if not isinstance(exp, int) or not 0 < exp < 2**33:
        return ""
    return f", until {datetime.fromtimestamp(exp, UTC):%Y-%m-%d}"


def _opaque(value: str) -> str | None:
    """Return what an API key is called; its prefix alone is none."""
    found = (
        words for prefix, words in _OPAQUE.items() if value.removeprefix(prefix) not in ("", value)
    )
    return next(found, None)

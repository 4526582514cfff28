"""What a text is when it is not a JWT, and where it belongs instead.

Most 401s on a Supabase deployment are a right credential in the wrong place; each row is one that
people paste. The text itself never appears in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Recognised:
    """A kind of text: a stable name, a sentence, and what to do."""

    name: str
    message: str
    hint: str


@dataclass(frozen=True)
class _Row:
    matches: Callable[[str], object]
    kind: Recognised


def _row(pattern: str, name: str, message: str, hint: str) -> _Row:
    return _Row(re.compile(pattern).match, Recognised(name, message, hint))


# The first row that matches decides, so the particular stands before the general.
_ROWS: Final = (
    _row(
        r"sb_publishable_",
        "publishable_api_key",
        "This is a publishable API key, not a token.",
        'Send it in the header "apikey". In "Authorization: Bearer" services try to read it as a '
        "JWT and answer 401.",
    ),
    _row(
        r"sb_secret_",
        "secret_api_key",
        "This is a secret API key, not a token. It acts as service_role.",
        'Send it in the header "apikey", from a server only. In "Authorization: Bearer" services '
        "try to read it as a JWT and answer 401.",
    ),
    _row(
        r"sbp_",
        "personal_access_token",
        "This is a personal access token of Supabase's management API, not a token of a project.",
        "It works with api.supabase.com and its command line only.",
    ),
    _row(
        r"(?i)(authorization\s*:\s*)?bearer\b",
        "header_line",
        'The text starts with "Bearer": it is a header, not a token.',
        "Leave out everything before the token.",
    ),
    _row(
        r"-----BEGIN ",
        "pem",
        "This is a PEM document: a key or a certificate, not a token.",
        "`keyturn keys import` reads private keys. If others could see this, replace the key.",
    ),
    _row(
        r"\s*\{.*\"access_token\"",
        "token_response",
        "This is an answer of /token, not a token.",
        "The token is its member access_token.",
    ),
    _row(
        r"\s*\{.*\"(keys|kty)\"",
        "jwk",
        "This is a key or a set of keys in JSON, not a token.",
        "Give it to `keyturn token verify --jwks-file`. If it has a member d or k and others could "
        "see it, replace the key.",
    ),
    _row(
        r"\s*[{\[]",
        "json",
        "This is JSON, not a token.",
        "A compact token has three parts with dots between them and starts with eyJ.",
    ),
    _row(
        r"[\"'`].*\.",
        "quoted",
        "The text starts with a quotation mark.",
        "Take the token without its quotation marks; an .env file may have kept them.",
    ),
    _row(
        r"[^.]+(\.[^.]*){4}$",
        "encrypted_token",
        "The text has five parts: an encrypted token (JWE).",
        "Supabase's services use signed tokens (JWS), which have three parts.",
    ),
    _row(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "uuid",
        "This is a UUID, a name of something, not a token.",
        "It may be a user's id, a session's or a key's kid.",
    ),
    _row(
        r"[a-z0-9]{12}$",
        "refresh_token",
        "This looks like a refresh token.",
        "Exchange it at /token?grant_type=refresh_token for an access token; it works once.",
    ),
    _row(
        r"AA[A-Za-z0-9_-]{49,78}$",
        "refresh_token",
        "This looks like a refresh token of the second version.",
        "Exchange it at /token?grant_type=refresh_token for an access token; it works once.",
    ),
    _row(
        r"[^.]*\.[^.]*\.[^.]*$",
        "broken_token",
        "The text has the three parts of a token, but they cannot be read.",
        "Copy it whole and unchanged: base64url has no =, +, / and no spaces.",
    ),
    _row(
        r"eyJ[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?$",
        "cut_token",
        "This is the beginning of a token: a part is missing.",
        "Copy it whole; terminals and logs cut long lines.",
    ),
    _row(
        r"[^.\s]+$",
        "opaque_text",
        "This is one word without dots: a password, a secret or an opaque token, not a JWT.",
        "Do not send a JWT_SECRET as a token: it signs tokens. If others could see it, replace it.",
    ),
)
_NO_KIND: Final = Recognised(
    "unknown",
    "This is not a JWT.",
    "A token has three parts with dots between them and starts with eyJ.",
)


def recognise(text: str) -> Recognised:
    """Return what ``text``, which is not a readable JWT, most likely is."""
    line = text.replace("\n", " ")
    return next((row.kind for row in _ROWS if row.matches(line)), _NO_KIND)

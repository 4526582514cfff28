"""What a text in a database holds: which credentials, and which keys without their secrets."""

from __future__ import annotations

import json
from typing import Final

from keyturn.doctor.credential_kind import carried, in_words
from keyturn.doctor.facts import Dependant
from keyturn.doctor.one_line import one_line
from keyturn.jose.jwk import PRIVATE_MEMBERS

READS_SECRET: Final = "JWT_SECRET, by current_setting('app.settings.jwt_secret')"  # noqa: S105
SIGNS: Final = "tokens that it signs itself, by sign()"
_SECRET_MEMBERS: Final = PRIVATE_MEMBERS | {"k"}


def dependants(kind: str, name: str, text: str) -> list[Dependant]:
    """Return one row for each different credential that ``text`` holds."""
    found = dict.fromkeys(in_words(each, bearer=bearer) for each, bearer in carried(text))
    return [dependant(kind, name, words) for words in found]


def dependant(kind: str, name: str, credential: str) -> Dependant:
    """Return the row; ``name`` is whatever somebody called it."""
    return Dependant(kind, one_line(name), credential)


def public_part(jwks: str | None) -> str | None:
    """Return the JSON of a key set without secret members, None when it is no key set.

    An ``oct`` key stays, without its ``k``: whether there is one matters.
    """
    try:
        value = json.loads(jwks or "null")
    except (ValueError, RecursionError):
        return None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list):
        return None
    kept = [_public_members(key) for key in keys if isinstance(key, dict)]
    return json.dumps({"keys": kept}, separators=(",", ":"))


def _public_members(key: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in key.items() if name not in _SECRET_MEMBERS}

"""Looking at a token, or at what somebody took for one; no key, no network, no verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from keyturn.apikeys.opaque import WrongChecksum, parse
from keyturn.errors import UsageError
from keyturn.verify.inspection import Inspection, inspect
from keyturn.verify.recognition import Recognised

_API_KEYS = frozenset({"publishable_api_key", "secret_api_key"})
_BEARER = "bearer"


async def look(text: str, *, now: datetime) -> Inspection:
    """Inspect ``text``; a line ``Authorization: Bearer …`` is taken for the token in it."""
    inspection = inspect(_without_scheme(text), now=now)
    kind = inspection.recognised
    if kind is None or kind.name not in _API_KEYS:
        return inspection
    return replace(inspection, recognised=_with_checksum(kind, text.strip()))


def _without_scheme(text: str) -> str:
    """Drop what precedes a token in a header, which is what people copy."""
    start, _, rest = text.strip().rpartition(" ")
    words = start.lower().replace(":", " ").split()
    return rest if words in ([_BEARER], ["authorization", _BEARER]) else text.strip()


def _with_checksum(kind: Recognised, text: str) -> Recognised:
    """Add whether the API key is whole: its last characters prove it."""
    try:
        parse(text)
    except WrongChecksum:
        verdict = (
            "Its checksum is not that of a self-hosted project: it was mistyped, cut, or belongs "
            "to a hosted one."
        )
    except UsageError:
        verdict = "It is not whole: a part is missing or was changed."
    else:
        verdict = "Its checksum is right."
    return replace(kind, message=f"{kind.message} {verdict}")

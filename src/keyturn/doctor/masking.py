"""The last look at a report before it leaves: no value of the deployment's secrets may be in it.

Rules, profiles and readers keep values out by themselves; this is the second lock on that door,
for whoever pastes a report into a public issue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting, Variable

MASK: Final = "‹redacted›"
_SHORTEST: Final = 12
"""Shorter values are words (``postgres``) that stand in half of all sentences."""
_SECRET_NAME: Final = re.compile(
    r"SECRET|KEY|TOKEN|PASS|JWKS|CRED|DSN|DATABASE_URL|DB_UR[IL]|PRIVATE|SIGNATURE", re.IGNORECASE
)
_SECRET_MEMBERS: Final = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "private_key"})
_WORD: Final = r"[A-Za-z0-9_-]"
_CREDENTIAL: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"  # tokens
    r"|sb_(?:publishable|secret)_[A-Za-z0-9_-]{6,}"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # user and password of a URL
)


@dataclass(frozen=True)
class Redactor:
    """Takes known values, and whatever looks like a credential, out of texts."""

    values: frozenset[str] = field(repr=False)
    _known: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        longest_first = sorted(self.values, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, longest_first)) or r"(?!)"
        pattern = rf"(?<!{_WORD})(?:{alternatives})(?!{_WORD})"
        object.__setattr__(self, "_known", re.compile(pattern))

    def clean(self, shown: str) -> str:
        """Return ``shown`` with every secret in it masked."""
        return _CREDENTIAL.sub(MASK, self._known.sub(MASK, shown))

    def clean_document(self, document: object) -> object:
        """Return a JSON document with every text in it cleaned, names of members included."""
        if isinstance(document, str):
            return self.clean(document)
        if isinstance(document, Mapping):
            return {self.clean(str(k)): self.clean_document(v) for k, v in document.items()}
        if isinstance(document, list | tuple):
            return [self.clean_document(one) for one in document]
        return document


def redactor(inventory: Inventory | None, more: Iterable[str] = ()) -> Redactor:
    """Return one that knows the secrets of ``inventory`` and those in ``more``."""
    known = {value for value in _values(inventory) if len(value) >= _SHORTEST}
    return Redactor(frozenset(known | {value for value in more if len(value) >= _SHORTEST}))


def _values(inventory: Inventory | None) -> Iterator[str]:
    if inventory is None:
        return
    held: list[Setting | Variable] = list(inventory.variables.values())
    for service in inventory.services.values():
        held.extend(service.settings.values())
        for setting in service.settings.values():
            held.extend(setting.variables)
    seen: set[str] = set()
    for one in held:
        value = text(one) if _SECRET_NAME.search(one.name) else None
        if value and value not in seen:
            seen.add(value)
            yield value
            yield from _members(value)


def _members(value: str) -> Iterator[str]:
    """Yield the private members of keys in JSON: a report must not show the ``k`` of a JWKS."""
    if value.lstrip()[:1] not in ("{", "["):
        return
    try:
        pending = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            for name, member in one.items():
                if name in _SECRET_MEMBERS and isinstance(member, str):
                    yield member
                pending.append(member)
        elif isinstance(one, list):
            pending.extend(one)

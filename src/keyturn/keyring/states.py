"""The life of a signing key as one table; everything else only looks it up.

The states are those that hosted Supabase shows its users. ``None`` as a source means that the key
does not exist yet, as a target that it is gone. ``docs/reference/keys.md`` is rendered from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyturn.keyring.errors import IllegalTransition


class KeyState(StrEnum):
    """Where a key is in its life."""

    STANDBY = "standby"
    IN_USE = "in_use"
    PREVIOUSLY_USED = "previously_used"
    REVOKED = "revoked"


class Verb(StrEnum):
    """What can be done to one key; the audit log uses these words."""

    START = "start"
    GENERATE = "generate"
    IMPORT = "import"
    IMPORT_VERIFYING = "import_verifying"
    PROMOTE = "promote"
    DEMOTE = "demote"
    REVOKE = "revoke"
    DELETE = "delete"


class Wait(StrEnum):
    """A time that must have passed first, unless forced with a reason."""

    PUBLISHED = "publish before sign"
    TOKENS_EXPIRED = "last token expired"


@dataclass(frozen=True)
class Trust:
    """What a state means to the world."""

    state: KeyState
    signs: bool
    verifies: bool
    private_half: bool
    meaning: str


STATES: Final[Mapping[KeyState, Trust]] = {
    row.state: row
    for row in (
        Trust(KeyState.STANDBY, False, True, True, "published, signs nothing yet"),
        Trust(KeyState.IN_USE, True, True, True, "signs every new token; exactly one key"),
        Trust(KeyState.PREVIOUSLY_USED, False, True, False, "verifies the tokens it once signed"),
        Trust(KeyState.REVOKED, False, False, False, "trusted nowhere"),
    )
}


@dataclass(frozen=True)
class Transition:
    """One legal step of one key."""

    verb: Verb
    source: KeyState | None
    target: KeyState | None
    wait: Wait | None
    meaning: str


TRANSITIONS: Final[tuple[Transition, ...]] = (
    Transition(Verb.START, None, KeyState.IN_USE, None, "the first key of an empty ring"),
    Transition(Verb.GENERATE, None, KeyState.STANDBY, None, "a new key, published at once"),
    Transition(Verb.IMPORT, None, KeyState.STANDBY, None, "a private key brought from elsewhere"),
    Transition(
        Verb.IMPORT_VERIFYING,
        None,
        KeyState.PREVIOUSLY_USED,
        None,
        "a key of another issuer or an old secret, to verify only",
    ),
    Transition(
        Verb.PROMOTE,
        KeyState.STANDBY,
        KeyState.IN_USE,
        Wait.PUBLISHED,
        "starts to sign; the key in use is demoted in the same change",
    ),
    Transition(
        Verb.DEMOTE,
        KeyState.IN_USE,
        KeyState.PREVIOUSLY_USED,
        None,
        "stops signing; its private half is destroyed",
    ),
    Transition(
        Verb.REVOKE,
        KeyState.STANDBY,
        KeyState.REVOKED,
        None,
        "given up before it signed anything",
    ),
    Transition(
        Verb.REVOKE,
        KeyState.PREVIOUSLY_USED,
        KeyState.REVOKED,
        Wait.TOKENS_EXPIRED,
        "no longer trusted; tokens that it signed are refused at once",
    ),
    Transition(Verb.DELETE, KeyState.REVOKED, None, None, "forgotten; the audit log keeps it"),
)

_BY_STEP: Final = {(row.verb, row.source): row for row in TRANSITIONS}


def transition(verb: Verb, source: KeyState | None, *, kid: str) -> Transition:
    """Return the row for ``verb`` from ``source``; raises ``IllegalTransition`` without one."""
    row = _BY_STEP.get((verb, source))
    if row is None:
        now = source.value if source else "not in the ring"
        wanted = ", ".join(str(s) for v, s in _BY_STEP if v is verb and s is not None)
        raise IllegalTransition(
            f"cannot {verb.value} key {kid}: it is {now}",
            hint=f"{verb.value} is possible from: {wanted}." if wanted else None,
        )
    return row

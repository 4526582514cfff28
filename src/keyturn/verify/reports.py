"""What a verifier tells its owner: alarms, its health, and that it has no keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from keyturn.errors import Unreachable


class KeysUnavailable(Unreachable):
    """No key set could be had, so no token can be judged."""

    code = "keys_unavailable"
    default_hint = "Answer 503, not 401: nothing is known to be wrong with the token."


class AlarmKind(StrEnum):
    """Why somebody should look."""

    PRIVATE_MEMBERS = "private_members"
    """The set publishes a private key; that key is skipped."""
    OCT_KEY = "oct_key"
    """The set publishes a shared secret (``oct``); it is skipped."""
    DUPLICATE_KID = "duplicate_kid"
    """Different keys have one name; all of them are skipped."""
    UNUSABLE_KEY = "unusable_key"
    """A key is weak, broken, too long or of an unknown kind; it is skipped."""
    EMPTY_SET = "empty_set"
    """The set holds no usable key: every token of this issuer will be rejected."""
    STALE = "stale"
    """The endpoint keeps failing and the keys in use are past their time."""
    LAST_GOOD_FILE = "last_good_file"
    """The file of the last good set could not be read, or not be written."""


@dataclass(frozen=True)
class Alarm:
    """One thing to look at; ``message`` never holds key material."""

    kind: AlarmKind
    message: str
    kid: str | None = None


@dataclass(frozen=True)
class KeyView:
    """A key as its owner may see it."""

    kid: str | None
    alg: str


@dataclass(frozen=True)
class Health:
    """A verifier at one moment; every time is in seconds before or after that moment.

    ``status`` is ``fresh``, ``stale`` (the keys are past their time, the endpoint is not
    answering) or ``unavailable`` (no usable keys: every token raises :class:`KeysUnavailable`).
    """

    status: str
    source: str
    origin: str | None
    generation: int
    keys: tuple[KeyView, ...]
    age: float | None
    stale_in: float | None
    unusable_in: float | None
    last_attempt_ago: float | None
    failures: int
    last_error: str | None
    counters: Mapping[str, int]

    @property
    def ready(self) -> bool:
        """Whether tokens can be judged; what a readiness probe wants to know."""
        return self.status != "unavailable"

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON-ready values."""
        return {**asdict(self), "counters": dict(self.counters), "ready": self.ready}

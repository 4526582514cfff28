"""The last good key set across restarts: whatever is wrong with its file is an alarm, no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from keyturn.adapters.jwks_file import LastGoodFile, LastGoodRefused
from keyturn.clock import Clock
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwks import public_jwks
from keyturn.jose.keys import VerifyingKey
from keyturn.verify import published
from keyturn.verify.jwks_policy import CachePolicy
from keyturn.verify.reports import Alarm, AlarmKind
from keyturn.wiring.verifier_alarms import Alarms


class Remembered(NamedTuple):
    """What a file held: the keys, and how long ago they were confirmed, in seconds."""

    keys: tuple[VerifyingKey, ...]
    etag: str | None
    ttl: float
    age: float


class Memory:
    """Saves and recalls; never raises."""

    def __init__(self, file: LastGoodFile, *, alarms: Alarms, clock: Clock) -> None:
        """``clock`` is the calendar's: the file outlives the process and its steady clock."""
        self._file, self._alarms, self._clock = file, alarms, clock

    def recall(self, policy: CachePolicy) -> Remembered | None:
        """Return what was saved, judged as if it had just been fetched, or None."""
        try:
            saved = self._file.load(unix_now=self._clock().timestamp())
            if saved is None:
                return None
            keys = published.read(saved.jwks, policy).keys
        except (LastGoodRefused, InvalidKey, OSError) as problem:
            self._complain("read", problem)
            return None
        return Remembered(keys, saved.etag, min(saved.ttl, policy.max_ttl), saved.age)

    def save(self, keys: Iterable[VerifyingKey], etag: str | None, ttl: float) -> None:
        """Keep the published ``keys``; shared secrets are not written."""
        try:
            now = self._clock().timestamp()
            self._file.save(public_jwks(keys), etag=etag, ttl=ttl, unix_now=now)
        except OSError as problem:
            self._complain("written", problem)

    def forget(self) -> None:
        """Remove what was saved."""
        try:
            self._file.remove()
        except OSError as problem:
            self._complain("removed", problem)

    def _complain(self, done: str, problem: Exception) -> None:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        message = f"the last good keys cannot be {done}: {why}"
        self._alarms.report(Alarm(AlarmKind.LAST_GOOD_FILE, message))

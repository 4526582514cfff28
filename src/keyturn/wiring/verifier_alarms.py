"""Alarms reach their owner once per cause, and what the owner does with them cannot hurt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from keyturn.verify.reports import Alarm, AlarmKind
from keyturn.wiring.verifier_counters import Counters

logger: Final = logging.getLogger("keyturn.verifier")


class Alarms:
    """Calls ``owner`` for each new alarm, or writes a warning to the log ``keyturn.verifier``."""

    def __init__(
        self, owner: Callable[[Alarm], None] | None, source: str, counters: Counters
    ) -> None:
        """``source`` is named in log lines; every alarm is counted as ``alarm_<kind>``."""
        self._owner, self._source, self._counters = owner, source, counters
        self._stale = False
        self._standing: frozenset[Alarm] = frozenset()

    def stand(self, alarms: Iterable[Alarm]) -> None:
        """Take ``alarms`` as all that is wrong now, and report those that are new."""
        found = dict.fromkeys(alarms)
        fresh = [alarm for alarm in found if alarm not in self._standing]
        self._standing = frozenset(found)
        for alarm in fresh:
            self.report(alarm)

    def stale(self, seconds: float | None, why: str) -> None:
        """Say that the keys have been past their time for ``seconds``; None ends that state."""
        if seconds is not None and not self._stale:
            message = f"the keys are {seconds:.0f} s past their time, and the endpoint fails: {why}"
            self.report(Alarm(AlarmKind.STALE, message))
        self._stale = seconds is not None

    def report(self, alarm: Alarm) -> None:
        """Report one alarm now; exceptions of the owner are logged and go no further."""
        self._counters.add(f"alarm_{alarm.kind}")
        if self._owner is None:
            named = "" if alarm.kid is None else f" (kid {alarm.kid})"
            logger.warning("%s: %s: %s%s", self._source, alarm.kind, alarm.message, named)
            return
        try:
            self._owner(alarm)
        except Exception:
            logger.exception("%s: on_alarm raised an exception", self._source)

"""Several worker processes on one listening socket, replaced at once when one dies.

The parent binds and then only watches: it runs no event loop, opens no connection and serves
nothing, so there is little in it that can fail. It keeps the socket open, so that connections wait
in the kernel's queue while a worker is replaced. Each child holds the reading end of a pipe whose
writing end only the parent has; its end of file means that the parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

Job = Callable[[int], None]
"""Runs in the child; its argument is a descriptor: end of file there means *the parent is gone*."""

# Seconds to wait before the n-th replacement of a child that died young.
_BACKOFF: Final = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_YOUNG: Final = 2.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_KILL_MARGIN: Final = 2.0


@dataclass
class Place:
    """One child that must run, by name."""

    name: str
    job: Job
    pid: int = 0
    started: float = 0.0
    early_deaths: int = 0
    due: float = field(default=0.0)
    """When the next child may start (monotonic)."""


class Prefork:
    """Keeps one child per job alive until SIGTERM or SIGINT."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        *,
        grace: float,
        tell: Callable[[str, str, Mapping[str, object]], None],
        buried: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """``tell(level, message, facts)`` logs; ``buried(pid)`` is called for every dead child."""
        self._places = [Place(name, job) for name, job in jobs.items()]
        self._grace = grace
        self._tell = tell
        self._buried = buried
        self._stops = 0
        self._alive_read, self._alive_write = os.pipe()

    def run(self) -> None:
        """Start all children and watch them; returns after a stop signal, when all have ended."""
        with _wakeup(self._on_signal) as wake:
            while not self._stops:
                self._start_due()
                _sleep(wake, self._until_next())
                self._reap()
            self._stop(wake)

    def _on_signal(self, number: int) -> None:
        if number in _STOP_SIGNALS:
            self._stops += 1

    def _start_due(self) -> None:
        for place in self._places:
            if place.pid == 0 and place.due <= time.monotonic():
                self._start(place)

    def _until_next(self) -> float | None:
        waiting = [place.due - time.monotonic() for place in self._places if place.pid == 0]
        return max(0.0, min(waiting)) if waiting else None

    def _start(self, place: Place) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        place.started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._become(place)
        place.pid = pid
        self._tell("info", "worker started", {"worker": place.name, "pid": pid})

    def _become(self, place: Place) -> NoReturn:
        """Run in the child; it never returns into the parent's code."""
        signal.set_wakeup_fd(-1)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._alive_write)
        _leave_with(lambda: place.job(self._alive_read))

    def _reap(self) -> None:
        for place in self._places:
            status = _ended(place.pid)
            if status is None:
                continue
            pid, place.pid = place.pid, 0
            self._buried(pid)
            if self._stops:
                continue
            self._schedule(place)
            facts = {"worker": place.name, "pid": pid, "status": _how(status)}
            self._tell("error", "worker ended; it will be replaced", facts)

    @staticmethod
    def _schedule(place: Place) -> None:
        now = time.monotonic()
        young = now - place.started < _YOUNG
        place.early_deaths = place.early_deaths + 1 if young else 0
        place.due = now + _BACKOFF[min(place.early_deaths, len(_BACKOFF) - 1)]

    def _stop(self, wake: int) -> None:
        """Ask every child to finish; kill what is left after the grace, or on a second signal."""
        self._tell("info", "stopping", {"grace_seconds": self._grace})
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + self._grace + _KILL_MARGIN
        asked = self._stops
        while any(place.pid for place in self._places):
            left = deadline - time.monotonic()
            if left <= 0 or self._stops > asked:
                self._signal_all(signal.SIGKILL)
            _sleep(wake, max(0.05, left))
            self._reap()
        self._tell("info", "stopped", {})

    def _signal_all(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, number)


def run_once(job: Callable[[], None]) -> int:
    """Run ``job`` in a child of its own and return its exit code (128 + n for signal n).

    The parent thereby stays free of threads, loops and connections, and can be forked safely.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _leave_with(job)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _leave_with(job: Callable[[], None]) -> NoReturn:
    """Run ``job`` and end this process with its exit code, whatever happens."""
    code = 1
    try:
        job()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(pid: int) -> int | None:
    if pid == 0:
        return None
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


@contextlib.contextmanager
def _wakeup(on_signal: Callable[[int], None]) -> Iterator[int]:
    """Yield a descriptor that becomes readable with every signal; restore handlers at the end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    watched: Sequence[signal.Signals] = (*_STOP_SIGNALS, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in watched}
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in watched:
        signal.signal(number, lambda caught, _frame: on_signal(caught))
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _sleep(wake: int, seconds: float | None) -> None:
    ready, _, _ = select.select([wake], [], [], seconds)
    if ready:
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)

"""The longest time that a request may take: one timer for all of them.

``asyncio.timeout`` does the same with a timer for each request, which is a noticeable part of what
a refresh costs. As every request has the same limit, those that began first are due first.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """``with deadline:`` around the awaits of one task; too late, it raises ``TimeoutError``.

    One block per task at a time. Cancellation from elsewhere passes through, as it does with
    ``asyncio.timeout``.
    """

    def __init__(self, seconds: float) -> None:
        """``seconds``: how long a block may take."""
        self._seconds = seconds
        self._due: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        loop = task.get_loop()
        due = self._due[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._expire, loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task = asyncio.current_task()
        if task is None or self._due.pop(task, None) is not None:
            return  # in time
        if task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is due, and come back for the next."""
        self._timer = None
        now = loop.time()
        while self._due:
            task, due = next(iter(self._due.items()))
            if due > now:
                self._timer = loop.call_at(due, self._expire, loop)
                return
            del self._due[task]
            task.cancel()

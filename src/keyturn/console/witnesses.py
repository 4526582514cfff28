"""What the verifiers said when they were last asked, for pages and API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from keyturn.flows.canaries import Testimony
from keyturn.keyring.change import Intent


class Witnesses:
    """Asks, and remembers the newest testimony while this process runs."""

    def __init__(self, ask: Callable[[Intent], Awaitable[Testimony]]) -> None:
        self._ask = ask
        self.last: Testimony | None = None

    async def ask(self, intent: Intent) -> Testimony:
        """Ask all of them now; raises what :func:`keyturn.flows.canaries.ask_verifiers` raises."""
        self.last = await self._ask(intent)
        return self.last

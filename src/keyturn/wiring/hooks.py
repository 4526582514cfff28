"""Builds what calls hooks: web addresses over HTTP, functions over the server's own pool."""

from __future__ import annotations

from typing import Final

from keyturn.accounts.hooks import FunctionHook, HookTarget
from keyturn.adapters.hook_http import SECONDS, HttpHooks
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.postgres.hook_function import FunctionHooks
from keyturn.adapters.postgres.pool import Pool

_LARGEST_READ: Final = 4 << 20


class Hooks:
    """Implements :class:`keyturn.flows.ports.hooks.HookCaller`."""

    def __init__(self, web: HttpHooks, functions: FunctionHooks) -> None:
        self._web = web
        self._functions = functions

    async def call(self, target: HookTarget, payload: bytes) -> bytes | None:
        """Call ``target`` where it lives."""
        if isinstance(target, FunctionHook):
            return await self._functions.call(target, payload)
        return await self._web.call(target, payload)


def open_hooks(pool: Pool) -> Hooks:
    """Return a caller whose functions run on ``pool``."""
    http = StandardHttpClient(timeout=SECONDS, max_bytes=_LARGEST_READ)
    return Hooks(HttpHooks(http), FunctionHooks(pool))

"""A program that calls the admin API with a secret key."""

from __future__ import annotations

from typing import Any

from tests.conftest import Database
from tests.support.console import Browser, Hands, open_console

BASE = "/admin/api/v1/projects/self-hosted"


class Client:
    """A program with a secret key."""

    def __init__(self, hands: Hands, key: str) -> None:
        self.browser = Browser(hands)
        self.headers = {"apikey": key}

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the JSON of the answer."""
        answer = (
            await self.browser.http.request(method, path, json=body, headers=self.headers)
            if body is not None
            else await self.browser.http.request(method, path, headers=self.headers)
        )
        return answer.status_code, answer.json()


async def opened(database: Database) -> tuple[Hands, Client]:
    """Return a console and a client of it."""
    hands = await open_console(database)
    return hands, Client(hands, await hands.secret_key())

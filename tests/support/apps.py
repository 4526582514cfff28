"""Applications as their authors write them: the official Python client, and its users' mail."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import httpx
import pytest
from supabase import AuthApiError, Client, create_client
from supabase.lib.client_options import SyncClientOptions
from tests.support.stack import Stack, select_pause

INBOX = "/admin/api/v1/projects/self-hosted/inbox"
PATIENCE = 15.0  # seconds; mails may leave after the answer


def unique(name: str) -> str:
    """Return an address that no other scenario uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}@example.com"


@dataclass(frozen=True)
class Mail:
    """One mail of the inbox."""

    subject: str
    text: str
    links: list[str]

    @property
    def code(self) -> str:
        """The digits to type in."""
        found = re.search(r"code: (\d{6})", self.text)
        assert found, self.text
        return found[1]

    @property
    def link(self) -> str:
        """The link to follow."""
        return next(link for link in self.links if "token=" in link)

    @property
    def token_hash(self) -> str:
        """What the link carries."""
        return dict(parse_qsl(urlsplit(self.link).query))["token"]


@dataclass(frozen=True)
class Landing:
    """Where a browser ends up: a page of the application with what it is told."""

    url: SplitResult

    @property
    def page(self) -> str:
        """The page without query and fragment."""
        return self.url._replace(query="", fragment="").geturl()

    @property
    def query(self) -> dict[str, str]:
        """What is told behind the ``?``."""
        return dict(parse_qsl(self.url.query))

    @property
    def fragment(self) -> dict[str, str]:
        """What is told behind the ``#``."""
        return dict(parse_qsl(self.url.fragment))


def follow(link: str, status: int = 303) -> Landing:
    """Follow a link of a mail or a provider's callback; it must redirect."""
    answer = httpx.get(link)
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return Landing(urlsplit(answer.headers["location"]))


@dataclass
class Apps:
    """Makes clients of one stack; all are closed at the end."""

    stack: Stack
    _opened: ExitStack = field(default_factory=ExitStack)

    def app(self, key: str = "", *, pkce: bool = False) -> Client:
        """Return a client with the publishable key, or with ``key``."""
        http = self._opened.enter_context(httpx.Client(timeout=20))
        options = SyncClientOptions(
            httpx_client=http,
            auto_refresh_token=False,
            flow_type="pkce" if pkce else "implicit",
        )
        key = key or self.stack.info["publishable_key"]
        return create_client(self.stack.url, key, options=options)

    def admin(self) -> Client:
        """Return a client with the secret key."""
        return self.app(self.stack.info["secret_key"])

    def mail(self, address: str, subject: str, number: int = 1) -> Mail:
        """Return the newest of at least ``number`` mails with this subject to ``address``."""
        key = {"apikey": self.stack.info["secret_key"]}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = httpx.get(self.stack.url + INBOX, params={"to": address}, headers=key)
            every = answer.json()["messages"]
            found = [each for each in every if each["subject"] == subject]
            if len(found) >= number:
                newest: dict[str, Any] = found[0]
                return Mail(newest["subject"], newest["text"], newest["links"])
            subjects = [each["subject"] for each in every]
            assert time.monotonic() < deadline, f"no {subject!r} to {address}, only {subjects}"
            select_pause(0.02)

    def close(self) -> None:
        """Close every client's connections."""
        self._opened.close()


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[AuthApiError]]:
    """The block must end with this refusal of the Auth server, as the client reads it."""
    with pytest.raises(AuthApiError) as found:
        yield found
    assert str(found.value.code) == code, f"{found.value.code}: {found.value.message}"


@contextmanager
def apps_of(stack: Stack) -> Iterator[Apps]:
    """Yield what makes clients of ``stack``."""
    made = Apps(stack)
    try:
        yield made
    finally:
        made.close()

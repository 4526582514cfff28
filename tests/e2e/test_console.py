"""The console of a running stack, through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.support.stack import Stack, keyturn

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]


@contextmanager
def signed_in(stack: Stack) -> Iterator[httpx.Client]:
    """Yield a client that used a fresh link of ``keyturn console-link``."""
    said = keyturn("console-link", "--data-dir", str(stack.data_dir))
    link = next(word for word in said.stdout.split() if "/sign-in?link=" in word)
    token = parse_qs(urlsplit(link).query)["link"][0]
    with httpx.Client(base_url=stack.url, timeout=30, headers={"origin": stack.url}) as client:
        assert client.post("/sign-in", data={"link": token}).status_code == 303
        yield client


def test_live_updates_pass_the_gateway_at_once(stack: Stack) -> None:
    """Envoy holds nothing back: the first part arrives while the stream goes on, and a change."""
    with signed_in(stack) as client, client.stream("GET", "/live/signing-keys") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        parts = answer.iter_text()
        seen = next(parts)
        while "previously_used" not in seen:
            seen += next(parts)
        made = keyturn("keys", "generate", "--reason", "a look", "--data-dir", str(stack.data_dir))
        assert made.returncode == 0, made.stderr
        changed = ""
        while changed.count('<article class="key"') <= seen.count('<article class="key"'):
            changed += next(parts)


def test_what_the_gateway_saw_is_counted(stack: Stack) -> None:
    """A user's token and who fetched the JWKS appear in the census and on the page."""
    key = {"apikey": stack.info["secret_key"]}
    with signed_in(stack) as client:
        for _ in range(3):
            httpx.get(f"{stack.url}/auth/v1/.well-known/jwks.json")
        census = client.get("/admin/api/v1/projects/self-hosted/census", headers=key).json()
        assert census["estimate"] is True
        assert {key["status"] for key in census["keys"]} >= {"in_use", "standby"}
        assert "requests_by_algorithm" in census["last_hour"]
        assert client.get("/users").status_code == 200

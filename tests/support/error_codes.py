"""Which codes a test makes the server refuse with, recorded while it runs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

PRODUCED: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "error_codes.toml").read_text("utf-8")
)
"""File → test → codes, parted by blanks."""


def expected(item: pytest.Function) -> set[str]:
    """Return the codes that ``item`` is named for; one of several only those in its parameters."""
    path, _, _ = item.nodeid.partition("::")
    codes = set(PRODUCED.get(path, {}).get(item.originalname, "").split())
    if hasattr(item, "callspec"):
        return {code for code in codes if code in item.callspec.params.values()}
    return codes


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Collect the codes that clients are told, by a header or in a redirect."""
    seen: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", _sending(httpx.Client.send, seen))
        patch.setattr(httpx.AsyncClient, "send", _awaiting(httpx.AsyncClient.send, seen))
        yield seen


def _sending(original: Callable[..., Any], seen: set[str]) -> Callable[..., Any]:
    def send(*given: Any, **options: Any) -> Any:
        return _told(original(*given, **options), seen)

    return send


def _awaiting(original: Callable[..., Any], seen: set[str]) -> Callable[..., Any]:
    async def send(*given: Any, **options: Any) -> Any:
        return _told(await original(*given, **options), seen)

    return send


def _told(response: httpx.Response, seen: set[str]) -> httpx.Response:
    seen.add(response.headers.get("x-sb-error-code", ""))
    target = urlsplit(response.headers.get("location", ""))
    for part in (target.query, target.fragment):
        seen.update(parse_qs(part).get("error_code", ()))
    return response

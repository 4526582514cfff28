"""Where the text of a mail template comes from: ours, a file, or a URL now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from keyturn.adapters.mail import templates
from keyturn.adapters.steady_clock import steady
from keyturn.errors import KeyturnError
from keyturn.flows.ports.http import HttpClient

_FRESH_SECONDS: Final = 600.0
_OK: Final = 200


class TemplateSources:
    """Templates by kind; for one that cannot be had there is the last good one, or ours."""

    def __init__(
        self,
        places: Mapping[str, str],
        site_url: str,
        http: HttpClient,
        warn: Callable[[str, Mapping[str, object]], None],
    ) -> None:
        """``places``: kind → URL, path below ``site_url``, or ``file:`` URL; empty means ours."""
        self._places = places
        self._site_url = site_url
        self._http = http
        self._warn = warn
        self._kept: dict[str, tuple[float, str]] = {}

    async def of(self, kind: str) -> str:
        """Return the source of the template of ``kind``."""
        place = self._places.get(kind) or ""
        if not place:
            return templates.own(kind)
        until, text = self._kept.get(kind, (0.0, ""))
        if steady() < until:
            return text
        try:
            text = await self._fetch(place)
            templates.translate(text)
        except (KeyturnError, OSError, UnicodeDecodeError) as problem:
            facts = {"kind": kind, "why": getattr(problem, "message", type(problem).__name__)}
            self._warn("a mail template cannot be used", facts)
            text = text if until else templates.own(kind)
        self._kept[kind] = (steady() + _FRESH_SECONDS, text)
        return text

    async def _fetch(self, place: str) -> str:
        if place.startswith("file:"):
            path = Path(place.removeprefix("file://").removeprefix("file:"))
            return await asyncio.to_thread(path.read_text, "utf-8")
        answer = await self._http.send("GET", urljoin(self._site_url.rstrip("/") + "/", place))
        if answer.status != _OK:
            raise KeyturnError(f"The address of the template answered {answer.status}.")
        return answer.body.decode()

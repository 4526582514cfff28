"""What pages and API both tell: the overview's facts, the JWKS as published, the log's filter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from keyturn.console.errors import BadRequest
from keyturn.console.overview import Overview
from keyturn.console.services import Services
from keyturn.errors import KeyturnError
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.flows.ports.audit import AuditFilter
from keyturn.flows.ports.http import HttpAnswer

FILTER_FIELDS: Final = ("subject", "verb", "subject_id", "actor")
FILTER_TIMES: Final = ("since", "until")
_NO_MOMENT: Final = "{} is a day (2026-11-26, UTC) or a time (2026-11-26T09:30:00Z)."
_CACHES: Final = ("age", "via", "x-cache", "cf-cache-status")
_HEADERS: Final = ("cache-control", "etag", *_CACHES, "content-type")
_MAX_AGE: Final = re.compile(r"(?:s-maxage|max-age)=(\d{1,9})")
_LARGEST: Final = 1 << 62


async def gather(services: Services) -> Overview:
    """Return what the overview shows now; a database that is away becomes a sentence."""
    records: Sequence[ApiKeyRecord] = ()
    ring, live, trouble = None, None, None
    now = services.clock()
    try:
        ring = await services.bench.store.load()
        records = await services.api_keys.list()
        live = await services.counts.live_tokens(ring, now)
    except KeyturnError as problem:
        trouble = problem.message
    return Overview(
        now=now,
        addresses=services.addresses,
        parts=services.parts(),
        ring=ring,
        api_keys=records,
        policy=services.bench.policy,
        live=live,
        traffic=await services.counts.traffic(),
        trouble=trouble,
    )


@dataclass(frozen=True)
class Published:
    """The JWKS as a client gets it, beside what the ring says."""

    url: str
    expected: Sequence[str]
    """The names of the keys that the ring publishes."""
    status: int | None = None
    headers: Mapping[str, str] | None = None
    found: Sequence[str] | None = None
    document: object = None
    trouble: str | None = None

    @property
    def missing(self) -> Sequence[str]:
        """Keys that the ring publishes and the answer lacks: tokens of these fail there."""
        return sorted(set(self.expected) - set(self.found or ()))

    @property
    def surplus(self) -> Sequence[str]:
        """Keys that the answer has and the ring does not publish: still trusted there."""
        return sorted(set(self.found or ()) - set(self.expected))

    @property
    def fresh_in(self) -> int | None:
        """Seconds after which a cache that answered must ask again; None: no cache says so."""
        held = self.headers or {}
        limit = _MAX_AGE.search(held.get("cache-control", ""))
        age = held.get("age", "")
        if limit is None or not (age.isascii() and age.isdigit()):
            return None
        return max(0, int(limit[1]) - int(age[:9]))

    @property
    def current(self) -> bool:
        """Whether the two agree."""
        return self.found is not None and set(self.found) == set(self.expected)


async def look(services: Services, *, public: bool = False) -> Published:
    """Fetch the JWKS through the gateway and compare it with the ring.

    ``public``: from the address that clients elsewhere use, so that a cache in between shows.
    """
    ring = await services.bench.store.load()
    expected = _kids(ring.public_jwks())
    url = services.addresses.public_jwks if public else None
    try:
        answer = await services.fetch_jwks(url)
        document = _document(answer)
    except KeyturnError as error:
        return Published(url or services.addresses.jwks, expected, trouble=error.message)
    except ValueError:
        trouble = "What answers there is no JWKS."
        return Published(url or services.addresses.jwks, expected, trouble=trouble)
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    shown = url or services.addresses.jwks
    return Published(shown, expected, answer.status, headers, _kids(document), document)


def read_filter(query: Mapping[str, str]) -> AuditFilter:
    """Return the filter of a query string; an empty field counts as absent.

    ``since`` and ``until`` are days or times of RFC 3339; raises :class:`BadRequest` for others.
    """
    texts = {name: query.get(name, "").strip() or None for name in FILTER_FIELDS}
    since, until = (_moment(query.get(name, "").strip(), name) for name in FILTER_TIMES)
    return AuditFilter(**texts, since=since, until=until)


def _moment(text: str, name: str) -> datetime | None:
    """Read a day or a time; a day as ``until`` counts to its end."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-26"):
            begin = datetime.combine(date.fromisoformat(text), time(), UTC)
            return begin + timedelta(days=1) if name == "until" else begin
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(_NO_MOMENT.format(name))


def read_before(query: Mapping[str, str]) -> int | None:
    """Return the line before which the page ends; raises :class:`BadRequest`."""
    text = query.get("before", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:20]) < _LARGEST):
        raise BadRequest("before is the number of a line.")
    return int(text)


def _document(answer: HttpAnswer) -> Mapping[str, object]:
    document = json.loads(answer.body)
    if answer.status != 200 or not isinstance(document, dict):
        raise ValueError(answer.status)
    return document


def _kids(document: Mapping[str, object]) -> list[str]:
    listed = document.get("keys")
    if not isinstance(listed, list):
        return []
    return [str(key.get("kid")) for key in listed if isinstance(key, dict)]

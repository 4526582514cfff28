"""What pages and API both tell: the overview's facts, the JWKS as published, the log's filter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from keyturn.console.errors import BadRequest
from keyturn.console.overview import Overview
from keyturn.console.services import Services
from keyturn.errors import KeyturnError
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.flows.ports.audit import AuditFilter
from keyturn.flows.ports.http import HttpAnswer

FILTER_FIELDS: Final = ("subject", "verb", "subject_id", "actor")
_HEADERS: Final = ("cache-control", "etag", "age", "content-type")
_LARGEST: Final = 1 << 62


async def gather(services: Services) -> Overview:
    """Return what the overview shows now; a database that is away becomes a sentence."""
    records: Sequence[ApiKeyRecord] = ()
    ring, trouble = None, None
    try:
        ring = await services.bench.store.load()
        records = await services.api_keys.list()
    except KeyturnError as problem:
        trouble = problem.message
    seen = await services.counts.traffic()
    return Overview(
        legacy_seen=None if seen is None else seen.legacy_tokens,
        now=services.clock(),
        addresses=services.addresses,
        parts=services.parts(),
        ring=ring,
        api_keys=records,
        publish_before_sign=timedelta(seconds=services.bench.policy.publish_before_sign),
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
    def current(self) -> bool:
        """Whether the two agree."""
        return self.found is not None and set(self.found) == set(self.expected)


async def look(services: Services) -> Published:
    """Fetch the JWKS through the gateway and compare it with the ring."""
    ring = await services.bench.store.load()
    expected = _kids(ring.public_jwks())
    url = services.addresses.jwks
    try:
        answer = await services.fetch_jwks()
        document = _document(answer)
    except KeyturnError as error:
        return Published(url, expected, trouble=error.message)
    except ValueError:
        return Published(url, expected, trouble="What answers there is no JWKS.")
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    return Published(url, expected, answer.status, headers, _kids(document), document)


def read_filter(query: Mapping[str, str]) -> AuditFilter:
    """Return the filter of a query string; an empty field counts as absent."""
    return AuditFilter(**{name: query.get(name, "").strip() or None for name in FILTER_FIELDS})


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

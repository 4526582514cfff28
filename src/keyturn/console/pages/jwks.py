"""What verifiers are told: the JWKS as it is published now, who asks for it, and stale caches."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from keyturn.console.facts import look
from keyturn.console.fetches import fetches_of
from keyturn.console.visit import Visit


async def show(visit: Visit) -> Response:
    """``GET /jwks``; with ``check`` it is fetched from the public address, through a CDN if any."""
    checking = "check" in visit.request.query_params
    published = await look(visit.services, public=checking)
    text = json.dumps(published.document, indent=2) if published.document else None
    facts = await _fetches(visit)
    addresses = visit.services.addresses
    return visit.page(
        "jwks",
        published=published,
        text=text,
        checking=checking,
        addresses_jwks=addresses.jwks,
        public_jwks=addresses.public_jwks,
        **facts,
    )


async def fragment(visit: Visit) -> str:
    """Return the chart, which grows while clients ask."""
    return visit.html("jwks_fetches", **await _fetches(visit))


async def _fetches(visit: Visit) -> dict[str, Any]:
    traffic = await visit.services.counts.traffic()
    return {"fetches": None if traffic is None else fetches_of(traffic, visit.now)}

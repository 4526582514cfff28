"""What verifiers are told: the JWKS as it is published now, and for how long it may be cached."""

from __future__ import annotations

import json

from starlette.responses import Response

from keyturn.console.facts import look
from keyturn.console.visit import Visit


async def show(visit: Visit) -> Response:
    """``GET /jwks``."""
    published = await look(visit.services)
    text = json.dumps(published.document, indent=2) if published.document else None
    return visit.page("jwks", published=published, text=text)

"""``X-Total-Count`` and RFC 8288 links with relative targets, as GoTrue gives them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from keyturn.authserver.exchange import Header
from keyturn.flows.paging import Page


def headers(path: str, page: Page, total: int, kept: Mapping[str, str]) -> list[Header]:
    """Return the paging headers of a list; ``kept`` are other query parameters, empty ones go."""
    last = page.last(total)
    pages = [("first", 1)] if page.number > 1 else []
    if page.number > 1:
        pages.append(("prev", min(page.number - 1, last)))
    if page.number < last:
        pages.append(("next", page.number + 1))
    pages.append(("last", last))
    links = ", ".join(f'<{_url(path, page, number, kept)}>; rel="{rel}"' for rel, number in pages)
    return [(b"x-total-count", b"%d" % total), (b"link", links.encode("ascii"))]


def _url(path: str, page: Page, number: int, kept: Mapping[str, str]) -> str:
    values = {"page": number, "per_page": page.size}
    return f"{path}?" + urlencode({**values, **{k: v for k, v in kept.items() if v}})

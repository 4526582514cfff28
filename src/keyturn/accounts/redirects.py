"""Where a browser may be sent after a link was followed, and what goes along.

The rules are GoTrue's: the application itself, this machine, or a glob of the allow list; anything
else silently becomes the application's address. A target is never taken from a token.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

_LONGEST_TARGET = 2048
_UNUSUAL = re.compile(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]")
_DECIMAL_HOST = re.compile(r"[0-9]+")
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?")
_HTTP = frozenset({"http", "https"})


def choose(candidates: Iterable[str | None], site_url: str, allowed: tuple[str, ...]) -> str:
    """Return the first of ``candidates`` that is allowed, else ``site_url``."""
    for target in candidates:
        if target and is_allowed(target, site_url, allowed):
            return target
    return site_url


def is_allowed(target: str, site_url: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a browser may be sent to ``target``.

    ``allowed`` holds globs with the separators ``.`` and ``/``: ``*`` and ``?`` stay between two
    of them, ``**`` does not; ``[a-z]``, ``[!a]`` and ``{a,b}`` work as usual.
    """
    if len(target) > _LONGEST_TARGET or _UNUSUAL.search(target):
        return False
    parts = _split(target)
    if parts is None:
        if target.lower().startswith(("http:", "https:")):
            return False
    elif _is_site(parts, site_url):
        return True
    else:
        host = parts.hostname or ""
        if _DECIMAL_HOST.fullmatch(host):
            return False
        address = _address(host)
        if address is not None:
            return address.is_loopback
        if parts.scheme in _HTTP and not _HOST.fullmatch(host):
            return False
    bare = target.partition("#")[0]
    return any(_pattern(glob).fullmatch(bare) for glob in allowed)


def _split(target: str) -> SplitResult | None:
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_site(parts: SplitResult, site_url: str) -> bool:
    """Same scheme, host and port as the application; on this machine any port (RFC 8252 §7.3)."""
    site = _split(site_url)
    if site is None or not site.hostname:
        return False
    if (parts.scheme, parts.hostname) != (site.scheme, site.hostname) or parts.username:
        return False
    address = _address(site.hostname)
    local = site.hostname == "localhost" or (address is not None and address.is_loopback)
    return local or parts.port == site.port


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """Translate a glob; one that makes no sense matches only itself."""
    try:
        return re.compile(_translated(glob))
    except re.error:
        return re.compile(re.escape(glob))


_GLOB = re.compile(r"\*\*|\*|\?|\\.|\[[!^]?[^\]]+\]|[{},]|.", re.DOTALL)


def _translated(glob: str) -> str:
    out: list[str] = []
    depth = 0
    for part in _GLOB.findall(glob):
        if part == "{":
            depth += 1
        elif part == "}" and depth:
            depth -= 1
        out.append(_part(part, depth, closing=part == "}"))
    return "".join(out)


def _part(part: str, depth: int, *, closing: bool) -> str:
    simple = {"**": ".*", "*": r"[^./]*", "?": r"[^./]", "{": "(?:"}
    if part in simple:
        return simple[part]
    if closing:
        return ")"
    if part == "," and depth:
        return "|"
    if len(part) > 2 and part.startswith("["):
        return "[^" + part[2:] if part[1] in "!^" else part
    return re.escape(part[1:] if len(part) == 2 and part.startswith("\\") else part)


def with_fragment(target: str, values: Mapping[str, str], *, query: bool = False) -> str:
    """Return ``target`` with ``values`` as its fragment, names sorted, as Go encodes them.

    ``query``: they become the query as well, in place of the one that is there (failures of PKCE
    flows, whose clients do not read fragments).
    """
    parts = urlsplit(target)
    encoded = encode(values)
    kept = encoded if query else parts.query
    return urlunsplit((parts.scheme, parts.netloc, parts.path, kept, encoded))


def with_query(target: str, values: Mapping[str, str]) -> str:
    """Return ``target`` with ``values`` set in its query."""
    parts = urlsplit(target)
    had = dict(parse_qsl(parts.query, keep_blank_values=True))
    query = encode({**had, **values})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def encode(values: Mapping[str, str]) -> str:
    """Encode as Go's ``url.Values``: sorted by name, blanks as ``+``."""
    return urlencode(sorted(values.items()), quote_via=quote_plus)


def action_link(external_url: str, path: str, values: tuple[str, str, str]) -> str:
    """Return the link of a mail; ``values`` are token hash, type and redirect target.

    ``path`` may be an absolute path, which replaces that of ``external_url`` when it is not the
    usual ``/verify``, or a whole URL.
    """
    token, kind, target = values
    query = f"token={quote_plus(token)}&type={quote_plus(kind)}&redirect_to={quote_plus(target)}"
    if path.startswith(("http://", "https://")):
        return f"{path}?{query}"
    site = urlsplit(external_url)
    if path == "/verify" or not path.startswith("/"):
        whole = f"{site.path.rstrip('/')}/{path.lstrip('/')}"
    else:
        whole = path
    return urlunsplit((site.scheme, site.netloc, whole, query, ""))

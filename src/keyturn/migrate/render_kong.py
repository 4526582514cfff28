"""A ``kong.yml`` that accepts several API keys per consumer, made from the deployment's own.

Only credentials and the three expressions change; every other byte stays, so it goes where the
user's file was. What the entrypoint would substitute (``$DASHBOARD_PASSWORD``) is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import yaml

from keyturn.deploy.inventory import Document, Inventory, Kind
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.migrate.render_accepted import Accepted, accepted_keys

NAME: Final = "kong.yml"
CONSUMERS: Final = {"anon": "anon", "service_role": "service_role"}
MARK: Final = "# keyturn"
"""Behind every credential that was rendered: the next rendering decides about it again."""
_KEY_LINE: Final = re.compile(r"(?m)^([ \t]*)- key:[ \t]*([^\s#]*)[ \t]*(#.*?)?[ \t]*(?:\r?\n|\Z)")
_OFFICIAL: Final = re.compile(
    r"\$\{?SUPABASE_(?:ANON_KEY|SERVICE_KEY|PUBLISHABLE_KEY|SECRET_KEY)\}?"
)
_EXPRESSIONS: Final = ("LUA_AUTH_EXPR", "LUA_RT_WS_EXPR", "LUA_FUNCTIONS_EXPR")
_WRITTEN_OUT: Final = (
    r"\$\(\(headers\.authorization ~= nil and [^\"\n]* or headers\.apikey\)",
    r"\$\((?:\(query_params\.apikey == '[^\"\n]* or )?query_params\.apikey\)",
    r"\$\((?:\(headers\.apikey == '[^\"\n]* or )?nil\)",
)
"""The same three as an earlier rendering left them, so that its file can be rendered again."""


def kong_file(inventory: Inventory) -> Rendered:
    """Return the file; raises :class:`CannotRender` when the deployment's own cannot take it."""
    document = _own(inventory)
    keys = accepted_keys(inventory)
    content = document.text or ""
    for name, written in zip(_EXPRESSIONS, _WRITTEN_OUT, strict=True):
        content = re.sub(written, f"${name}", content)
    opaque = [one for one in keys if one.opaque]
    if opaque and "LUA_AUTH_EXPR" not in content:
        raise CannotRender(
            f"{document.path} puts no token in place of an sb_ key (it is older than March 2026).",
            hint="Take the official kong.yml and kong-entrypoint.sh of 2026 first.",
        )
    for consumer, role in CONSUMERS.items():
        content = _with_credentials(content, consumer, [k for k in keys if k.role == role])
    for name, expression in zip(_EXPRESSIONS, _expressions(opaque), strict=True):
        content = content.replace(f"${name}", expression)
    if not any(line[2] for line in _KEY_LINE.finditer(content)):
        raise CannotRender("The gateway has no API key, so it would refuse every request.")
    _still_a_file(content, document)
    return rendered(NAME, content, private=True)


def _own(inventory: Inventory) -> Document:
    gateway = inventory.gateway
    if gateway is None or gateway.kind is not Kind.KONG:
        raise CannotRender("The gateway of this deployment is not Kong.")
    for one in gateway.documents:
        if one.text and one.target.endswith((".yml", ".yaml")) and "consumers:" in one.text:
            return one
    raise CannotRender(
        "The kong.yml of this deployment cannot be read.",
        hint="It is mounted from the folder: volumes/api/kong.yml.",
    )


def _with_credentials(content: str, consumer: str, keys: Sequence[Accepted]) -> str:
    """Replace the consumer's ``- key:`` lines by one for each key."""
    start, end = _block(content, consumer)
    block = content[start:end]
    lines = list(_KEY_LINE.finditer(block))
    if not lines:
        raise CannotRender(
            f"kong.yml has no `- key:` lines for the consumer {consumer}.",
            hint="Write its keyauth_credentials one per line.",
        )
    indent, values = lines[0][1], {one.value for one in keys}
    own = [one[0].rstrip("\r\n") for one in lines if _is_theirs(one) and one[2] not in values]
    made = [*own, *(f"{indent}- key: {one} {MARK}" for one in _values(keys))]
    first = lines[0].start()
    rest = _KEY_LINE.sub("", block[first:])
    said = "".join(f"{line}\n" for line in made)
    return content[:start] + block[:first] + said + rest + content[end:]


def _values(keys: Iterable[Accepted]) -> tuple[str, ...]:
    """Return the keys themselves, in their order."""
    return tuple(one.value for one in keys)


def _is_theirs(line: re.Match[str]) -> bool:
    """Whether the user wrote this credential: it is neither official nor rendered before."""
    rendered_before = (line[3] or "").startswith(MARK)
    return bool(line[2]) and not rendered_before and not _OFFICIAL.fullmatch(line[2].strip("'\""))


def _block(content: str, consumer: str) -> tuple[int, int]:
    """Return where the consumer's entry begins and ends."""
    head = re.search(
        rf"(?m)^([ \t]*)- username:[ \t]*['\"]?{re.escape(consumer)}['\"]?[ \t]*$", content
    )
    if head is None:
        raise CannotRender(f"kong.yml has no consumer {consumer}.")
    following = re.compile(rf"(?m)^(?:{head[1]}- |\S)").search(content, head.end())
    return head.start(), following.start() if following else len(content)


def _expressions(keys: Sequence[Accepted]) -> tuple[str, str, str]:
    """Return Kong's templates: a user's token stays, a known key becomes its role's token."""
    auth = _choice("headers.apikey", keys, "Bearer ")
    real = "headers.authorization:sub(1, 10) ~= 'Bearer sb_'"
    kept = f"(headers.authorization ~= nil and {real} and headers.authorization)"
    return (
        f"$({' or '.join((kept, *auth, 'headers.apikey'))})",
        f"$({' or '.join((*_choice('query_params.apikey', keys), 'query_params.apikey'))})",
        f"$({' or '.join((*_choice('headers.apikey', keys), *_bearers(keys), 'nil'))})",
    )


def _choice(what: str, keys: Iterable[Accepted], before: str = "") -> list[str]:
    return [f"({what} == '{one.value}' and '{before}{one.jwt}')" for one in keys]


def _bearers(keys: Iterable[Accepted]) -> list[str]:
    return [f"(headers.authorization == 'Bearer {one.value}' and '{one.jwt}')" for one in keys]


def _still_a_file(content: str, document: Document) -> None:
    try:
        yaml.load(content, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        raise CannotRender(
            f"{document.path} would not be YAML any more with several keys in it.",
            hint="Write the Authorization header of request-transformer within double quotes.",
        ) from None

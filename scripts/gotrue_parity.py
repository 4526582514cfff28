"""Writes ``docs/gotrue-parity.md``: what GoTrue has beside what is here.

``python -m scripts.gotrue_parity > docs/gotrue-parity.md``; a test compares the two. GoTrue's side
is the table in ``gotrue-2.196.0.toml``, ours are the tables that the server itself runs on.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from starlette.routing import compile_path

from keyturn.accounts.errors import rows
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.settings import AuthSettings
from keyturn.authserver.absent import ABSENT, Absent
from keyturn.authserver.document import refusals_of
from keyturn.authserver.endpoints import auth_routes
from keyturn.authserver.routes import Endpoint
from keyturn.wiring.settings_idle import why_idle
from keyturn.wiring.settings_table import TABLE

GOTRUE: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "gotrue-2.196.0.toml").read_text("utf-8")
)
PREFIX: Final = "GOTRUE_"
_PARAMETER: Final = re.compile(r"\{[^}]*\}")
_HEAD: Final = """\
<!-- Written by `python -m scripts.gotrue_parity`; do not edit. -->

# GoTrue and Keyturn

What GoTrue {version} ({date}) has, and what `keyturn serve` does with it: the *same*, something
*different* (how), or it is *not there*. The rows of Keyturn come from the tables that the server
itself runs on. How the server behaves in detail is in [the Auth API](reference/auth-api.md) and in
[the settings](reference/settings.md).
"""


def endpoints() -> tuple[Endpoint, ...]:
    """Return the server's endpoints; nothing here answers a request."""
    plane: Any = SimpleNamespace(settings=AuthSettings(), captcha=None, messages=None)
    nobody: Any = SimpleNamespace(jwks=_never, discovery=_never, oauth_metadata=_never)
    health: Any = SimpleNamespace(about=_never, live=_never, ready=_never)
    return auth_routes(plane, nobody, health, None).endpoints


async def _never(exchange: object) -> Any:
    raise NotImplementedError(exchange)


def served() -> set[str]:
    """Return what this server does, ``METHOD /path``, without the endpoints that are absent."""
    absent = {(method, row.path) for row in ABSENT for method in row.methods}
    return {
        f"{endpoint.method} {endpoint.path}"
        for endpoint in endpoints()
        if (endpoint.method, endpoint.path) not in absent
    }


def codes() -> set[str]:
    """Return every error code that an endpoint declares."""
    declared = (refusals_of(endpoint) for endpoint in endpoints() if endpoint.handler is not _never)
    rare = {"unknown"}  # a hook's own refusal
    return {code for found in declared for _, code in found} | rare | {row.code for row in rows()}


def setting_names() -> list[str]:
    """Return GoTrue's names of settings, with the prefix."""
    providers = GOTRUE["providers"]
    plain = [name for names in GOTRUE["settings"].values() for name in names.split()]
    of_providers = [
        f"EXTERNAL_{provider.upper()}_{part}"
        for provider in providers["names"].split()
        for part in providers["settings"].split()
    ]
    return [PREFIX + name for name in (*plain, *of_providers)]


def our_settings() -> set[str]:
    """Return the names under ``GOTRUE_`` that the table of settings reads."""
    names = (name for row in TABLE for name in (row.name, *row.aliases))
    return {name for name in names if name.startswith(PREFIX)}


def _shape(endpoint: str) -> str:
    return _PARAMETER.sub("{}", endpoint)


def _absent(endpoint: str) -> Absent | None:
    method, _, path = endpoint.partition(" ")
    return next(
        (
            row
            for row in ABSENT
            if method in row.methods
            and compile_path(row.path)[0].fullmatch(_PARAMETER.sub("x", path))
        ),
        None,
    )


def endpoint_rows() -> Iterator[tuple[str, str]]:
    """Return each endpoint of GoTrue and what is here."""
    ours = {_shape(endpoint) for endpoint in served()}
    for endpoint, note in GOTRUE["endpoints"].items():
        absent = _absent(endpoint)
        if _shape(endpoint) in ours:
            yield endpoint, f"different: {note}" if note else "same"
        elif absent is not None:
            yield endpoint, f"not there; answers {absent.status} `{absent.error_code}`"
        else:
            yield endpoint, "not there; answers 404"


def setting_rows() -> Iterator[tuple[str, str]]:
    """Return each setting of GoTrue and what is here."""
    ours, different = our_settings(), GOTRUE["different"]
    for name in setting_names():
        note = different.get(name.removeprefix(PREFIX))
        if name in ours:
            yield name, f"different: {note}" if note else "same"
        else:
            why = why_idle(name)
            yield name, f"not there: {why}" if why else "not there"


def provider_rows() -> Iterator[tuple[str, str]]:
    """Return each provider of GoTrue and what is here."""
    for name in GOTRUE["providers"]["names"].split():
        yield name, "same" if name in PROVIDERS else "not there"
    yield "`custom:…`, by API", "same"
    names = {row.name for row in TABLE}
    for name in GOTRUE["providers"]["sms"].split():
        known = any(n.startswith(f"{PREFIX}SMS_{name.upper()}_") for n in names)
        yield f"SMS: {name}", "same" if known else "not there"
    for name in GOTRUE["providers"]["captcha"].split():
        yield f"captcha: {name}", "same"
    for name in GOTRUE["providers"]["web3"].split():
        yield f"web3: {name}", "not there; the grant answers 422 `web3_provider_disabled`"


def code_rows() -> Iterator[tuple[str, str]]:
    """Return each error code of GoTrue and whether it occurs here."""
    ours, absent = codes(), GOTRUE["codes"]["absent"]
    for code in GOTRUE["codes"]["names"].split():
        yield (
            code,
            "same" if code in ours else f"does not occur: {absent.get(code, 'no reason is known')}",
        )


def render() -> str:
    """Return the whole page."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield _HEAD.format(**GOTRUE)
    yield from _table("Endpoints", "Endpoint", endpoint_rows())
    yield from _own()
    yield from _table("Settings", "Variable", setting_rows())
    yield from _table("Providers", "Provider", provider_rows(), code=False)
    yield "## Why some things stay different\n"
    yield from (f"- {line}" for line in GOTRUE["stays"]["lines"])
    yield ""
    yield "## Error codes\n"
    yield "A test produces each of those that occur.\n"
    yield from _lines("Code", code_rows())


def _own() -> Iterator[str]:
    known = {_shape(endpoint) for endpoint in GOTRUE["endpoints"]}
    own = sorted(endpoint for endpoint in served() if _shape(endpoint) not in known)
    yield "GoTrue has no counterpart of " + ", ".join(f"`{endpoint}`" for endpoint in own) + ".\n"


def _table(
    title: str, what: str, found: Iterator[tuple[str, str]], *, code: bool = True
) -> Iterator[str]:
    yield f"## {title}\n"
    yield from _lines(what, found, code=code)


def _lines(what: str, found: Iterator[tuple[str, str]], *, code: bool = True) -> Iterator[str]:
    yield f"| {what} | Keyturn |"
    yield "|---|---|"
    for name, text in found:
        yield f"| `{name}` | {text} |" if code else f"| {name} | {text} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(render())

"""Templates to HTML; every value is escaped, a missing one is an error."""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from keyturn.clock import from_unix
from keyturn.console.words import STATE_WORDS, agent, ago, clock, count, left

_PACKAGE: Final = "keyturn.console"


STYLESHEET: Final = "console.css"
SCRIPT: Final = "live.js"


@cache
def static(name: str) -> bytes:
    """Return one of the files that come with the pages."""
    return resources.files(_PACKAGE).joinpath("static", name).read_bytes()


@cache
def static_url(name: str) -> str:
    """Return its address, which changes with its content, so that caches may keep it."""
    return f"/{name}?v={hashlib.sha256(static(name)).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "unix": from_unix,
        "ticks": ticks,
        "clock": clock,
        "ago": ago,
        "count": count,
        "left": left,
        "agent": agent,
    }
    environment.globals |= {"STATE_WORDS": STATE_WORDS, "static_url": static_url}
    return environment


async def compile_all() -> None:
    """Compile every template between other work: whoever asks first for a page does not wait."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)
        await asyncio.sleep(0)


def ticks(text: str) -> Markup:
    """Return ``text`` escaped, with what stands between backticks as code."""
    pieces = [escape(piece) for piece in text.split("`")]
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def render(template: str, **values: Any) -> str:
    """Return the page ``template`` (a name without ``.html``)."""
    return _environment().get_template(f"{template}.html").render(**values)

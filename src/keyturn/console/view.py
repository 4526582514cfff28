"""Templates to HTML; every value is escaped, a missing one is an error."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from keyturn.console.words import STATE_WORDS, ago, clock, count

_PACKAGE: Final = "keyturn.console"


@cache
def stylesheet() -> bytes:
    """Return the one stylesheet."""
    return resources.files(_PACKAGE).joinpath("static", "console.css").read_bytes()


@cache
def stylesheet_url() -> str:
    """Return its address, which changes with its content, so that caches may keep it."""
    return f"/console.css?v={hashlib.sha256(stylesheet()).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "ago": ago, "count": count}
    environment.globals |= {"STATE_WORDS": STATE_WORDS, "stylesheet": stylesheet_url()}
    return environment


def render(template: str, **values: Any) -> str:
    """Return the page ``template`` (a name without ``.html``)."""
    return _environment().get_template(f"{template}.html").render(**values)

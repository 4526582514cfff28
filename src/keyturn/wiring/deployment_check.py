"""What `keyturn check` needs from the machine: credentials, a clock, an HTTP client."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.system import now
from keyturn.errors import UsageError
from keyturn.flows.check import Report, check
from keyturn.flows.check_result import Check
from keyturn.flows.check_target import Target
from keyturn.wiring.local_keys import read_local_keys
from keyturn.wiring.locations import StateUnreadable, locations, read_state

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class CheckOptions:
    """What the command line says; files may be ``-`` for standard input."""

    url: str
    email: str | None = None
    password_file: str | None = None
    api_key_file: str | None = None
    table: str | None = None
    data_dir: str | None = None
    timeout: float = 10.0


async def run_check(options: CheckOptions, on_check: Callable[[Check], None]) -> Report:
    """Check the deployment at ``options.url``; raises ``Unreachable`` and ``UsageError``."""
    http = StandardHttpClient(timeout=options.timeout)
    return await check(target_of(options, os.environ), http, now, on_check)


def target_of(options: CheckOptions, environment: Mapping[str, str]) -> Target:
    """Gather credentials: files first, then the environment, then a stack that runs here."""
    local = _local_keys(options)
    api_key = (
        _from_file(options.api_key_file, "--apikey-file")
        or environment.get("KEYTURN_API_KEY")
        or local.get("publishable_key")
    )
    email, password, throw_away = _user(options, environment)
    return Target(
        url=options.url,
        api_key=api_key,
        email=email,
        password=password,
        throw_away=throw_away,
        secret_key=environment.get("KEYTURN_SECRET_KEY") or local.get("secret_key"),
        table=options.table,
    )


def _user(options: CheckOptions, environment: Mapping[str, str]) -> tuple[str, str, bool]:
    if options.email is None:
        # Long, and of every character class that a password rule may ask for.
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        return f"keyturn-check-{secrets.token_hex(6)}@example.com", password, True
    given = _from_file(options.password_file, "--password-file") or environment.get(
        "KEYTURN_CHECK_PASSWORD"
    )
    if not given:
        raise UsageError(
            f"There is no password for {options.email}.",
            hint="Set KEYTURN_CHECK_PASSWORD, or give --password-file F (- reads standard input).",
        )
    return options.email, given, False


def _from_file(name: str | None, option: str) -> str | None:
    if name is None:
        return None
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{option} {name} cannot be read: {reason}.") from problem
    return text.strip() or None


def _local_keys(options: CheckOptions) -> dict[str, str]:
    """Return the keys of the stack in the data folder when ``options.url`` is that stack's."""
    where = locations(options.data_dir)
    try:
        state = read_state(where)
    except StateUnreadable:
        return {}
    if state is None or not _same_origin(options.url, state.api_url):
        return {}
    return read_local_keys(where)


def _same_origin(one: str, other: str) -> bool:
    try:
        left, right = urlsplit(one), urlsplit(other)
        same_port = left.port == right.port
    except ValueError:
        return False
    hosts = {left.hostname, right.hostname}
    return same_port and (len(hosts) == 1 or hosts <= _LOOPBACK)

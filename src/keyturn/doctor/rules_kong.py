"""Findings about Kong: what it does to keys without Bearer, and what it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.doctor.facts import LogFacts
from keyturn.doctor.finding import Confidence, Facts, Needs, Seen, Severity
from keyturn.doctor.holdings import places_of
from keyturn.doctor.row import row
from keyturn.doctor.rules_gateway import mounts, routes_of

_PASSWORD_LINE: Final = re.compile(r"password:\s*(['\"]?)\$\{?DASHBOARD_PASSWORD\}?\1")
_YAML_WORDS: Final = ("true", "false", "yes", "no", "on", "off", "null", "~")
_SHELL: Final = '$`"\\'
_AS_BEARER: Final = "Send the key as Authorization: Bearer too (supabase-js does), use sb_ keys, "


def _dashboard_password(facts: Facts) -> Iterator[Seen]:
    gateway = facts.inventory.gateway
    setting = gateway.get("DASHBOARD_PASSWORD") if gateway is not None else None
    found = _PASSWORD_LINE.search(routes_of(facts))
    password = text(setting) or ""
    if gateway is None or setting is None or found is None or not password:
        return
    shell = "eval" in (text(gateway.command) or "")
    problem = _unreadable(password, found[1]) or (
        "holds $, `, \" or \\, which the entrypoint's shell interprets"
        if shell and any(character in password for character in _SHELL)
        else None
    )
    if problem:
        yield Seen(f"DASHBOARD_PASSWORD {problem}.", places_of(setting) + mounts(facts),
                   gateway.name)  # fmt: skip


def _unreadable(password: str, quote: str) -> str | None:
    """Return what YAML makes of the password where the file writes it between ``quote``."""
    if quote:
        return f"holds {quote}, which ends the quotes around it" if quote in password else None
    if password.isdigit() or password.lower() in _YAML_WORDS:
        return "is read as a number or a word of YAML, not as text"
    special = password[0] in "&*!|>%@`#{}[],?:-'\"" or ": " in password or " #" in password
    return "holds characters that mean something in YAML" if special else None


def _apikey_only(facts: Facts, family: str) -> Iterator[Seen]:
    gateway = facts.inventory.gateway
    if gateway is None or gateway.kind is not Kind.KONG or not isinstance(facts.logs, LogFacts):
        return
    count = facts.logs.apikey_only.get(family, 0)
    if count:
        yield Seen(
            f"{count} requests to {family} carried a legacy apikey and no Authorization.",
            mounts(facts) or (gateway.place,),
            gateway.name,
        )


def _rest_apikey_only(facts: Facts) -> Iterator[Seen]:
    return _apikey_only(facts, "/rest/v1")


def _auth_apikey_only(facts: Facts) -> Iterator[Seen]:
    return _apikey_only(facts, "/auth/v1")


def _realtime_apikey_only(facts: Facts) -> Iterator[Seen]:
    return _apikey_only(facts, "/realtime/v1/api")


RULES: Final = (
    row(
        25,
        "Requests with apikey only run as anon behind Kong",
        Severity.WARNING,
        _rest_apikey_only,
        needs=Needs.LOGS,
        confidence=Confidence.LIKELY,
        why="Kong forwards a legacy key as Authorization without the word Bearer. PostgREST takes "
        "that for no token: row level security hides the rows, and nobody says why.",
        fix=_AS_BEARER + "or go to Envoy.",
        sources=("PostgREST extractBearerAuth",),
    ),
    row(
        26,
        "Auth refuses requests with apikey only behind Kong",
        Severity.WARNING,
        _auth_apikey_only,
        needs=Needs.LOGS,
        confidence=Confidence.LIKELY,
        why="Kong forwards a legacy key as Authorization without the word Bearer.",
        fix=_AS_BEARER + "or go to Envoy.",
        symptoms=("This endpoint requires a valid Bearer token",),
        sources=("kong.yml of 2023 to 2026",),
    ),
    row(
        27,
        "Realtime's broadcast fails for requests with apikey only behind Kong",
        Severity.WARNING,
        _realtime_apikey_only,
        needs=Needs.LOGS,
        confidence=Confidence.LIKELY,
        why="Realtime splits Authorization at a space that Kong does not write, and answers 500.",
        fix=_AS_BEARER + "or go to Envoy.",
        sources=("kong.yml of 2023 to 2026", "realtime auth_tenant.ex"),
    ),
    row(
        43,
        "Kong cannot read the dashboard's password",
        Severity.ERROR,
        _dashboard_password,
        why="The password is pasted into kong.yml; a number, or a character that YAML or the shell "
        "interprets, makes the whole file invalid and Kong does not start.",
        fix="Use letters and digits with at least one letter, or take the current kong.yml.",
        symptoms=("expected a string",),
        sources=("supabase#18847", "supabase#38197"),
    ),
)

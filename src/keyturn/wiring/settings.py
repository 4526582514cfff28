"""Reads the environment once, into the values that every part is built from.

All mistakes are reported together, by name and never by value. What GoTrue knows and this version
does not is listed for the log, and so is what nobody knows: a setting is never silently ignored.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from keyturn.accounts.limits import LimitSettings
from keyturn.accounts.message_settings import MessageSettings
from keyturn.accounts.mfa import MfaSettings, WebAuthnSettings
from keyturn.accounts.oauth_server import OAuthServerSettings
from keyturn.accounts.settings import AuthSettings
from keyturn.authserver.options import ServerOptions
from keyturn.errors import UsageError
from keyturn.keyring.policy import RingPolicy
from keyturn.secret import Secret
from keyturn.wiring.settings_external import external_settings
from keyturn.wiring.settings_hooks import hook_settings
from keyturn.wiring.settings_idle import why_idle
from keyturn.wiring.settings_parse import BadValue
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_table import TABLE

_LARGEST_SECRET_FILE: Final = 1 << 20
_KNOWN: Final = frozenset(name for row in TABLE for name in row.names)
# Variables of other parts of Keyturn, which start with the same prefix.
_OWN_PREFIX: Final = "KEYTURN_"
_GROUPS: Final = (
    "process",
    "server",
    "accounts",
    "ring",
    "columns",
    "mfa",
    "hooks",
    "oauth",
    "external",
    "messages",
    "delivery",
    "limits",
    "webauthn",
    "captcha",
)


class BadSettings(UsageError):
    """Environment variables cannot be used."""

    code = "bad_settings"
    default_hint = "docs/reference/settings.md describes every variable."


@dataclass(frozen=True)
class ProcessSettings:
    """How the process runs, and what it opens."""

    host: str
    port: int
    workers: int
    grace: timedelta
    pool_size: int
    signing_alg: str
    log_level: str
    log_format: str
    metrics_host: str
    cleanup: bool = False
    metrics_port: int | None = None
    data_dir: str | None = None
    database_url: Secret | None = None
    legacy_secret: Secret | None = None
    jwt_keys: Secret | None = None


@dataclass(frozen=True)
class ColumnSettings:
    """The keys of encrypted columns (GoTrue's ``SECURITY_DB_ENCRYPTION_*``)."""

    encrypt: bool = False
    key_id: str | None = None
    key: Secret | None = None
    older: Secret | None = None


@dataclass(frozen=True)
class DeliverySettings:
    """How mail and SMS leave this server; without a host or a provider they do not."""

    smtp_port: int
    smtp_host: str = ""
    smtp_user: str = ""
    smtp_password: Secret | None = None
    smtp_sender: str = ""
    smtp_sender_name: str = ""
    smtp_headers: Mapping[str, str] = field(default_factory=dict)
    sms_provider: str = ""
    twilio_account: str = ""
    twilio_token: Secret | None = None
    twilio_sender: str = ""
    twilio_content: str = ""
    verify_account: str = ""
    verify_token: Secret | None = None
    verify_service: str = ""
    messagebird_key: Secret | None = None
    messagebird_sender: str = ""
    textlocal_key: Secret | None = None
    textlocal_sender: str = ""
    vonage_key: Secret | None = None
    vonage_secret: Secret | None = None
    vonage_sender: str = ""
    sms_url: str = ""


@dataclass(frozen=True)
class CaptchaSettings:
    """Whose captcha is asked for, and how its answers are checked."""

    enabled: bool = False
    provider: str = "hcaptcha"
    secret: Secret | None = None
    timeout: timedelta = timedelta(seconds=10)
    url: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that the environment says."""

    process: ProcessSettings
    server: ServerOptions
    accounts: AuthSettings
    ring: RingPolicy
    messages: MessageSettings
    delivery: DeliverySettings
    columns: ColumnSettings = ColumnSettings()
    captcha: CaptchaSettings = CaptchaSettings()
    idle: Mapping[str, str] = field(default_factory=dict)
    """Set, known to GoTrue, without effect here: name → why."""
    unknown: Mapping[str, str | None] = field(default_factory=dict)
    """Set and known to nobody: name → the name that was perhaps meant."""

    @property
    def issuer(self) -> str:
        """The issuer of the discovery document: that of tokens, else our external address."""
        return self.accounts.issuer or self.server.external_url


def load(environment: Mapping[str, str]) -> Settings:
    """Read ``environment``; raises :class:`BadSettings` naming every variable that is wrong."""
    groups: dict[str, dict[str, Any]] = {name: {} for name in _GROUPS}
    problems: list[str] = []
    for row in TABLE:
        try:
            found, value = _value(row, environment)
        except BadValue as problem:
            problems.append(str(problem))
            continue
        if found:
            for place in row.lands:
                group, name = place.split(".")
                groups[group][name] = value
    if problems:
        raise BadSettings("; ".join(problems) + ".")
    return _assemble(groups, environment)


def _assemble(groups: dict[str, dict[str, Any]], environment: Mapping[str, str]) -> Settings:
    process = ProcessSettings(**groups["process"])
    groups["server"].setdefault("external_url", f"http://localhost:{process.port}")
    ring = {
        name: int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in groups["ring"].items()
    }
    return Settings(
        process=process,
        server=ServerOptions(**groups["server"]),
        accounts=_accounts(groups),
        ring=RingPolicy(**ring),
        columns=ColumnSettings(**groups["columns"]),
        messages=MessageSettings(**groups["messages"]),
        delivery=DeliverySettings(**groups["delivery"]),
        captcha=CaptchaSettings(**groups["captcha"]),
        idle=dict(_idle(environment)),
        unknown=dict(_unknown(environment)),
    )


def _accounts(groups: Mapping[str, dict[str, Any]]) -> AuthSettings:
    """Return the settings of the account flows; raises :class:`BadSettings`."""
    issuer = groups["accounts"].get("issuer") or groups["server"]["external_url"]
    try:
        hooks = hook_settings(groups["hooks"])
    except BadValue as problem:
        raise BadSettings(f"{problem}.") from None
    return AuthSettings(
        **groups["accounts"],
        mfa=MfaSettings(**groups["mfa"]),
        hooks=hooks,
        oauth_server=OAuthServerSettings(**groups["oauth"], issuer=issuer),
        external=external_settings(groups["external"], groups["server"]["external_url"]),
        limits=LimitSettings(**groups["limits"]),
        webauthn=WebAuthnSettings(**groups["webauthn"]),
    )


def _value(row: Setting, environment: Mapping[str, str]) -> tuple[bool, object]:
    """Return whether ``row`` has a value, and the value; an empty variable counts as unset."""
    for name in (row.name, *row.aliases):
        text = environment.get(name) or None
        if row.secret and environment.get(f"{name}_FILE"):
            if text is not None:
                raise BadValue(f"{name} and {name}_FILE are both set; keep one")
            text = _content(f"{name}_FILE", environment[f"{name}_FILE"])
        if text is not None:
            return True, _read(row, name, text)
    if row.default is None:
        return False, None
    return True, _read(row, row.name, row.default)


def _read(row: Setting, name: str, text: str) -> object:
    try:
        return row.reads(text)
    except BadValue as problem:
        raise BadValue(f"{name}: {problem}") from None


def _content(variable: str, path: str) -> str:
    """Return the text of a secret's file without its final line end."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_LARGEST_SECRET_FILE + 1)
    except OSError as problem:
        raise BadValue(f"{variable}: {path} cannot be read ({problem.strerror})") from None
    if len(content) > _LARGEST_SECRET_FILE:
        raise BadValue(f"{variable}: {path} is larger than 1 MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadValue(f"{variable}: {path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise BadValue(f"{variable}: {path} is empty")
    return text


def _idle(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(environment):
        if name not in _KNOWN and environment[name]:
            why = why_idle(name)
            if why is not None:
                yield name, why


def _unknown(environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield GoTrue names that nobody knows, and Keyturn names that look like a slip of the pen."""
    for name in sorted(environment):
        if name in _KNOWN or why_idle(name) is not None:
            continue
        close = next(iter(difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.85)), None)
        if name.startswith("GOTRUE_") or (name.startswith(_OWN_PREFIX) and close):
            yield name, close

"""Settings of hooks, under GoTrue's own names: three variables per hook."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from keyturn.accounts.hooks import HookSettings, HookTarget, HttpHook, hook_address
from keyturn.secret import Secret
from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_parse import BadValue
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

_MEANINGS: Final[Mapping[str, str]] = {
    "custom_access_token": "Replaces the claims of access tokens.",
    "password_verification_attempt": "Hears of every password that was compared; may reject it.",
    "mfa_verification_attempt": "Hears of every second factor that was tried; may reject it.",
    "before_user_created": "Sees accounts before they are made; may refuse them.",
    "after_user_created": "Sees accounts after they were made.",
    "send_email": "Sends mail instead of the server.",
    "send_sms": "Sends text messages instead of the server.",
}
_SYMMETRIC: Final = "v1,whsec_"
_ASYMMETRIC: Final = "v1a,"


def hook_target(value: str) -> HookTarget:
    """Read the address of a hook."""
    try:
        return hook_address(value)
    except ValueError as problem:
        raise BadValue(str(problem)) from None


def hook_keys(value: str) -> tuple[Secret, ...]:
    """Read ``v1,whsec_<base64>``, several parted by ``|``; returns the raw keys."""
    return tuple(_key(part.strip()) for part in value.split("|"))


def _key(text: str) -> Secret:
    if text.startswith(_ASYMMETRIC):
        raise BadValue("asymmetric secrets (v1a,…) sign nothing in GoTrue either; use v1,whsec_…")
    if not text.startswith(_SYMMETRIC):
        raise BadValue("expected v1,whsec_<base64>, several parted by |")
    try:
        raw = base64.b64decode(text.removeprefix(_SYMMETRIC), validate=True)
    except binascii.Error:
        raise BadValue("expected base64 after v1,whsec_") from None
    if not 24 <= len(raw) <= 64:
        raise BadValue("expected keys of 24 to 64 bytes, as Standard Webhooks asks")
    return Secret(raw)


def _rows(name: str, meaning: str) -> Iterator[Setting]:
    prefix = f"GOTRUE_HOOK_{name.upper()}"
    yield _row(f"{prefix}_ENABLED", read.boolean, "false", f"hooks.{name}_enabled", meaning)
    yield Setting(
        f"{prefix}_URI",
        hook_target,
        None,
        (f"hooks.{name}_uri",),
        "Where it is: `https://…`, `http://` on this machine, or "
        "`pg-functions://postgres/<schema>/<function>`.",
        "hook address",
    )
    yield Setting(
        f"{prefix}_SECRETS",
        hook_keys,
        None,
        (f"hooks.{name}_secrets",),
        "What its requests are signed with: `v1,whsec_<base64>`, several parted by `|`.",
        "secret",
    )


HOOKS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Hooks": tuple(row for name, meaning in _MEANINGS.items() for row in _rows(name, meaning)),
}


def hook_settings(values: Mapping[str, Any]) -> HookSettings:
    """Return the hooks that are on; raises :class:`BadValue` for one that cannot be called."""
    found = {name: _enabled(name, values) for name in _MEANINGS if values.get(f"{name}_enabled")}
    return HookSettings(**found)


def _enabled(name: str, values: Mapping[str, Any]) -> HookTarget:
    target: HookTarget | None = values.get(f"{name}_uri")
    prefix = f"GOTRUE_HOOK_{name.upper()}"
    if target is None:
        raise BadValue(f"{prefix}_ENABLED takes {prefix}_URI")
    if not isinstance(target, HttpHook):
        return target
    keys = values.get(f"{name}_secrets")
    if not keys:
        raise BadValue(f"{prefix}_URI is a web address and takes {prefix}_SECRETS")
    return replace(target, keys=keys)

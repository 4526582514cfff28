"""Hooks: where an operator's own code takes part in a decision (gotrue.md §6.5).

A hook is a web address, signed as Standard Webhooks asks, or a function of the database. Here are
its name on the wire, its address, and what answers mean; calling it is an adapter's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from keyturn.accounts.errors import AuthError, ErrorRow
from keyturn.secret import Secret

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})
_FUNCTION_SCHEME: Final = "pg-functions"
# GoTrue's rule for names in the address of a function: what needs no thought about quoting.
_SQL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class HttpHook:
    """A hook at ``url``; ``keys`` are the raw bytes of its signing secrets, newest first."""

    url: str
    keys: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionHook:
    """A function of the database that takes and returns one JSON document."""

    schema: str
    name: str

    @property
    def address(self) -> str:
        """The address as it is configured."""
        return f"{_FUNCTION_SCHEME}://postgres/{self.schema}/{self.name}"


HookTarget = HttpHook | FunctionHook


@dataclass(frozen=True, slots=True)
class HookSettings:
    """Every hook; None: it is off (GoTrue's ``HOOK_<NAME>_*``)."""

    custom_access_token: HookTarget | None = None
    password_verification_attempt: HookTarget | None = None
    mfa_verification_attempt: HookTarget | None = None
    before_user_created: HookTarget | None = None
    after_user_created: HookTarget | None = None
    send_email: HookTarget | None = None
    send_sms: HookTarget | None = None


HOOK_NAMES: Final[Mapping[str, str]] = {
    "custom_access_token": "customize-access-token",
    "password_verification_attempt": "password-verification",
    "mfa_verification_attempt": "mfa-verification",
    "before_user_created": "before-user-created",
    "after_user_created": "after-user-created",
    "send_email": "send-email",
    "send_sms": "send-sms",
}
"""Field of :class:`HookSettings` → ``metadata.name`` of what is sent."""


def hook_address(text: str) -> HookTarget:
    """Read the address of a hook; an :class:`HttpHook` comes without keys.

    ``pg-functions://postgres/<schema>/<function>``, ``https://…``, or ``http://`` on this machine.
    Raises ``ValueError`` with the reason.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise ValueError("expected a URL") from None
    if parts.scheme == _FUNCTION_SCHEME:
        return _function(unquote(parts.path))
    if parts.scheme == "https" and host:
        return HttpHook(text)
    if parts.scheme == "http" and host in _LOCAL:
        return HttpHook(text)
    raise ValueError(
        "expected https://…, http:// on localhost, or pg-functions://postgres/<schema>/<function>"
    )


def _function(path: str) -> FunctionHook:
    names = path.removeprefix("/").split("/")
    if len(names) != 2 or not all(_SQL_NAME.fullmatch(name) for name in names):
        raise ValueError("expected pg-functions://postgres/<schema>/<function>, plain names only")
    return FunctionHook(*names)


class HookFailed(AuthError):
    """A hook objected, or could not be asked: its own words, or ours about it."""

    def __init__(self, status: int, message: str, error_code: str | None = None) -> None:
        """Without ``error_code`` it is what GoTrue fills in for an error that has none."""
        code = error_code or ("unexpected_failure" if status == 500 else "unknown")
        super().__init__(ErrorRow("hook", status, code, message))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a hook about an attempt decided."""

    rejected: bool = False
    message: str = ""
    log_out: bool = False


_UNREADABLE: Final = "Error unmarshaling JSON output."


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """The JSON object that a hook returned; empty when it returned nothing."""

    members: Mapping[str, object] = field(default_factory=dict)

    def raise_error(self) -> None:
        """Raise :class:`HookFailed` when the answer has an ``error`` with a message.

        An error without a message is none, as in GoTrue.
        """
        error = self.members.get("error")
        if not isinstance(error, Mapping):
            return
        message, status = error.get("message"), error.get("http_code")
        if not isinstance(message, str) or not message:
            return
        if isinstance(status, int) and 400 <= status <= 599:
            raise HookFailed(status, message)
        raise HookFailed(500, message)

    def decision(self, default_message: str) -> Decision:
        """Read the answer of an attempt hook; raises :class:`HookFailed` for wrong types."""
        members = self.members
        decision, message = members.get("decision") or "", members.get("message") or ""
        log_out = members.get("should_logout_user") or False
        if not (
            isinstance(decision, str) and isinstance(message, str) and isinstance(log_out, bool)
        ):
            raise HookFailed(500, _UNREADABLE)
        return Decision(decision == "reject", message or default_message, log_out)


def unreadable() -> HookFailed:
    """Return the error about an answer that is not a JSON object."""
    return HookFailed(500, _UNREADABLE)

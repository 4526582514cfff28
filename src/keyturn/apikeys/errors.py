"""What can go wrong with API keys."""

from __future__ import annotations

from keyturn.errors import Conflict, UsageError


class DuplicateName(Conflict):
    """An active API key of this kind already has this name."""

    code = "duplicate_name"
    default_hint = "Choose another name, or revoke that key first."


class BadName(UsageError):
    """An API key's name is 2 to 64 of a-z, 0-9 and _, and starts with a letter or _."""

    code = "bad_name"


class BadDescription(UsageError):
    """An API key's description is one line of at most 500 characters."""

    code = "bad_description"


class LegacyNameIsFixed(Conflict):
    """A legacy API key is named after its role, and keeps that name."""

    code = "legacy_name_is_fixed"
    default_hint = "Give it a description instead."


class UnknownApiKey(UsageError):
    """There is no such active API key."""

    code = "unknown_api_key"
    default_hint = "`keyturn apikeys list` shows every key."


class AmbiguousApiKey(UsageError):
    """Several API keys fit."""

    code = "ambiguous_api_key"
    default_hint = "Name it by its id."

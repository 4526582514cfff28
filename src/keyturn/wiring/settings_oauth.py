"""Settings of the OAuth 2.1 server, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

OAUTH_SERVER: Final[Mapping[str, tuple[Setting, ...]]] = {
    "OAuth server": (
        _row(
            "GOTRUE_OAUTH_SERVER_ENABLED",
            read.boolean,
            "false",
            "oauth.enabled",
            "Be an OAuth 2.1 server: other applications sign users in here.",
        ),
        _row(
            "GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION",
            read.boolean,
            "false",
            "oauth.dynamic_registration",
            "Anybody may register a client.",
        ),
        _row(
            "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH",
            read.text,
            None,
            "oauth.authorization_path",
            "Path of the application's consent page, below `GOTRUE_SITE_URL`.",
        ),
        _row(
            "GOTRUE_OAUTH_SERVER_AUTHORIZATION_TTL",
            read.timeout,
            "10m",
            "oauth.authorization_life",
            "How long a user may take to decide, and the client to use the code.",
        ),
        _row(
            "GOTRUE_OAUTH_SERVER_DEFAULT_SCOPE",
            read.text,
            "email",
            "oauth.default_scope",
            "Scopes of a request that names none.",
        ),
    ),
}

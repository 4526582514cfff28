"""Fits the settings to the age of schema `auth`: what it cannot hold is off, or stops the start."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from keyturn.accounts.auth_schema import FEATURES, LATER, Later, lacking
from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres.errors import AuthSchemaTooOld
from keyturn.adapters.postgres.migrations import PACKAGE
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.wiring.settings import Settings

VARIABLES: Final = {
    "refresh_v2": "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION=2",
    "oauth_server": "GOTRUE_OAUTH_SERVER_ENABLED=true",
    "passkeys": "GOTRUE_PASSKEY_ENABLED=true",
}
"""Feature → the variable that switches it on; custom providers are on unless they are off."""

_REFRESH_V2: Final = 2


async def fitted(settings: Settings, pool: Pool) -> Settings:
    """Return the settings that the schema behind ``pool`` can hold: one round trip.

    Raises ``AuthSchemaTooOld`` when a feature is switched on that it lacks the columns for.
    """
    rows = await pool.fetch(load(PACKAGE, "auth_absent"), [row.name for row in LATER])
    absent = {row["name"] for row in rows}
    if not absent:
        return settings
    for feature, row in unmet(settings.accounts, absent):
        raise AuthSchemaTooOld(
            f"{VARIABLES[feature]} needs auth.{row.name}, which this database does not have: "
            f"GoTrue makes it in its migration {row.since}.",
            hint=f"Unset the variable to go without {FEATURES[feature]}, or start a current GoTrue "
            "on this database once: it brings its own schema up.",
        )
    if lacking(absent, "custom_providers") is None:
        return settings
    external = replace(settings.accounts.external, custom_enabled=False)
    return replace(settings, accounts=replace(settings.accounts, external=external))


def unmet(settings: AuthSettings, absent: Collection[str]) -> list[tuple[str, Later]]:
    """Return the features that are switched on, each with the first thing that it lacks."""
    on = {
        "refresh_v2": settings.refresh_algorithm_version == _REFRESH_V2,
        "oauth_server": settings.oauth_server.enabled,
        "passkeys": settings.webauthn.passkeys,
    }
    lacks = ((feature, lacking(absent, feature)) for feature, enabled in on.items() if enabled)
    return [(feature, row) for feature, row in lacks if row is not None]

"""The rules of refreshing as PostgreSQL reads them, and statements that hold them as a constant.

As an argument the rules are encoded and decoded again at every refresh though they never change:
measured, a twentieth of what PostgreSQL spends on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres.pool import Pool

PLACE: Final = ":rules"
"""Where a statement names the rules."""
# PostgreSQL itself writes the literal, so that nothing here needs to know how to quote.
_LITERAL: Final = (
    "select quote_literal(($1::keyturn.refresh_rules)::text) || '::keyturn.refresh_rules'"
)


def refresh_rules(settings: AuthSettings) -> tuple[object, ...]:
    """Return the value of type ``keyturn.refresh_rules`` that ``settings`` mean."""
    return (
        settings.refresh_rotation,
        settings.refresh_reuse_interval,
        settings.refresh_allow_reuse,
        settings.refresh_upgrade_percentage,
        settings.sessions_timebox,
        settings.sessions_inactivity,
        settings.sessions_low_aal,
        settings.sessions_single_per_user,
        list(settings.sessions_tags),
        settings.audit_log_postgres,
    )


class RuledStatements:
    """Statements of one connection pool with the rules of the settings written into them."""

    def __init__(self, pool: Pool, *statements: str) -> None:
        """Each of ``statements`` has :data:`PLACE` where the rules belong."""
        self._pool = pool
        self._statements = statements
        self._settings: AuthSettings | None = None
        self._written: Mapping[str, str] = {}

    async def find(self, statement: str, settings: AuthSettings) -> str:
        """Return ``statement`` for ``settings``; writing it takes one round trip, once.

        A server has one settings object. With several in turn each change costs the round trip.
        """
        if settings is not self._settings:
            literal: str = await self._pool.fetchval(_LITERAL, refresh_rules(settings))
            self._written = {one: one.replace(PLACE, literal) for one in self._statements}
            self._settings = settings
            self._pool.prepare_always(self._written.values())
        return self._written[statement]

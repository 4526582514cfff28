"""The rules of refreshing as PostgreSQL reads them, and statements that hold them as a constant.

As an argument the rules are encoded and decoded again at every refresh though they never change:
measured, a twentieth of what PostgreSQL spends on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres.pool import Pool

PLACE: Final = ":rules"
"""Where a statement names the rules."""


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

    def find(self, statement: str, settings: AuthSettings) -> str:
        """Return ``statement`` for ``settings``, of which a server has only one."""
        if settings is not self._settings:
            rules = f"row({', '.join(map(_sql, refresh_rules(settings)))})::keyturn.refresh_rules"
            self._written = {one: one.replace(PLACE, rules) for one in self._statements}
            self._settings = settings
            self._pool.prepare_always(self._written.values())
        return self._written[statement]


def _sql(value: object) -> str:
    """Return ``value`` as a constant expression; text is in hexadecimal, so nothing quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, timedelta):
        seconds = value - timedelta(days=value.days)
        return f"make_interval(days => {value.days}, secs => {seconds.total_seconds():f})"
    if isinstance(value, str):
        return f"convert_from(decode('{value.encode().hex()}', 'hex'), 'UTF8')"
    if isinstance(value, list):
        return f"array[{', '.join(map(_sql, value))}]::text[]"
    raise TypeError(f"no rule is a {type(value).__name__}")

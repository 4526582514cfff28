"""The rules of refreshing are the same value whether they are an argument or written in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.refresh_rules import PLACE, RuledStatements, refresh_rules

if TYPE_CHECKING:
    from tests.conftest import Database

SHOW = f"select ({PLACE})::text"
AS_ARGUMENT = "select ($1::keyturn.refresh_rules)::text"


@pytest.mark.parametrize(
    "settings",
    [
        AuthSettings(),
        AuthSettings(
            refresh_rotation=False,
            refresh_reuse_interval=10,
            sessions_timebox=timedelta(days=1, hours=2),
            sessions_inactivity=timedelta(minutes=90),
            sessions_single_per_user=True,
            sessions_tags=("web", "mobile"),
        ),
        AuthSettings(
            sessions_tags=("it's", 'a "quote"', "back\\slash", "a,b", "{x}", "", "$1:rules")
        ),
    ],
)
async def test_written_in_is_the_same(database: Database, settings: AuthSettings) -> None:
    pool = await database.pool(size=1)
    await migrate(pool)
    statement = RuledStatements(pool, SHOW).find(SHOW, settings)
    assert await pool.fetchval(statement) == await pool.fetchval(
        AS_ARGUMENT, refresh_rules(settings)
    )


async def test_other_settings_are_other_statements(database: Database) -> None:
    pool = await database.pool(size=1)
    await migrate(pool)
    ruled = RuledStatements(pool, SHOW)
    long, short = (AuthSettings(refresh_reuse_interval=n) for n in (30, 5))
    shown = [await pool.fetchval(ruled.find(SHOW, one)) for one in (long, short, long)]
    assert shown[0] == shown[2] != shown[1]


async def test_connections_that_open_later_have_prepared_it(database: Database) -> None:
    pool = await database.pool(size=2)
    await migrate(pool)
    statement = RuledStatements(pool, SHOW).find(SHOW, AuthSettings())
    held = "select exists (select from pg_prepared_statements where statement = $1)"
    async with pool.connection(), pool.connection() as second:
        assert await second.fetchval(held, statement) is True

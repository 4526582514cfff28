"""The database fixture itself: migrated, separate, with the three logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Database


async def test_a_database_is_migrated_and_its_own(database: Database) -> None:
    pool = await database.pool()
    assert await pool.fetchval("select current_user::text") == "supabase_auth_admin"
    assert await pool.fetchval("select count(*) from auth.users") == 0
    await pool.execute("create table keyturn.only_here (id int)")


async def test_the_next_test_sees_nothing_of_it(database: Database) -> None:
    pool = await database.pool()
    assert await pool.fetchval("select to_regclass('keyturn.only_here') is null") is True

"""A real PostgreSQL for the tests: one cluster per worker, one database per test.

``async def`` tests run on uvloop, each on a loop of its own; what a test opened through
``database`` is closed on that loop when the test ends.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import uvloop
from tests.support.error_codes import expected, recorded

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.secret import Secret
from keyturn.secret_access import reveal

TEMPLATE = "keyturn_template"
SKIPPED = pytest.StashKey[bool]()
Eventually = Callable[[Callable[[], Awaitable[bool] | bool]], Awaitable[None]]
_numbers = itertools.count(1)


class Database:
    """A fresh, migrated database; roles belong to the cluster and are shared by all of them."""

    def __init__(self, cluster: EmbeddedPostgres, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self._pools: list[Pool] = []

    @property
    def dsn(self) -> Secret:
        """For the superuser ``postgres``."""
        return self.cluster.dsn("postgres", self.name)

    @property
    def auth_dsn(self) -> Secret:
        """For ``supabase_auth_admin``."""
        return self.cluster.dsn("supabase_auth_admin", self.name)

    @property
    def authenticator_dsn(self) -> Secret:
        """For ``authenticator``, as PostgREST connects."""
        return self.cluster.dsn("authenticator", self.name)

    async def pool(self, dsn: Secret | None = None, **options: Any) -> Pool:
        """Open a pool (``supabase_auth_admin``, four connections) that closes with the test."""
        pool = await Pool.open(dsn or self.auth_dsn, **{"size": 4, **options})
        self._pools.append(pool)
        return pool

    async def aclose(self) -> None:
        """Close what :meth:`pool` opened, on the loop that opened it."""
        while self._pools:
            await self._pools.pop().close()


_alive: list[Database] = []


async def _closing(test: Coroutine[Any, Any, None]) -> None:
    try:
        await test
    finally:
        for database in _alive:
            await database.aclose()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests on uvloop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        runner.run(_closing(pyfuncitem.obj(**arguments)))
    finally:
        # A warning that becomes an error inside uvloop's close makes it wait for ever.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            runner.close()
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return True


async def as_superuser(cluster: EmbeddedPostgres, *statements: str) -> None:
    """Run ``statements`` one by one, outside a transaction, in database ``postgres``."""
    connection = await asyncpg.connect(reveal(cluster.dsn("postgres")).decode())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _start_with_template(cluster: EmbeddedPostgres) -> None:
    await cluster.start()
    # Nobody pulls the plug of a test machine to check its results; kill -9 loses nothing so.
    await as_superuser(
        cluster,
        "alter system set fsync = off",
        "alter system set full_page_writes = off",
        "select pg_reload_conf()",
        f"create database {TEMPLATE}",
    )
    pool = await Pool.open(cluster.dsn("postgres", TEMPLATE), size=1)
    try:
        await migrate(pool)
    finally:
        await pool.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One running cluster per test worker, removed at the end."""
    root: Path = tmp_path_factory.mktemp("postgres") / "cluster"
    cluster = EmbeddedPostgres(root)
    try:
        asyncio.run(_start_with_template(cluster))
        yield cluster
    finally:
        asyncio.run(cluster.stop())
        cluster.destroy()


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A fresh database with every migration applied."""
    name = f"test_{next(_numbers)}"
    asyncio.run(as_superuser(postgres, f"create database {name} template {TEMPLATE}"))
    database = Database(postgres, name)
    _alive.append(database)
    yield database
    _alive.remove(database)
    asyncio.run(as_superuser(postgres, f"drop database {name} with (force)"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember that a test was skipped, so that nothing is expected of it afterwards."""
    if call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception):
        item.stash[SKIPPED] = True


@pytest.fixture(autouse=True)
def _error_codes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold tests that stand for an error code to it (``tests/support/error_codes.toml``)."""
    wanted = expected(request.node) if isinstance(request.node, pytest.Function) else set()
    if not wanted:
        yield
        return
    with recorded() as seen:
        yield
    if request.node.stash.get(SKIPPED, False):
        return
    assert wanted <= seen, f"not produced: {sorted(wanted - seen)}"


@pytest.fixture
def eventually() -> Eventually:
    """``await eventually(check)``: until ``check()`` is true, for ten seconds at most."""

    async def wait(check: Callable[[], Awaitable[bool] | bool]) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + 10
        while clock() < deadline:
            answer = check()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not happen within ten seconds")

    return wait

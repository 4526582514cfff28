"""Clusters that a test may kill."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keyturn.adapters.postgres.cluster import EmbeddedPostgres

if TYPE_CHECKING:
    from tests.conftest import Eventually


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A prepared cluster of the test's own, removed at its end."""
    cluster = EmbeddedPostgres(tmp_path / "pg")
    asyncio.run(cluster.prepare())
    yield cluster
    asyncio.run(cluster.stop())
    cluster.destroy()


@pytest.fixture
def crash(eventually: Eventually) -> Callable[[EmbeddedPostgres], Awaitable[None]]:
    """``kill -9`` the postmaster of a cluster and wait until it is gone."""

    async def kill(cluster: EmbeddedPostgres) -> None:
        pid = cluster.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: cluster.pid is None)

    return kill

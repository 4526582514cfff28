"""Clusters that a test may kill."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.gone import gone

from keyturn.adapters.postgres.cluster import EmbeddedPostgres


@pytest.fixture(scope="session")
def mold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster made once and never started, to copy: ``initdb`` costs a second."""
    root = tmp_path_factory.mktemp("mold") / "pg"
    cluster = EmbeddedPostgres(root)
    asyncio.run(cluster.prepare())
    cluster.close()
    (root / "port").unlink()
    return root


@pytest.fixture
def make(mold: Path, tmp_path: Path) -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Make clusters below ``tmp_path / "pg"`` that are gone when the test ends.

    The first is a copy of the mold unless it is to be ``fresh``.
    """
    made: list[EmbeddedPostgres] = []

    def cluster(root: Path = tmp_path / "pg", *, fresh: bool = False) -> EmbeddedPostgres:
        if not fresh and not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["/bin/cp", "-a", mold, root], check=True)
        made.append(EmbeddedPostgres(root))
        return made[-1]

    yield cluster
    for each in reversed(made):
        asyncio.run(each.stop())
        each.destroy()


@pytest.fixture
def own(make: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    """A prepared cluster of the test's own."""
    cluster = make()
    asyncio.run(cluster.prepare())
    return cluster


@pytest.fixture
def crash() -> Callable[[EmbeddedPostgres], Awaitable[None]]:
    """``kill -9`` the postmaster of a cluster and wait until all of it is gone."""

    async def kill(cluster: EmbeddedPostgres) -> None:
        pid = cluster.pid
        assert pid is not None
        postmaster = psutil.Process(pid)
        backends = postmaster.children()
        postmaster.kill()
        await asyncio.to_thread(postmaster.wait, 10)
        # Backends notice a moment later, and in it may begin what they do not finish.
        assert all([await gone(backend.pid) for backend in backends])
        assert cluster.pid is None

    return kill

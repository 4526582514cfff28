"""One running stack for the scenarios that only read or add to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.stack import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack as a newcomer gets it, with a table ``notes`` under row-level security."""
    with running(tmp_path_factory.mktemp("stack") / "data") as made:
        yield made


@pytest.fixture(scope="session")
def legacy_secret() -> str:
    """A shared HS256 secret as an old deployment has it, made for this run."""
    import secrets

    return secrets.token_urlsafe(40)


@pytest.fixture
def legacy_stack(tmp_path_factory: pytest.TempPathFactory, legacy_secret: str) -> Iterator[Stack]:
    """A stack that starts from an imported ``JWT_SECRET`` and legacy API keys."""
    folder = tmp_path_factory.mktemp("legacy") / "data"
    with running(folder, env={"GOTRUE_JWT_SECRET": legacy_secret}) as made:
        yield made

"""The gateway that most tests here share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.gateway.harness import Running, running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway for the tests of a module; those that publish put the usual keys back."""
    with running(tmp_path_factory.mktemp("gateway")) as stack:
        yield stack

"""A docker of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.docker_double import DockerDouble


@pytest.fixture
def docker(tmp_path: Path) -> DockerDouble:
    """Programs that record and enact; the deployment under test stands elsewhere."""
    return DockerDouble(tmp_path / "docker")

"""A ring on a real database."""

from __future__ import annotations

import pytest
from tests.conftest import Database
from tests.support.rings import Rings


@pytest.fixture
def rings(database: Database) -> Rings:
    """Rings on a fresh database."""
    return Rings(database)

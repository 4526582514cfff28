"""A busy machine is not a property of the code."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from tests.token_cache.desk import Desk, new_desk

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def desk() -> Desk:
    """A desk with an HS256 key."""
    return new_desk()

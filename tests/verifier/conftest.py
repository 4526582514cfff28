"""Issuers for the tests of the verifier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.verifier.issuer import Bench, Issuer, serving

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A healthy issuer with one key."""
    with serving() as one:
        yield one


@pytest.fixture
def bench(issuer: Issuer) -> Iterator[Bench]:
    """A verifier with the default policy; its clock stands still."""
    one = Bench(issuer)
    yield one
    one.verifier.close()

"""One fresh key per algorithm for the whole session: RSA generation is slow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, settings

from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.keys import SigningKey, generate

# A busy machine is not a property of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

KEYS: Mapping[str, SigningKey] = MappingProxyType(
    {name: generate(name, kid=f"kid-{name}") for name in ALGORITHMS}
)


@pytest.fixture(scope="session")
def keys() -> Mapping[str, SigningKey]:
    """One signing key per algorithm, by the algorithm's name."""
    return KEYS


@pytest.fixture(params=sorted(ALGORITHMS))
def key(request: pytest.FixtureRequest) -> SigningKey:
    """Each of the keys in turn."""
    return KEYS[request.param]


@pytest.fixture(params=sorted(name for name, row in ALGORITHMS.items() if not row.symmetric))
def asymmetric(request: pytest.FixtureRequest) -> SigningKey:
    """Each key that has a public half."""
    return KEYS[request.param]


@pytest.fixture
def now() -> datetime:
    """The moment at which these tests happen."""
    return datetime(2026, 11, 23, 22, 5, tzinfo=UTC)

"""What every framework is tested with: one issuer of tokens per test."""

from __future__ import annotations

import pytest
from tests.support.bearers import Issuer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()

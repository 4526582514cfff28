"""A deployment of its own for each test."""

from __future__ import annotations

import pytest
from tests.probe.asking import Stack


@pytest.fixture
def stack() -> Stack:
    return Stack()

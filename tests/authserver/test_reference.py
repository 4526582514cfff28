"""The reference names every endpoint, every absent path and every metric."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from keyturn.authserver.absent import ABSENT, Absent
from keyturn.authserver.metrics import PrometheusMetrics

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "auth-api.md").read_text("utf-8")


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: row.path)
def test_absent_paths_are_named(row: Absent) -> None:
    assert f"`{row.path}`" in PAGE
    assert f"`{row.error_code}`" in PAGE


async def test_endpoints_are_named(open_server: OpenAuth) -> None:
    documented = set(re.findall(r"^\| `([A-Z]+) (/[^`?]*)[^`]*` \|", PAGE, re.MULTILINE))
    absent = {(method, row.path) for row in ABSENT for method in row.methods}
    async with open_server() as auth:
        assert auth.app.routes.served - absent == documented


def test_metrics_are_named() -> None:
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    names = {family.name for family in registry.collect()}
    assert len(names) == 8
    for name in names:
        assert f"`{name}`" in PAGE or f"`{name}_total`" in PAGE

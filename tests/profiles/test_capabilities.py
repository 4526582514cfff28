"""Which images are too old for asymmetric keys, at both sides of each boundary."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.deployments import healthy

from keyturn.profiles.capabilities import too_old

BOUNDARIES = (
    ("auth", "supabase/gotrue:v2.156.0", "supabase/gotrue:v2.157.0"),
    ("realtime", "supabase/realtime:v2.30.22", "supabase/realtime:v2.30.23"),
    ("storage", "supabase/storage-api:v0.45.9", "supabase/storage-api:v0.46.0"),
)


@pytest.mark.parametrize(("service", "old", "new"), BOUNDARIES)
def test_the_first_version_that_knows_keys(
    service: str, old: str, new: str, tmp_path: Path
) -> None:
    made = healthy(tmp_path)
    made.set_image(service, old)
    (found,) = too_old(made.inventory())
    assert found.service.name == service
    assert f"{service} is {old.rpartition('v')[2]}; asymmetric keys need at least" in found.sentence
    made.set_image(service, new)
    assert too_old(made.inventory()) == ()


def test_a_version_that_cannot_be_told_counts_as_current(tmp_path: Path) -> None:
    made = healthy(tmp_path).set_image("auth", "supabase/gotrue:latest")
    assert too_old(made.inventory()) == ()

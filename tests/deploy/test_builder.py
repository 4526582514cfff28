"""The fixture deployments are what they claim to be, read by the real reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.deployments import ASYMMETRIC_ERAS, ERAS, JWKS_SETTINGS, healthy

from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.deploy.opened import text


@pytest.mark.parametrize("era", ERAS)
def test_every_era_reads_without_a_remark(tmp_path: Path, era: str) -> None:
    inventory = healthy(tmp_path, era).inventory()
    assert inventory.notes == ()
    assert inventory.unknown == ()
    assert inventory.gateway is not None
    assert inventory.gateway.kind is (Kind.ENVOY if era == "2026-envoy" else Kind.KONG)
    wanted = [kind for kind in VERIFIERS if era != "2023-kong" or kind is not Kind.FUNCTIONS]
    for kind in wanted:
        service = inventory.of_kind(kind)
        assert service is not None
        assert service.version is not None


@pytest.mark.parametrize("era", ASYMMETRIC_ERAS)
@pytest.mark.parametrize("in_use", [True, False])
def test_the_four_lines(tmp_path: Path, era: str, in_use: bool) -> None:
    made = healthy(tmp_path, era, asymmetric=in_use)
    inventory = made.inventory()
    for name, setting in JWKS_SETTINGS:
        service = inventory.services[name]
        assert (setting in service.settings) is in_use
        assert (setting in service.commented) is not in_use
    rest = inventory.services["rest"].value("PGRST_JWT_SECRET")
    assert text(rest) == (made.keys.jwt_jwks if in_use else made.keys.jwt_secret)


def test_what_an_editor_does(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    made.set("ANON_KEY", "x").unset("JWT_EXPIRY").comment("SITE_URL")
    made.comment_setting("storage", "JWT_JWKS").set_setting("rest", "PGRST_JWT_AUD", "me")
    made.unset_setting("auth", "GOTRUE_JWT_ISSUER").set_image("rest", "postgrest/postgrest:v12.0.2")
    made.remove_service("meta").add_service("redis", "image: redis:7")
    inventory = made.inventory()
    assert text(inventory.variables["ANON_KEY"]) == "x"
    assert "JWT_EXPIRY" not in inventory.variables
    assert "SITE_URL" in inventory.commented_variables
    assert "JWT_JWKS" in inventory.services["storage"].commented
    assert text(inventory.services["rest"].value("PGRST_JWT_AUD")) == "me"
    assert "GOTRUE_JWT_ISSUER" not in inventory.services["auth"].settings
    assert inventory.services["rest"].version == (12, 0, 2)
    assert "meta" not in inventory.services
    assert [one.name for one in inventory.unknown] == ["redis"]

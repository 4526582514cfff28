"""Edits as lines of a diff: the right line, the right sign, never a value."""

from __future__ import annotations

import pytest
from tests.support.deployments import Deployment, healthy

from keyturn.deploy.edit import (
    Edit,
    RemoveSetting,
    RemoveVariable,
    ReplaceFile,
    SetHealthcheck,
    SetSetting,
    SetVariable,
    UncommentSetting,
)
from keyturn.doctor.lines import Change, change_of, line_at
from keyturn.secret import Secret

NEW = "a-new-value-that-nobody-may-see"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with one line commented out on each side."""
    found = healthy(tmp_path_factory.mktemp("lines"))
    return found.comment_setting("storage", "JWT_JWKS").comment("SITE_URL")


def shown(made: Deployment, edit: Edit) -> tuple[Change, str | None]:
    """The change, and the line of the file at which it points."""
    change = change_of(edit, made.inventory())
    if change.place is None:
        return change, None
    return change, made.text(change.place.file).splitlines()[change.place.line - 1].strip()


def test_a_variable_is_replaced_where_it_stands(made: Deployment) -> None:
    change, line = shown(made, SetVariable("JWT_SECRET", Secret(NEW)))
    assert line == f"JWT_SECRET={made.keys.jwt_secret}"
    assert (change.removed or "").startswith("JWT_SECRET=…  (")
    assert (change.added or "").startswith("JWT_SECRET=…  (")
    assert change.removed != change.added


def test_a_key_document_is_told_by_its_kids(made: Deployment) -> None:
    change, _ = shown(made, SetVariable("JWT_JWKS", Secret(made.keys.jwt_jwks + "}")))
    assert f"{made.keys.ec.kid[:8]}…" in (change.removed or "")
    assert "oct" in (change.removed or "")
    assert "not JSON" in (change.added or "")


def test_a_commented_variable_is_uncommented_and_an_unknown_one_is_new(made: Deployment) -> None:
    change, line = shown(made, SetVariable("SITE_URL", Secret(NEW)))
    assert line == "#SITE_URL=https://app.example.com"
    assert change.removed == "#SITE_URL=…"
    new, nothing = shown(made, SetVariable("BRAND_NEW", Secret(NEW)))
    assert (new.file, new.place, new.removed, nothing) == (".env", None, None, None)


def test_a_variable_is_removed(made: Deployment) -> None:
    change, line = shown(made, RemoveVariable("ANON_KEY"))
    assert line == f"ANON_KEY={made.keys.anon}"
    assert change.added is None


def test_settings_of_the_compose_file(made: Deployment) -> None:
    on, line = shown(made, UncommentSetting("storage", "JWT_JWKS"))
    assert (on.removed, on.added) == (line, (line or "").removeprefix("#"))
    other, line = shown(made, SetSetting("auth", "GOTRUE_JWT_SECRET", "${OTHER}"))
    assert (other.removed, other.added) == (line, "GOTRUE_JWT_SECRET: ${OTHER}")
    new, nothing = shown(made, SetSetting("auth", "GOTRUE_NEW", "${OTHER}"))
    assert (new.file, new.removed, nothing) == ("docker-compose.yml", None, None)
    gone, line = shown(made, RemoveSetting("functions", "JWT_SECRET"))
    assert (gone.removed, gone.added) == (line, None)


def test_healthchecks_and_whole_files(made: Deployment) -> None:
    change, line = shown(made, SetHealthcheck("realtime", "${ANON_KEY}", "${HEALTH}"))
    assert "${ANON_KEY}" in (line or "")
    assert (change.removed, change.added) == ("${ANON_KEY}", "${HEALTH}")
    whole, _ = shown(made, ReplaceFile("volumes/api/kong.yml", Secret(NEW)))
    assert whole.file == "volumes/api/kong.yml"


@pytest.mark.parametrize(
    "edit",
    [
        SetVariable("JWT_SECRET", Secret(NEW)),
        SetVariable("NEW", Secret(NEW)),
        RemoveVariable("JWT_KEYS"),
        SetSetting("nobody", "X", "${Y}"),
        UncommentSetting("nobody", "X"),
        RemoveSetting("auth", "NOTHING"),
        SetHealthcheck("auth", "a", "b"),
        ReplaceFile("x", Secret(NEW)),
    ],
    ids=repr,
)
def test_no_edit_shows_a_value(made: Deployment, edit: Edit) -> None:
    printed = str(change_of(edit, made.inventory()).as_dict())
    assert NEW not in printed
    assert made.keys.jwt_secret not in printed
    assert str(made.keys.ec.jwk(private=True)["d"]) not in printed


def test_every_place_of_the_inventory_has_a_line_without_its_value(made: Deployment) -> None:
    found = made.inventory()
    for variable in found.variables.values():
        if variable.place:
            assert (line_at(found, variable.place) or "").startswith(f"{variable.name}=")
    for service in found.services.values():
        for setting in service.settings.values():
            line = line_at(found, setting.place)
            assert (line or "").startswith(f"{setting.name}:")

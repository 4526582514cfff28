"""Edits of a whole deployment: the file they land in, and what Compose then reads."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.deployments import ASYMMETRIC_ERAS, JWKS_SETTINGS, Deployment, healthy

from keyturn.adapters.deployment_files import FolderSource
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
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Rewriting, Style, rewrite
from keyturn.deploy.rewrite_dialect import Dialect, flat, is_trap
from keyturn.deploy.rewrite_dotenv import quoted, read_by_python_dotenv
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask
from keyturn.secret import Secret

IN_PLACE = Style(in_place=True)
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
ENTRIES = sorted(path for path in CORPUS.glob("*") if path.is_dir())
UNCOMMENT = tuple(UncommentSetting(service, name) for service, name in JWKS_SETTINGS)


def asymmetric(made: Deployment) -> tuple[Edit, ...]:
    """What the official script does: new values in .env, four lines uncommented."""
    values = {"JWT_KEYS": made.keys.jwt_keys, "JWT_JWKS": made.keys.jwt_jwks}
    return (*UNCOMMENT, *(SetVariable(name, Secret(value)) for name, value in values.items()))


def done(
    made: Deployment, edits: Sequence[Edit], style: Style | None = None, ask: Ask | None = None
) -> Rewriting:
    return rewrite(FolderSource(made.folder), ask or Ask(), edits, style)


def value(made: Deployment, result: Rewriting, service: str, name: str) -> str | None:
    overlay = Overlay(FolderSource(made.folder), dict(result.files))
    return text(inventory(overlay, Ask()).services[service].settings.get(name))


@pytest.mark.parametrize("era", ASYMMETRIC_ERAS)
@pytest.mark.parametrize("style", [Style(), IN_PLACE], ids=["override", "in place"])
def test_the_four_lines_of_the_official_script(tmp_path: Path, era: str, style: Style) -> None:
    made = healthy(tmp_path, era, asymmetric=False)
    result = done(made, asymmetric(made), style)
    assert value(made, result, "auth", "GOTRUE_JWT_KEYS") == made.keys.jwt_keys
    for service, name in JWKS_SETTINGS[1:]:
        assert value(made, result, service, name) == made.keys.jwt_jwks
    # PostgREST's line is active in the official file: it follows the variable.
    assert {"auth", "rest", "realtime", "storage", "functions"} == set(result.affected)
    where = "docker-compose.yml" if style.in_place else "docker-compose.override.yml"
    assert list(result.files) == [".env", where]


def test_in_place_changes_four_lines(tmp_path: Path) -> None:
    made = healthy(tmp_path, asymmetric=False)
    after = text(done(made, asymmetric(made), IN_PLACE).files["docker-compose.yml"])
    assert after is not None
    old, new = made.text().splitlines(), after.splitlines()
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert [a.replace("#", "", 1) for a, _ in changed] == [b for _, b in changed]
    assert len(changed) == 4


def test_an_override_of_our_own_is_marked_and_lists_only_what_is_needed(tmp_path: Path) -> None:
    made = healthy(tmp_path, asymmetric=False)
    after = text(done(made, asymmetric(made)).files["docker-compose.override.yml"])
    assert after is not None
    assert after.startswith("# Written by keyturn.")
    assert "docker-compose.yml" in after.splitlines()[0]
    assert after.splitlines()[1:5] == [
        "services:",
        "  auth:",
        "    environment:",
        "      GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}",
    ]


def test_the_users_own_override_is_patched(tmp_path: Path) -> None:
    mine = "# mine\nservices:\n  auth:\n    ports: ['1:1']  # keep\n  x:\n    image: y\n"
    made = healthy(tmp_path, asymmetric=False).write("docker-compose.override.yml", mine)
    after = text(done(made, asymmetric(made)).files["docker-compose.override.yml"]) or ""
    assert "    ports: ['1:1']  # keep\n    environment:\n      GOTRUE_JWT_KEYS" in after
    assert "    image: y\n  # added by keyturn\n  realtime:\n    environment:\n" in after
    kept = [line for line in after.splitlines(keepends=True) if line in mine.splitlines(True)]
    assert "".join(kept).startswith(mine[:30])


@pytest.mark.parametrize(
    ("base", "override"),
    [
        ("compose.yaml", "compose.override.yaml"),
        ("docker-compose.yaml", "docker-compose.override.yaml"),
    ],
)
def test_the_override_has_the_name_that_every_compose_looks_for(
    tmp_path: Path, base: str, override: str
) -> None:
    made = healthy(tmp_path, asymmetric=False, compose_name=base)
    assert list(done(made, asymmetric(made)).files) == [".env", override]


def test_with_files_named_there_is_no_override_and_it_is_said(tmp_path: Path) -> None:
    made = healthy(tmp_path, asymmetric=False)
    told = done(made, asymmetric(made), ask=Ask(files=("docker-compose.yml",)))
    assert list(told.files) == [".env", "docker-compose.yml"]
    assert "would not see an override" in told.notes[0]
    made.set("COMPOSE_FILE", "docker-compose.yml")
    assert "COMPOSE_FILE" in done(made, asymmetric(made)).notes[0]


def test_a_healthcheck_in_override_keeps_interval_and_command(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    edits = (
        SetVariable("HEALTH_TOKEN", Secret("abc")),
        SetHealthcheck("realtime", "${ANON_KEY}", "${HEALTH_TOKEN}"),
    )
    for style in (Style(), IN_PLACE, Style(dialect=Dialect.PODMAN)):
        result = done(made, edits, style)
        overlay = Overlay(FolderSource(made.folder), dict(result.files))
        before = text(made.inventory().services["realtime"].healthcheck) or ""
        after = text(inventory(overlay, Ask()).services["realtime"].healthcheck) or ""
        assert after == before.replace(made.keys.anon, "abc")
        assert after != before
        assert result.affected == ("realtime",)


def test_removing_goes_to_the_file_that_has_it(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    result = done(made, [RemoveSetting("storage", "JWT_JWKS"), RemoveVariable("JWT_JWKS")])
    assert value(made, result, "storage", "JWT_JWKS") is None
    assert set(result.files) == {".env", "docker-compose.yml"}
    assert "cannot take JWT_JWKS away" in result.notes[0]


def test_a_rendered_file_is_replaced_after_variables_and_before_compose(tmp_path: Path) -> None:
    made = healthy(tmp_path, "2026-kong", asymmetric=False)
    edits = (*asymmetric(made), ReplaceFile("volumes/api/kong.yml", Secret("x: 1\n"), 0o600))
    result = done(made, edits)
    assert list(result.files) == [".env", "volumes/api/kong.yml", "docker-compose.override.yml"]
    assert result.modes == {"volumes/api/kong.yml": 0o600}
    assert "kong" in result.affected


def test_nothing_to_do_is_no_file(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    assert done(made, asymmetric(made)).files == {}


def test_the_process_environment_outranks_and_is_named(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    ask = Ask(environment={"JWT_KEYS": "[]"})
    with pytest.raises(CannotRewrite, match=r"\.env:1: JWT_KEYS is set in the environment") as e:
        done(made, [SetVariable("JWT_KEYS", Secret("new"))], ask=ask)
    assert "unset JWT_KEYS" in (e.value.hint or "")


def test_a_setting_that_a_later_file_outranks_is_written_there(tmp_path: Path) -> None:
    later = "services:\n  auth:\n    environment:\n      GOTRUE_JWT_EXP: 60\n"
    made = healthy(tmp_path).write("later.yml", later)
    ask = Ask(files=("docker-compose.yml", "later.yml"))
    result = done(made, [SetSetting("auth", "GOTRUE_JWT_EXP", "90")], ask=ask)
    assert text(result.files["later.yml"]) == later.replace("60", '"90"')


def test_the_file_that_carries_the_comment_is_uncommented(tmp_path: Path) -> None:
    later = (
        "services:\n  auth:\n    restart: 'no'\n  x:\n    environment:\n      #API_JWT_JWKS: a\n"
    )
    later += "      B: c\n  realtime:\n    restart: 'no'\n"
    made = healthy(tmp_path, asymmetric=False).write("later.yml", later)
    made.set("JWT_JWKS", made.keys.jwt_jwks)
    ask = Ask(files=("docker-compose.yml", "later.yml"))
    result = done(made, [UncommentSetting("realtime", "API_JWT_JWKS")], ask=ask)
    assert list(result.files) == ["docker-compose.yml"]


@pytest.mark.parametrize("shape", ["environment: {A: 1}", "environment: *shared"])
def test_what_cannot_be_patched_can_be_overridden(tmp_path: Path, shape: str) -> None:
    made = healthy(tmp_path).add_service("mine", f"image: x\n{shape}")
    made.rewrite("docker-compose.yml", lambda text: "x-env: &shared\n  A: 1\n" + text)
    edit = SetSetting("mine", "B", "${JWT_JWKS}")
    result = done(made, [edit])
    assert value(made, result, "mine", "B") == made.keys.jwt_jwks
    assert value(made, result, "mine", "A") == "1"
    with pytest.raises(CannotRewrite, match="not a block"):
        done(made, [edit], IN_PLACE)


def test_a_service_that_only_an_include_defines_is_refused(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    with pytest.raises(CannotRewrite, match="elsewhere is not defined in the compose files"):
        done(made, [SetSetting("elsewhere", "A", "1")], IN_PLACE)


@pytest.mark.parametrize("dialect", [Dialect.COMPOSE_V1, Dialect.PODMAN])
def test_old_readers_get_no_nested_braces(tmp_path: Path, dialect: Dialect) -> None:
    made = healthy(tmp_path, asymmetric=False)
    result = done(made, asymmetric(made), Style(in_place=True, dialect=dialect))
    overlay = Overlay(FolderSource(made.folder), dict(result.files))
    found = inventory(overlay, Ask())
    for service in ("auth", "rest", "realtime", "storage", "functions"):
        for setting in found.services[service].settings.values():
            assert not is_trap(setting.template or "")
    assert text(found.services["rest"].settings["PGRST_JWT_SECRET"]) == made.keys.jwt_jwks


@pytest.mark.parametrize(
    ("template", "is_set", "expected"),
    [
        ('${J:-{"keys":[]}}', True, "${J}"),
        ('${J:-{"keys":[]}}', False, '{"keys":[]}'),
        ("${A:-${B}}", True, "${A}"),
        ("${A:-${B}}", False, "${B}"),
        ("x${A:-${B}}", True, None),
        ("${A:-a${B}}", False, None),
    ],
)
def test_flat(template: str, is_set: bool, expected: str | None) -> None:
    assert is_trap(template)
    assert flat(template, lambda _: is_set) == expected


@pytest.mark.skipif(not ENTRIES, reason="the corpus of real deployments is not beside the checkout")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
@pytest.mark.parametrize("style", [Style(), IN_PLACE], ids=["override", "in place"])
def test_real_files_take_the_four_settings(entry: Path, style: Style) -> None:
    ask = Ask(env_files=(".env.example",))
    source = FolderSource(entry)
    services = inventory(source, ask).services
    edits: list[Edit] = [SetVariable("JWT_JWKS", Secret('{"keys":[]}'), file=".env.example")]
    edits += [
        SetSetting(service, name, "${JWT_JWKS}")
        for service, name in JWKS_SETTINGS
        if service in services
    ]
    result = rewrite(source, ask, edits, style)
    after = inventory(Overlay(source, dict(result.files)), ask)
    for edit in edits:
        if isinstance(edit, SetSetting):
            assert text(after.services[edit.service].settings[edit.name]) == '{"keys":[]}'
    for path, content in result.files.items():
        old = (source.read(path) or b"").decode().splitlines()
        new = (text(content) or "").splitlines()
        assert len([line for line in old if line not in new]) <= 4


@pytest.mark.parametrize("value", ["it's $5", "${X}", "a b\\\\c", "x'${Y}"])
def test_what_old_readers_would_misread_is_refused(tmp_path: Path, value: str) -> None:
    made, edit = healthy(tmp_path), SetVariable("SITE_URL", Secret(value))
    with pytest.raises(CannotRewrite, match="SITE_URL has quotes") as refusal:
        done(made, [edit], Style(dialect=Dialect.PODMAN))
    assert value not in str(refusal.value)
    assert done(made, [edit]).files


@settings(deadline=None)
@given(st.text(st.sampled_from("aZ09 '\"$\\{}[]#\n:=,"), max_size=12))
def test_the_others_python_dotenv_reads(value: str) -> None:
    if read_by_python_dotenv(value):
        assert dotenv_values(stream=StringIO(f"K={quoted(value)}\n"))["K"] == value


def test_a_service_with_the_env_file_follows_it(tmp_path: Path) -> None:
    made = healthy(tmp_path).add_service("mine", "image: mine\nenv_file: .env")
    result = done(made, [SetVariable("SITE_URL", Secret("https://b.example.com"))])
    assert set(result.affected) == {"auth", "mine"}
    assert value(made, result, "mine", "SITE_URL") == "https://b.example.com"


UNMEANT: dict[str, tuple[Edit | None, str]] = {
    "another file's settings": (None, "GOTRUE_JWT_EXP"),
    "a profile": (SetVariable("COMPOSE_PROFILES", Secret("x")), "list of services"),
    "an env_file that still gives it": (
        RemoveSetting("storage", "JWT_JWKS"),
        "JWT_JWKS of storage",
    ),
}


@pytest.mark.parametrize("what", UNMEANT)
def test_what_nobody_asked_for_is_refused(tmp_path: Path, what: str) -> None:
    made = healthy(tmp_path).add_service("mine", "image: mine\nprofiles: [x]")
    made.replace("docker-compose.yml", "  storage:\n", "  storage:\n    env_file: .env\n")
    edit, says = UNMEANT[what]
    other = made.text().replace("GOTRUE_JWT_EXP", "GOTRUE_JWT_EXPIRES")
    with pytest.raises(CannotRewrite, match=f"{says}.* would not be what was meant"):
        done(made, [edit or ReplaceFile("docker-compose.yml", Secret(other))])


@pytest.mark.skipif(not ENTRIES, reason="the corpus of real deployments is not beside the checkout")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_real_files_lose_one_sign_per_line(entry: Path) -> None:
    ask, source = Ask(env_files=(".env.example",)), FolderSource(entry)
    carried = inventory(source, ask).services
    edits = [
        UncommentSetting(service, name)
        for service, name in JWKS_SETTINGS
        if service in carried and name in carried[service].commented
    ]
    for path, content in rewrite(source, ask, edits, IN_PLACE).files.items():
        old = (source.read(path) or b"").decode().splitlines()
        new = (text(content) or "").splitlines()
        changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        assert [a.replace("#", "", 1) for a, _ in changed] == [b for _, b in changed]
        assert len(changed) == len(edits)

"""Which files Compose takes, and how they are laid over each other."""

from __future__ import annotations

import pytest
from tests.deploy.memory import codes, given, read

from keyturn.deploy.opened import text
from keyturn.deploy.place import Unreadable
from keyturn.deploy.setting import Origin

ONE = "services:\n  a:\n    image: x\n    environment: {FROM: %s, E: $E}\n"


def files(*names: str) -> dict[str, str | bytes]:
    return {name: ONE % name for name in names}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("docker-compose.yaml",), "docker-compose.yaml"),
        (("docker-compose.yaml", "docker-compose.yml"), "docker-compose.yml"),
        (("docker-compose.yml", "compose.yml"), "compose.yml"),
        (("compose.yml", "compose.yaml"), "compose.yaml"),
        (("compose.yaml", "compose.override.yaml"), "compose.override.yaml"),
        (("compose.yaml", "compose.override.yaml", "compose.override.yml"), "compose.override.yml"),
        (("docker-compose.yml", "docker-compose.override.yml"), "docker-compose.override.yml"),
        # The override need not match the main file's name.
        (("docker-compose.yml", "compose.override.yml"), "compose.override.yml"),
    ],
)
def test_default_names_in_composes_order(names: tuple[str, ...], expected: str) -> None:
    assert given(files(*names))["FROM"] == expected


def test_what_is_not_reached_is_said() -> None:
    found = read(files("compose.yaml", "docker-compose.yml"))
    note = next(one for one in found.notes if one.code == "not_reached")
    assert note.place is not None
    assert note.place.file == "docker-compose.yml"


def test_files_that_are_named() -> None:
    three = files("compose.yaml", "compose.override.yaml", "b.yml")
    assert given(three, files=("compose.yaml",))["FROM"] == "compose.yaml"
    assert given(three, files=("compose.yaml", "b.yml"))["FROM"] == "b.yml"
    assert given(three, files=("b.yml", "compose.yaml"))["FROM"] == "compose.yaml"


def test_compose_file_from_the_environment_and_from_dot_env() -> None:
    three = files("compose.yaml", "a.yml", "b.yml")
    assert given(three, environment={"COMPOSE_FILE": "a.yml:b.yml"})["FROM"] == "b.yml"
    assert given({**three, ".env": "COMPOSE_FILE=a.yml"})["FROM"] == "a.yml"
    split = {"COMPOSE_FILE": "b.yml;a.yml", "COMPOSE_PATH_SEPARATOR": ";"}
    assert given(three, environment=split)["FROM"] == "a.yml"
    assert given({**three, ".env": "COMPOSE_FILE=a.yml"}, files=("b.yml",))["FROM"] == "b.yml"


def test_a_named_file_that_is_not_there() -> None:
    with pytest.raises(Unreadable, match=r"^nowhere\.yml: there is no"):
        read(files("compose.yaml"), files=("nowhere.yml",))
    with pytest.raises(Unreadable, match="no such env file"):
        read(files("compose.yaml"), env_files=("nowhere.env",))


def test_a_folder_without_a_compose_file() -> None:
    with pytest.raises(Unreadable) as caught:
        read({"README.md": "x"})
    assert "no compose file" in caught.value.message
    assert caught.value.hint is not None
    assert "docker-compose.yml" in caught.value.hint


def test_the_process_outranks_env_files_and_the_last_env_file_the_first() -> None:
    all_files = {**files("compose.yaml"), ".env": "E=0", "1.env": "E=1\nX=1", "2.env": "E=2"}
    assert given(all_files)["E"] == "0"
    assert given(all_files, env_files=("1.env",))["E"] == "1"
    assert given(all_files, env_files=("1.env", "2.env"))["E"] == "2"
    assert given(all_files, env_files=("1.env",), environment={"E": "p"})["E"] == "p"
    assert given(all_files, environment={"COMPOSE_ENV_FILES": "1.env,2.env"})["E"] == "2"
    assert given(all_files, environment={"COMPOSE_DISABLE_ENV_FILE": "true"})["E"] == ""
    both = read(all_files, env_files=("1.env", "2.env"))
    assert both.duplicates == {}
    assert text(both.variables["X"]) == "1"


def test_a_later_env_file_sees_the_earlier() -> None:
    all_files = {**files("compose.yaml"), "1.env": "A=1", "2.env": "E=${A}2"}
    assert given(all_files, env_files=("1.env", "2.env"))["E"] == "12"


def test_where_a_variable_comes_from() -> None:
    found = read({**files("compose.yaml"), ".env": "\nE=1\nE=2"}, environment={"Z": "1"})
    assert found.variables["E"].origin is Origin.DOT_ENV
    assert str(found.variables["E"].place) == ".env:3"
    assert [str(place) for place in found.duplicates["E"]] == [".env:2", ".env:3"]
    assert "Z" not in found.variables
    process = read(files("compose.yaml"), environment={"E": "1"})
    assert process.variables["E"].origin is Origin.PROCESS
    assert process.variables["E"].place is None


def test_no_dot_env_but_an_example() -> None:
    example = {**files("compose.yaml"), ".env.example": "E=demo"}
    found = read(example)
    assert codes(found.notes)[:1] == ["no_env_file"]
    assert ".env.example" in found.notes[0].message
    assert given(example)["E"] == ""
    assert given(example, env_files=(".env.example",))["E"] == "demo"
    assert "no_env_file" not in codes(read(example, env_files=(".env.example",)).notes)


def test_project_directory() -> None:
    elsewhere = {"sub/c.yml": ONE % "sub", "sub/.env": "E=sub", ".env": "E=top"}
    assert given(elsewhere, files=("sub/c.yml",))["E"] == "sub"
    assert given(elsewhere, files=("sub/c.yml",), project_directory=".")["E"] == "top"
    found = given({"sub/compose.yaml": ONE % "s", "sub/.env": "E=s"}, project_directory="sub")
    assert found == {"FROM": "s", "E": "s"}


def test_the_projects_name() -> None:
    named = {"compose.yaml": "name: supa\n" + ONE % "x"}
    assert read(named).project == "supa"
    assert read(named, environment={"COMPOSE_PROJECT_NAME": "other"}).project == "other"
    assert read(files("compose.yaml")).project is None


def test_what_was_read_is_remembered() -> None:
    found = read({**files("compose.yaml"), ".env": "E=1"})
    assert sorted(one.path for one in found.files) == [".env", "compose.yaml"]
    assert all(len(one.sha256) == 64 and one.mode == 0o600 for one in found.files)


MERGES = [
    ("environment: {A: 1, B: 2}", "environment: {B: 3, C: 4}", {"A": "1", "B": "3", "C": "4"}),
    ("environment: [A=1, B=2]", "environment: [B=3, C=4]", {"A": "1", "B": "3", "C": "4"}),
    ("environment: {A: 1, B: 2}", "environment: [B=3]", {"A": "1", "B": "3"}),
    ("environment: [A=1, B=2]", "environment: {A: 3}", {"A": "3", "B": "2"}),
    ("environment: {A: 1}", "environment: !override {B: 2}", {"B": "2"}),
    ("environment: {A: 1}", "environment: !reset {}", {}),
    ("environment: {A: 1}", "environment: !reset null", {}),
    ("environment: {A: 1, B: 2}", "environment: {A: !reset null}", {"B": "2"}),
    ("environment: {A: 1}", "hostname: h", {"A": "1"}),
    ("environment: {A: 1}", "environment: {A: }", {"A": None}),
]


@pytest.mark.parametrize(("base", "over", "expected"), MERGES)
def test_environments_are_merged_by_name(
    base: str, over: str, expected: dict[str, str | None]
) -> None:
    stack: dict[str, str | bytes] = {
        "compose.yaml": f"services:\n  a:\n    image: x\n    {base}\n",
        "compose.override.yaml": f"services:\n  a:\n    {over}\n",
    }
    assert given(stack) == expected


def test_commands_are_replaced_and_lists_joined() -> None:
    stack: dict[str, str | bytes] = {
        "compose.yaml": """
services:
  a:
    image: x
    command: [one, two]
    healthcheck: {test: [CMD, old], interval: 5s}
    env_file: one.env
    volumes: [./kong.yml:/k/kong.yml, ./b:/b]
""",
        "compose.override.yaml": """
services:
  a:
    image: kong:3
    command: three
    healthcheck: {test: [CMD, new]}
    env_file: [two.env]
    volumes: [./other.yml:/k/kong.yml]
""",
        "one.env": "A=1\nB=1",
        "two.env": "B=2",
        "kong.yml": "first",
        "other.yml": "second",
    }
    service = read(stack).services["a"]
    assert text(service.command) == "three"
    assert text(service.healthcheck) == "CMD new"
    assert {n: text(one) for n, one in service.settings.items()} == {"A": "1", "B": "2"}
    assert [(one.path, one.text) for one in service.documents] == [("other.yml", "second")]
    assert service.version == (3,)


def test_documents_of_one_file_are_laid_over_each_other() -> None:
    one = "services: {a: {image: x, environment: {A: %d}}}\n"
    two = f"{one % 1}---\n{one % 2}"
    assert given({"compose.yaml": two}) == {"A": "2"}


@pytest.mark.parametrize(
    ("line", "ask", "starts"),
    [
        ("profiles: [off]", {}, False),
        ("profiles: [off]", {"profiles": ("off",)}, True),
        ("profiles: [off]", {"environment": {"COMPOSE_PROFILES": "x, off"}}, True),
        ("profiles: [off]", {"environment": {"COMPOSE_PROFILES": "*"}}, True),
        ("profiles: []", {}, True),
        ("scale: 0", {}, False),
        ("deploy: {replicas: 0}", {}, False),
    ],
)
def test_services_that_are_not_started(line: str, ask: dict[str, object], starts: bool) -> None:
    text_of = f"services:\n  a:\n    image: x\n  kong:\n    image: kong:3\n    {line}\n"
    found = read({"compose.yaml": text_of}, **ask)
    assert ("kong" in found.services) is starts
    assert (found.gateway is not None) is starts
    assert ("not_reached" in codes(found.notes)) is not starts

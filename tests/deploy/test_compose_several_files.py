"""``include`` and ``extends``: other files of the same deployment."""

from __future__ import annotations

import pytest
from tests.deploy.memory import codes, given, read

from keyturn.deploy.place import Unreadable

Files = dict[str, str | bytes]


def extending(how: str, **more: str | bytes) -> Files:
    text = f"""
services:
  base:
    image: kong:3.9
    command: base
    environment: {{A: base, B: base}}
  a:
    extends: {how}
    environment: {{B: own}}
"""
    return {"compose.yaml": text, **more}


def test_extends_within_the_file() -> None:
    for how in ("base", "{service: base}"):
        found = read(extending(how)).services["a"]
        assert found.image == "kong:3.9"
        assert given(extending(how)) == {"A": "base", "B": "own"}
    places = read(extending("base")).services["a"].settings
    assert (places["A"].place.line, places["B"].place.line) == (6, 9)


def test_extends_another_file_with_paths_of_its_own() -> None:
    other = """
services:
  root:
    image: kong:3
    env_file: here.env
    volumes: [./kong.yml:/k.yml]
  base:
    extends: root
    environment: [C=$X]
"""
    made = extending(
        "{service: base, file: sub/common.yml}",
        **{"sub/common.yml": other, "sub/here.env": "D=d", "sub/kong.yml": "text", ".env": "X=x"},
    )
    assert given(made) == {"C": "x", "B": "own", "D": "d"}
    (document,) = read(made).services["a"].documents
    assert (document.path, document.text) == ("sub/kong.yml", "text")
    assert str(document.place) == "sub/common.yml:6"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("nobody", "extended service is not in compose.yaml"),
        ("{service: base, file: gone.yml}", "not there"),
        ("a", "circle"),
        ("{file: compose.yaml}", "must name a service"),
    ],
)
def test_extends_that_leads_nowhere(how: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(extending(how))


def including(how: str, **more: str | bytes) -> Files:
    return {
        "compose.yaml": f"include:\n  - {how}\nservices:\n  own:\n    image: x\n",
        ".env": "X=top",
        **more,
    }


PART = """
services:
  a:
    image: kong:3
    env_file: a.env
    environment:
      X: ${X}
      Y: ${Y:-unset}
      Z:
    volumes: [./kong.yml:/k.yml]
"""
SUB: Files = {
    "sub/part.yml": PART,
    "sub/a.env": "E=sub",
    "sub/kong.yml": "sub",
    "sub/.env": "X=sub\nY=sub\nZ=sub",
}


def test_include_has_its_own_folder_and_env_file_but_the_includer_outranks_it() -> None:
    made = including("sub/part.yml", **SUB)
    assert given(made) == {"X": "top", "Y": "sub", "Z": "sub", "E": "sub"}
    assert read(made).services["a"].documents[0].path == "sub/kong.yml"
    assert set(read(made).services) == {"a", "own"}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("{path: sub/part.yml, env_file: other.env}", {"Y": "other", "Z": None, "E": "sub"}),
        ("{path: [sub/part.yml], env_file: [other.env]}", {"Y": "other", "Z": None, "E": "sub"}),
        ("{path: sub/part.yml, project_directory: .}", {"Y": "unset", "Z": None, "E": "top"}),
        ("{path: [sub/part.yml, over.yml]}", {"Y": "over", "Z": "sub", "E": "sub"}),
    ],
)
def test_the_long_form_of_include(how: str, expected: dict[str, str | None]) -> None:
    more: Files = {
        "other.env": "Y=other",
        "a.env": "E=top",
        "kong.yml": "top",
        "over.yml": "services: {a: {environment: {Y: over}}}",
    }
    assert given(including(how, **{**SUB, **more})) == {"X": "top", **expected}


def test_an_override_may_change_an_included_service() -> None:
    made = including("sub/part.yml", **SUB)
    made["compose.override.yaml"] = "services: {a: {environment: {Y: override}}}"
    assert given(made)["Y"] == "override"


@pytest.mark.parametrize(
    ("how", "more", "words"),
    [
        ("gone.yml", {}, "gone.yml is not there"),
        ("{path: []}", {}, "needs a path"),
        ("compose.yaml", {}, "circle"),
        ("b.yml", {"b.yml": "include: [compose.yaml]"}, "circle"),
        ("b.yml", {"b.yml": "services: {own: {image: y}}"}, "also defined by an included file"),
        ("{path: b.yml, env_file: no.env}", {"b.yml": "services: {}"}, "no.env is not there"),
    ],
)
def test_includes_that_compose_refuses(how: str, more: Files, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(including(how, **more))


@pytest.mark.parametrize(
    "how", ["https://example.com/x.git", "oci://example.com/x:1", "git@example.com:x.git"]
)
def test_includes_from_elsewhere_are_said_and_not_fetched(how: str) -> None:
    assert "not_reached" in codes(read(including(how)).notes)

"""What Compose refuses is refused with file, line, column and a sentence, and no value."""

from __future__ import annotations

import pytest
from tests.deploy.memory import compose, read

from keyturn.deploy.place import Place, Unreadable


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("services:\n\ta: {}\n", 2, 1, "cannot start any token"),
        ("services:\n  a:\n    image: x\n   environment: {}\n", 4, 4, "expected"),
        ("services:\n  a: 'hunter2\n", 3, 1, "unexpected end of stream"),
        ("services: [\n  a: {}\nb: hunter2\n", 3, 1, "expected ',' or '\\]'"),
        ("services:\n  a: &x {}\n  b: *y\n", 3, 6, "anchor"),
        ("services:\n  a:\n    image: x\n    image: y\n", 4, 5, "stands twice"),
        ("services:\n  a: {}\n  a: {}\n", 3, 3, "stands twice"),
        ("services:\n  a: hunter2: x\n", 2, 13, "mapping values"),
        ("services:\n  ? [a]\n  : b\n", 2, 5, "key of a mapping"),
        ("services:\n  a:\n    <<: hunter2\n", 3, 9, "merged with <<"),
        ("", 1, 1, "empty"),
        ("# hunter2\n", 1, 1, "empty"),
        ("---\n", 2, 1, "a compose file must be a mapping"),
        ("services:\n", 1, 10, "services must be a mapping"),
        ("services:\n  a:\n  b: {}\n", 2, 3, "a service must be a mapping"),
        ("services:\n  a:\n    image: x\n    environment:\n", 4, 5, "environment must be"),
        ("services:\n  a:\n    environment: hunter2\n", 3, 5, "environment must be"),
        ("services:\n  a:\n    environment: {A: 1}\n    JWT_KEYS: hunter2\n", 4, 5, "no key of"),
        ("services: [a]\n", 1, 11, "services must be a mapping"),
        ("secrets: hunter2\n", 1, 10, "secrets must be a mapping"),
        ("- hunter2\n", 1, 1, "a compose file must be a mapping"),
        ("hunter2\n", 1, 1, "a compose file must be a mapping"),
        ("services:\n  a:\n    environment: {A: [hunter2]}\n", 3, 22, "A must be a text"),
        ("services:\n  a:\n    environment: {A: 'x${'}\n", 3, 22, "interpolation"),
        ("services:\n  a:\n    environment: {A: '${N_A:?hunter2}'}\n", 3, 22, "N_A is required"),
        ("services:\n  a:\n    env_file: [[x]]\n", 3, 16, "needs a path"),
    ],
)
def test_a_sentence_and_a_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        read({"compose.yaml": text})
    assert caught.value.place == Place("compose.yaml", line, column)
    shown = f"{caught.value} {caught.value!r} {caught.value.as_dict()}"
    assert "hunter2" not in shown
    assert shown.startswith(f"compose.yaml, line {line}, column {column}: ")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("content", "line", "column", "words"),
    [
        (b"services: {}\n# caf\xe9\n", 2, 6, "not UTF-8"),
        (b"services: {}\n# \x01\n", 2, 3, "forbidden character"),
    ],
)
def test_bytes_that_are_no_text(content: bytes, line: int, column: int, words: str) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        read({"compose.yaml": content})
    assert caught.value.place == Place("compose.yaml", line, column)


def test_a_byte_order_mark_is_skipped() -> None:
    found = read({"compose.yaml": b"\xef\xbb\xbfservices:\n  a: {image: x}\n"})
    assert str(found.services["a"].place) == "compose.yaml:2"


def test_windows_line_ends() -> None:
    files = {
        name: str(text).replace("\n", "\r\n") for name, text in compose("A: ${X}\n#B: 1").items()
    }
    files[".env"] = "X=1\r\nY='a\r\nb'\r\n"
    service = read(files).services["a"]
    assert service.settings["A"].is_set
    assert str(service.commented["B"].place) == "compose.yaml:6"


@pytest.mark.parametrize("empty", ["services: {}\n", "name: x\n"])
def test_an_empty_deployment_is_one(empty: str) -> None:
    assert read({"compose.yaml": empty}).services == {}


@pytest.mark.parametrize("body", ["{}", "{hostname: h}", "{build: .}"])
def test_a_service_without_an_image_is_reported(body: str) -> None:
    found = read({"compose.yaml": f"services:\n  a: {body}\n", ".env": ""})
    assert [one.code for one in found.notes] == ["unknown_service"]


def test_what_is_no_image_is_not_repeated() -> None:
    found = read({"compose.yaml": "services:\n  a:\n    image: kong:3 hunter2 x\n", ".env": ""})
    assert found.services["a"].image is None
    assert "hunter2" not in repr(found)

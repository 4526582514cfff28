"""Env files are read as Compose reads them, difference by difference from python-dotenv."""

from __future__ import annotations

import io
from pathlib import Path

import dotenv as python_dotenv
import pytest
from tests.deploy.differences import DIFFERENCES, PROCESS, SAME, Row, table

from keyturn.deploy import dotenv
from keyturn.deploy.place import Place, Unreadable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compose-reading.md"
ROWS = [*DIFFERENCES, *SAME]


def nothing(name: str) -> None:
    """An environment in which nothing is set."""


def values(text: str, process: dict[str, str] | None = None) -> dict[str, str] | None:
    """What Keyturn reads; None when it refuses."""
    try:
        found = dotenv.parse(".env", text, (PROCESS if process is None else process).get)
    except Unreadable:
        return None
    return {one.name: one.value for one in found}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_compose_reads_it_so(row: Row) -> None:
    assert values(row.file) == row.compose


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_python_dotenv_reads_it_so(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PROCESS.items():
        monkeypatch.setenv(name, value)
    assert dict(python_dotenv.dotenv_values(stream=io.StringIO(row.file))) == row.dotenv
    assert (row.compose == row.dotenv) is (row in SAME)


def test_the_page_shows_the_same_tables() -> None:
    page = PAGE.read_text()
    assert table(DIFFERENCES) in page
    assert table(SAME) in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffK=1", {"K": "1"}),
        ("K=1\n\n  # comment\n\tB=2", {"K": "1", "B": "2"}),
        ("export  K=1", {"K": "1"}),
        ("exported=1", {"exported": "1"}),
        ("a.b-c[0]=1", {"a.b-c[0]": "1"}),
        ("ключ=1", {"ключ": "1"}),
        ("K='it\\'s'", {"K": "it's"}),
        ('K="say \\"x\\""', {"K": 'say "x"'}),
        ("K='a' # c", {"K": "a"}),
        ('K="a"# c', {"K": "a"}),
        ("K=a'b", {"K": "a'b"}),
        ('K="\\t\\\\n"', {"K": "\t\\n"}),
        ('K="\\c\\q\\01"', {"K": "\\c\\q\\1"}),
        ('K="\\0400"', {"K": "\\400"}),
        ('A=1\nK="${A}"', {"A": "1", "K": "1"}),
        ('A=x\nK="\\\\$A"', {"A": "x", "K": "\\x"}),
        ("K=${A:-x #y}", None),
        ("K=a\x0b\x0c", {"K": "a"}),
        ("K=\u00a0a\u2003", {"K": "a"}),
        ("K='a\r\nb'", {"K": "a\r\nb"}),
        ("", {}),
        ("# only", {}),
    ],
)
def test_more_of_composes_rules(text: str, expected: dict[str, str] | None) -> None:
    assert values(text) == expected


def test_the_process_outranks_the_file_in_interpolations_only() -> None:
    text = "A=file\nK=$A"
    assert values(text, {"A": "process"}) == {"A": "file", "K": "process"}


def test_a_name_at_the_very_end_is_nothing() -> None:
    """Compose makes a variable with an empty name of it; nothing can ask for that."""
    assert values("A=1\nOUTER") == {"A": "1", "": "OUTER"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("A=1\nK='hunter2\nmore", 2, 3, "quote"),
        ('A=1\n\nB="x', 3, 3, "quote"),
        ("A=1\n  MY KEY=1", 2, 3, "space"),
        ("A=1\nB-+=2", 2, 3, "character"),
        ("A=1\nK=${x", 2, 1, "interpolation"),
        ("A=1\nexport ", 2, 8, "name must follow"),
        ("A=1\nexport K=${NAME:?}", 2, 8, "NAME is required"),
    ],
)
def test_a_refusal_has_a_place_and_no_value(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        dotenv.parse("sub/.env", text, nothing)
    assert caught.value.place == Place("sub/.env", line, column)
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.code == "unreadable_deployment"


def test_every_definition_has_its_place() -> None:
    found = dotenv.parse(".env", "# x\nA=1\n  export B='2\n3'\nC=4\nA=5\n", nothing)
    assert [(one.name, one.place.line, one.place.column) for one in found] == [
        ("A", 2, 1),
        ("B", 3, 10),
        ("C", 5, 1),
        ("A", 6, 1),
    ]


def test_what_stands_behind_a_hash() -> None:
    text = "#JWT_KEYS=[]\n  # export JWT_JWKS={}\n# Note: not a variable\n#A==\n## B=1\nC=#D=1\n"
    found = dotenv.commented(".env", text)
    assert {name: (one.place.line, one.place.column) for name, one in found.items()} == {
        "JWT_KEYS": (1, 2),
        "JWT_JWKS": (2, 12),
        "B": (5, 4),
    }


def test_raw_takes_everything_as_it_stands() -> None:
    found = dotenv.raw("raw.env", "\ufeffA='$B' # c\r\n#no\n\nC\nD=1=2\n")
    assert [(one.name, one.value, one.place.line) for one in found] == [
        ("A", "'$B' # c", 1),
        ("D", "1=2", 5),
    ]

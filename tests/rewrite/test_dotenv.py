"""One variable of a .env changes; every other byte stays."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyturn.deploy.dotenv import parse
from keyturn.deploy.rewrite_dotenv import quoted, remove_variable, set_variable
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.secret import Secret

JWKS = '{"keys":[{"kty":"oct","k":"AAAA"}]}'


def values(content: bytes) -> dict[str, str]:
    text = content.decode("utf-8", "surrogateescape")
    return {one.name: one.value for one in parse(".env", text, lambda _: None)}


def put(content: str, value: str, name: str = "K") -> str:
    return set_variable(content.encode(), name, Secret(value)).decode()


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        pytest.param("A=1\nK=old\nB=2\n", "new", "A=1\nK=new\nB=2\n", id="replace"),
        pytest.param("K=\nB=2\n", "new", "K=new\nB=2\n", id="empty"),
        pytest.param("K=old # why\n", "new", "K=new # why\n", id="comment behind"),
        pytest.param("K=old # why\n", "a b", "K='a b' # why\n", id="quotes before a comment"),
        pytest.param("K='old'\n", "new", "K=new\n", id="quotes not needed any more"),
        pytest.param('K="a\nb"\nB=2\n', "new", "K=new\nB=2\n", id="multi-line"),
        pytest.param('K="a" B="b"\n', "new", "K='new' B=\"b\"\n", id="two on a line"),
        pytest.param("export K = old\n", "new", "export K = new\n", id="export and spaces"),
        pytest.param("K: old\n", "new", "K: new\n", id="yaml style"),
        pytest.param("K\nA=1\n", "new", "K=new\nA=1\n", id="inherited"),
        pytest.param("K=1\nK=2\n", "new", "K=1\nK=new\n", id="the last of two"),
        pytest.param("K=old\r\nB=2\r\n", "new", "K=new\r\nB=2\r\n", id="CRLF"),
        pytest.param("K=\r\nB=2\r\n", "new", "K=new\r\nB=2\r\n", id="empty, CRLF"),
        pytest.param("K= \r\n", "new", "K= new\r\n", id="blank, CRLF"),
        pytest.param("\ufeffK=old\n", "new", "\ufeffK=new\n", id="BOM"),
        pytest.param("A=1", "new", "A=1\nK=new", id="append without final newline"),
        pytest.param("A=1\r\nB=2", "new", "A=1\r\nB=2\r\nK=new", id="append CRLF"),
        pytest.param("A=1\n", "new", "A=1\nK=new\n", id="append"),
        pytest.param("", "new", "K=new\n", id="empty file"),
        pytest.param("# K=\nA=1\n", "new", "K=new\nA=1\n", id="uncomment"),
        pytest.param("  #K=new\nA=1\n", "new", "  K=new\nA=1\n", id="uncomment equal"),
        pytest.param("#K=mine\nA=1\n", "new", "#K=mine\nK=new\nA=1\n", id="below a comment"),
        pytest.param("A='x\n#K=\n'\n", "new", "A='x\n#K=\n'\nK=new\n", id="not in a value"),
        pytest.param("K=old\n", JWKS, f"K={JWKS}\n", id="compact JSON stays bare"),
        pytest.param("K=old\n", "a$b", "K='a$b'\n", id="dollar"),
        pytest.param("K=old\n", "a'$b\"\\", 'K="a\'\\$b\\"\\\\"\n', id="every trap"),
        pytest.param("K=new # same\n", "new", "K=new # same\n", id="nothing to do"),
    ],
)
def test_set(before: str, value: str, after: str) -> None:
    assert put(before, value) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nK=x # y\nB=2\n", "A=1\nB=2\n"),
        ("K='a\nb'\nB=2\n", "B=2\n"),
        ("K=1\nB=2\nK=3", "B=2\n"),
        ('K="a" B="b"\n', ' B="b"\n'),
        ("\ufeffK=1\r\nB=2\r\n", "\ufeffB=2\r\n"),
        ("A=1\n", "A=1\n"),
    ],
)
def test_remove(before: str, after: str) -> None:
    assert remove_variable(before.encode(), "K").decode() == after


def test_a_variable_that_others_are_built_from_is_not_changed_behind_their_back() -> None:
    with pytest.raises(CannotRewrite, match=r"\.env:1: changing K would also change X") as refusal:
        put("K=old\nX=${K}-suffix\n", "new")
    assert "X" in (refusal.value.hint or "")


@pytest.mark.parametrize("broken", ["K='never closed\n", "a'b=1\n"])
def test_a_file_that_compose_refuses_is_refused_with_its_line(broken: str) -> None:
    with pytest.raises(CannotRewrite, match=r"\.env:2"):
        put("A=1\n" + broken, "secretvalue", "N")


def test_bytes_that_are_not_utf8_survive() -> None:
    assert set_variable(b"A=\xff\xfe\nK=1\n", "K", Secret("2")) == b"A=\xff\xfe\nK=2\n"


TEXT = st.text(
    st.one_of(
        st.sampled_from("aB1 \t'\"$\\#`{}[]:=,-\n\r"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=24,
)


@settings(deadline=None)
@given(TEXT)
@example('{"a":"b c"}')
@example("\\'")
@example("{'")
def test_every_value_is_read_back(value: str) -> None:
    written = set_variable(b"A=1\nK=0 # c\nB='x'\n", "K", Secret(value))
    assert values(written) == {"A": "1", "K": value, "B": "x"}
    assert values(f"K={quoted(value, bare=False)} B=1".encode())["K"] == value


LINES = st.lists(
    st.sampled_from(
        ["A=1", "K=old", "K='o l d' # c", "#K=", "# words", "", 'B="x\ny"', "export K=o", "C=$Z"]
    ),
    max_size=8,
)


@settings(deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), TEXT)
def test_only_the_lines_of_the_variable_change(
    lines: list[str], end: str, final: bool, value: str
) -> None:
    before = end.join(lines) + (end if final and lines else "")
    after = set_variable(before.encode(), "K", Secret(value)).decode("utf-8", "surrogateescape")
    assert values(after.encode()) == values(before.encode()) | {"K": value}
    removed = [
        line
        for line in difflib.ndiff(before.split("\n"), after.split("\n"))
        if line.startswith("- ") and "K" not in line
    ]
    assert removed in ([], ["- "], ["- \r"]) or not before.endswith("\n")
    gone = remove_variable(after.encode(), "K").decode("utf-8", "surrogateescape")
    assert values(gone.encode()) == {n: v for n, v in values(before.encode()).items() if n != "K"}

"""Compose's ``$`` language, brace traps included."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.deploy.interpolation import InvalidTemplate, names, substitute

SET = {"A": "a", "EMPTY": "", "N": "10", "DOLLAR": "$A", "_u": "under", "JWKS": '{"keys":[1]}'}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$A", "a"),
        ("${A}", "a"),
        ("x$A-y", "xa-y"),
        ("$_u", "under"),
        ("$A$N", "a10"),
        ("$$A", "$A"),
        ("$$$A", "$a"),
        ("${A}}", "a}"),
        ("$UNSET|", "|"),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET-d}", "d"),
        ("${A:-d}", "a"),
        ("${A:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${UNSET+x}", ""),
        ("${A:?e}", "a"),
        ("${A:?${}}", "a"),
        ("${EMPTY?e}", ""),
        ("${UNSET:-${A}}", "a"),
        ("${UNSET:-${ALSO:-${N}}}", "10"),
        ("${UNSET:-$A}", "a"),
        ("${A:+${N}}", "10"),
        ("${DOLLAR}", "$A"),
        # An operator inside the default is text.
        ("${UNSET:-a:?b}", "a:?b"),
        ("${UNSET-a:-b}", "a:-b"),
        # The braces of JSON.
        ('${UNSET:-{"keys":[]}}', '{"keys":[]}'),
        ('${JWKS:-{"keys":[]}}', '{"keys":[1]}'),
        ("${UNSET:-[]}", "[]"),
        ("${UNSET:-{}}", "{}"),
        ('${UNSET:-{"keys":[]}} ${A}', '{"keys":[]} a'),
        ("${UNSET:-x} ${A:-y}", "x a"),
        ("${UNSET:-x}-${A:?e}", "x-a"),
        # No name can start so: it stays.
        ("$1 $ $- 100%$", "$1 $ $- 100%$"),
        ("$2b$12$", "$2b$12$"),
        ("a\n${A}\nb", "a\na\nb"),
        ("", ""),
    ],
)
def test_composes_answer(template: str, expected: str) -> None:
    assert substitute(template, SET.get).text == expected


@pytest.mark.parametrize(
    "template",
    [
        "${",
        "${}",
        "${1}",
        "${A",
        "${A:}",
        "${A B}",
        "${UNSET:?e}",
        "${EMPTY:?e}",
        "${UNSET?e}",
        # Compose counts `{}` as one opened brace, so this one swallows what follows it.
        "${UNSET:-{}} ${A}",
    ],
)
def test_composes_refusals(template: str) -> None:
    with pytest.raises(InvalidTemplate):
        substitute(template, SET.get)


def test_what_it_says_about_the_text() -> None:
    found = substitute("${X:-${A}} $$N $LOST_ONE ${A}", SET.get)
    assert found.names == ("X", "A", "LOST_ONE")
    assert found.defaulted
    assert found.unset == ("LOST_ONE",)


def test_a_piece_of_a_secret_is_no_name() -> None:
    assert names("pa$Xy7word and $SECRET and ${SECRET} and $REAL_NAME") == ("SECRET", "REAL_NAME")


@given(st.text(alphabet="$" + '{}AB_:-?+ab1[]"', max_size=40))
def test_it_answers_or_refuses(template: str) -> None:
    with suppress(InvalidTemplate):
        assert isinstance(substitute(template, SET.get).text, str)


@given(st.text(max_size=30).filter(lambda text: "$" not in text))
def test_text_without_a_dollar_is_itself(text: str) -> None:
    assert substitute(text, SET.get).text == text


@given(st.text(max_size=30))
def test_a_doubled_dollar_protects_any_text(text: str) -> None:
    assert substitute(text.replace("$", "$$"), SET.get).text == text

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.jose import strict_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]))
def test_reads_what_the_standard_library_writes(
    value: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert strict_json.loads(raw) == value


@given(OBJECTS, TEXTS, SCALARS)
def test_a_repeated_name_is_refused_wherever_it_stands(
    value: dict[str, object], name: str, other: object
) -> None:
    twice = "{" + f"{json.dumps(name)}:1,{json.dumps(name)}:{json.dumps(other)}" + "}"
    for raw in (twice, f'{{"a":[{twice}]}}', f'{{"a":{json.dumps(value)},"b":{twice}}}'):
        with pytest.raises(ValueError, match="occurs twice"):
            strict_json.loads(raw.encode())


def test_names_that_are_equal_only_after_unescaping_are_the_same_name() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        strict_json.loads(rb'{"role":"anon","r\u006fle":"service_role"}')


REFUSED = {
    "nothing": b"",
    "a list": b"[]",
    "text": b'"a"',
    "two objects": b"{}{}",
    "trailing comma": b'{"a":1,}',
    "comment": b'{"a":1}//',
    "single quotes": b"{'a':1}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16LE without mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "Latin-1": '{"a":"é"}'.encode("latin-1"),
    "a surrogate as UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a lone surrogate, escaped": rb'{"a":"\ud800"}',
    "a raw control character": b'{"a":"\x01"}',
    "NUL, escaped": rb'{"a":"\u0000"}',
    "NUL, escaped, in a name": rb'{"a\u0000":1}',
    "NUL, escaped, deep": rb'{"a":[{"b":["\u0000"]}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "a float beyond doubles": b'{"a":1e400}',
    "a negative float beyond doubles": b'{"a":-1e400}',
    "400 digits before the point": b'{"a":' + b"9" * 400 + b".5}",
    "NaN in indented JSON": b'{ "a": NaN }',
    "a float beyond doubles in indented JSON": b'{ "a": 1e400 }',
    "400 digits": b'{"a":' + b"9" * 400 + b"}",
    "5000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "21 digits": b'{"a":' + b"9" * 21 + b"}",
    "900 nested lists": b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    "100000 nested lists": b'{"a":' + b"[" * 100_000,
    "33 nested objects": b'{"a":' * 33 + b"1" + b"}" * 33,
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str) -> None:
    with pytest.raises(ValueError, match=r"^[\w\s,.-]{8,60}$"):
        strict_json.loads(REFUSED[what])


ACCEPTED: dict[str, tuple[bytes, object]] = {
    "an escaped backslash before u0000": (rb'{"a":"\\u0000"}', "\\u0000"),
    "a long run of digits in text": (b'{"a":"' + b"1" * 60 + b'"}', "1" * 60),
    "32 levels": (b'{"a":' + b"[" * 31 + b"]" * 31 + b"}", None),
    "many brackets, little depth": (b'{"a":[' + b"[]," * 99 + b"[]]}", [[]] * 100),
    "brackets in text": (b'{"a":"' + b"[{" * 60 + b'"}', "[{" * 60),
    "Go's escaping of <": (rb'{"a":"\u003cb\u003e"}', "<b>"),
    "an escaped pair of surrogates": (rb'{"a":"\ud83d\ude00"}', "😀"),
    "2**64": (b'{"a":18446744073709551616}', 2**64),
    "white space around": (b' { "a" : 1 } \r\n', 1),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_accepts(what: str) -> None:
    raw, expected = ACCEPTED[what]
    found = strict_json.loads(raw)["a"]
    assert found == expected or expected is None


@given(OBJECTS)
def test_writes_what_the_standard_library_reads(value: dict[str, object]) -> None:
    assert json.loads(strict_json.dumps(value)) == value


PIECES = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a"',
        '"b"',
        '"\\u0000"',
        "1",
        "-0",
        "1e5",
        "1E400",
        "null",
        " ",
    ]
)


@given(st.binary(max_size=20) | st.lists(PIECES, max_size=12).map(lambda p: "".join(p).encode()))
def test_anything_is_refused_with_a_value_error_or_means_what_others_read(raw: bytes) -> None:
    try:
        value = strict_json.loads(raw)
    except ValueError:
        return
    assert value == json.loads(raw)


@given(st.integers(-(10**40), 10**40), st.sampled_from(["", ".0", ".5", "e0", "E+2"]))
def test_a_number_is_read_exactly_or_refused(number: int, more: str) -> None:
    """Integers beyond 20 digits are refused, however the fast path reads them."""
    raw = f'{{"a":{number}{more}}}'.encode()
    try:
        read = strict_json.loads(raw)["a"]
    except ValueError:
        assert more == ""
        assert len(str(abs(number))) > 20
    else:
        assert read == json.loads(f"{number}{more}")
        assert more != "" or type(read) is int

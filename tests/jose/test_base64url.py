from __future__ import annotations

import base64 as oracle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.jose import base64url

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_encoding_is_the_standard_library_s_without_padding(data: bytes) -> None:
    assert base64url.encode(data) == oracle.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(base64url.encode(data)) == data


@given(st.binary(max_size=12))
def test_whatever_is_accepted_is_the_one_spelling_of_its_bytes(segment: bytes) -> None:
    try:
        data = base64url.decode(segment)
    except ValueError:
        return
    assert base64url.encode(data) == segment


@given(st.lists(st.sampled_from(list(ALPHABET)), max_size=9).map(bytes))
def test_in_the_alphabet_exactly_the_canonical_spellings_are_accepted(segment: bytes) -> None:
    padded = segment + b"=" * (-len(segment) % 4)
    canonical = len(segment) % 4 != 1 and (
        oracle.urlsafe_b64encode(oracle.urlsafe_b64decode(padded)).rstrip(b"=") == segment
    )
    try:
        base64url.decode(segment)
        accepted = True
    except ValueError:
        accepted = False
    assert accepted == canonical


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(b"AQ==", id="padding"),
        pytest.param(b"AQ=", id="half of the padding"),
        pytest.param(b"+A", id="plus of the standard alphabet"),
        pytest.param(b"_w/A", id="slash of the standard alphabet"),
        pytest.param(b"A Q", id="inner space"),
        pytest.param(b"AQ\r\n", id="line break"),
        pytest.param(b"\nAQ", id="leading newline"),
        pytest.param(b"AQ\x00", id="NUL"),
        pytest.param(b"A!", id="exclamation mark"),
        pytest.param(b"A", id="a length that no bytes have"),
        pytest.param(b"AR", id="non-zero unused bits, two characters"),
        pytest.param(b"AAB", id="non-zero unused bits, three characters"),
        pytest.param("AＱ".encode(), id="full-width letter"),
        pytest.param(b"\xff\xff", id="bytes outside ASCII"),
    ],
)
def test_every_other_spelling_is_refused(segment: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(segment)


def test_every_letter_may_stand_at_the_end() -> None:
    """Only padding is taken off the end, whatever letter comes before it."""
    for value in range(64):
        encoded = base64url.encode(bytes([0, 0, value]))
        assert len(encoded) == 4
        assert base64url.decode(encoded) == bytes([0, 0, value])

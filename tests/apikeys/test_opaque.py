"""The ``sb_`` format, checked against an independent reading of the shell script's recipe."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.apikeys import opaque
from keyturn.apikeys.opaque import MalformedApiKey, WrongChecksum
from keyturn.secret_access import reveal

KINDS = st.sampled_from(["publishable", "secret"])


def text_of(kind: opaque.OpaqueKind, entropy: bytes) -> str:
    """Mint and open a key."""
    return reveal(opaque.mint(kind, entropy).secret).decode()


def by_the_recipe(kind: str, entropy: bytes) -> str:
    """Services.md §8, step by step, with another base64 route."""
    random = base64.b64encode(entropy).decode().translate(str.maketrans("+/", "-_"))[:22]
    start = f"sb_{kind}_{random}"
    digest = hashlib.new("sha256", b"supabase-self-hosted|" + start.encode()).digest()
    check = base64.b64encode(digest).decode().replace("+", "-").replace("/", "_")[:8]
    return f"{start}_{check}"


@given(kind=KINDS, entropy=st.binary(min_size=17, max_size=17))
def test_keys_are_what_the_official_script_would_make(
    kind: opaque.OpaqueKind, entropy: bytes
) -> None:
    minted = opaque.mint(kind, entropy)
    text = reveal(minted.secret).decode()
    assert text == by_the_recipe(kind, entropy)
    assert opaque.parse(text) == kind
    assert minted.hash == hashlib.sha256(text.encode()).digest()
    assert text.startswith(minted.prefix)
    assert len(minted.prefix) == len(f"sb_{kind}_") + 6


@given(
    kind=KINDS,
    entropy=st.binary(min_size=17, max_size=17),
    position=st.integers(0, 60),
    letter=st.sampled_from("ABCxyz019-_"),
)
def test_any_changed_character_is_noticed(
    kind: opaque.OpaqueKind, entropy: bytes, position: int, letter: str
) -> None:
    text = text_of(kind, entropy)
    position %= len(text)
    damaged = text[:position] + letter + text[position + 1 :]
    if damaged != text:
        with pytest.raises(MalformedApiKey):
            opaque.parse(damaged)


@pytest.mark.parametrize(
    "text",
    ["", "sb_secret_", "sb_secret_short_aaaaaaaa", "eyJhbGciOi.J9.x", "sb_other_" + "a" * 31],
)
def test_other_texts_are_not_keys(text: str) -> None:
    with pytest.raises(MalformedApiKey):
        opaque.parse(text)


def test_the_local_cli_default_keys_are_told_apart_and_not_repeated() -> None:
    """The Supabase CLI's well-known keys have another project's checksum (services.md §8)."""
    known = "sb_secret_" + "N7UND0UgjKTVK-Uodkm0Hg" + "_" + "xSvEMPvz"
    with pytest.raises(WrongChecksum) as refused:
        opaque.parse(known)
    assert known not in f"{refused.value.message} {refused.value.hint}"


def test_a_line_end_is_not_part_of_a_key() -> None:
    with pytest.raises(MalformedApiKey):
        opaque.parse(text_of("secret", bytes(17)) + "\n")


@pytest.mark.parametrize("count", [0, 16, 18])
def test_the_wrong_amount_of_randomness_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="17 random bytes"):
        opaque.mint("secret", bytes(count))

"""Both refresh-token formats, against an encoder written from the format's description."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts import refresh_tokens
from keyturn.accounts.errors import AuthError
from keyturn.accounts.refresh_tokens import SignedToken, SimpleToken

KEY = bytes(range(32))
KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
SESSION = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


def oracle(session: UUID, counter: int, key: bytes, version: int = 0) -> str:
    """Build a v2 token one byte at a time (gotrue.md §3.1)."""
    body = [version, *session.bytes]
    while counter >= 128:
        body.append(counter % 128 + 128)
        counter //= 128
    body.append(counter)
    signed = bytes(body)
    tagged = signed + hmac.new(key, signed, hashlib.sha256).digest()[0:16]
    whole = tagged + hashlib.sha256(tagged).digest()[0:4]
    return base64.b64encode(whole, altchars=b"-_").decode().replace("=", "")


def test_a_known_token_byte_by_byte() -> None:
    """Worked out with xxd and openssl dgst: version 0, the session, counter 300 = AC 02."""
    token = refresh_tokens.signed_text(SESSION, 300, KEY_TEXT)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert raw[:17].hex() == "00" + SESSION.replace("-", "")
    assert raw[17:19].hex() == "ac02"
    assert len(raw) == 1 + 16 + 2 + 16 + 4
    assert "=" not in token


@given(st.uuids(), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_tokens_are_what_the_description_says(session: UUID, counter: int, key: bytes) -> None:
    token = refresh_tokens.signed_text(str(session), counter, refresh_tokens.new_key(key))
    assert token == oracle(session, counter, key)
    parsed = refresh_tokens.parse(token)
    assert isinstance(parsed, SignedToken)
    assert (parsed.session_id, parsed.counter) == (str(session), counter)
    assert hmac.new(key, parsed.signed, hashlib.sha256).digest()[:16] == parsed.tag


@given(st.uuids(), st.integers(0, 2**40), st.data())
def test_a_changed_byte_is_noticed(session: UUID, counter: int, data: st.DataObject) -> None:
    token = oracle(session, counter, KEY)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AuthError) as refused:
        refresh_tokens.parse(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="))
    assert refused.value.message == "Refresh token is not valid"


@given(st.text())
def test_any_text_is_a_token_or_refused(text: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{12,50}", text):
        assert refresh_tokens.parse(text) == SimpleToken(text)
        return
    with pytest.raises(AuthError) as refused:
        refresh_tokens.parse(text)
    assert (refused.value.status, refused.value.error_code) == (400, "validation_failed")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "elevenchars",
        "abcdefghijk\n",
        "abcdefghijkl\n",
        "abcdefgh'; drop table auth.users; --",
        "ａｂｃｄｅｆｇｈｉｊｋｌ",
        "x" * 51,
        "x" * 10_000,
        oracle(UUID(SESSION), 1, KEY, version=1),
        oracle(UUID(SESSION), 2**63, KEY),
        oracle(UUID(SESSION), 2**70, KEY),
        oracle(UUID(SESSION), 1, KEY) + "=",
    ],
)
def test_malformed_tokens_are_refused_before_any_lookup(text: str) -> None:
    with pytest.raises(AuthError) as refused:
        refresh_tokens.parse(text)
    assert refused.value.row.name == "refresh_malformed"


def test_a_version_1_token_is_twelve_characters_of_its_entropy() -> None:
    token = refresh_tokens.new_simple(bytes([0, 25, 26, 31, 32, 57, 255, 1, 2, 3, 4, 5]))
    assert token == "az27az7bcdef"
    assert refresh_tokens.parse(token) == SimpleToken(token)


def test_tokens_do_not_show_in_representations() -> None:
    token = oracle(UUID(SESSION), 1, KEY)
    parsed = refresh_tokens.parse(token)
    assert isinstance(parsed, SignedToken)
    assert parsed.tag.hex() not in repr(parsed)
    assert "abcdefghijkl" not in repr(SimpleToken("abcdefghijkl"))

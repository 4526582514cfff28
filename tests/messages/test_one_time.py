"""Codes, hashes, PKCE challenges and the addresses that browsers are sent to."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts import one_time
from keyturn.accounts.errors import AuthError
from keyturn.accounts.redirects import action_link, choose, is_allowed, with_fragment, with_query

SITE = "https://app.example.com"
GOOD = "a" * 43


@given(st.binary(min_size=16, max_size=16), st.integers(6, 10))
def test_codes_are_digits_of_the_right_number(entropy: bytes, length: int) -> None:
    code = one_time.code_from(entropy, length)
    assert len(code) == length
    assert code.isdigit()


def test_hashes_are_sha224_of_address_and_code() -> None:
    expected = hashlib.sha224(b"ada@example.com123456").hexdigest()
    assert one_time.token_hash("ada@example.com", "123456") == expected


def test_a_verifier_answers_both_kinds_of_challenge() -> None:
    verifier = base64.urlsafe_b64encode(os.urandom(40)).decode().rstrip("=")
    digest = hashlib.sha256(verifier.encode()).digest()
    found = one_time.challenges_of(verifier)
    assert found["s256"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert found["plain"] == verifier


@pytest.mark.parametrize("method", ["s256", "S256", "plain", "PLAIN"])
def test_challenges_that_are_taken(method: str) -> None:
    assert one_time.challenge(GOOD, method) == one_time.Challenge(GOOD, method.lower())
    assert one_time.challenge("", "") is None


@pytest.mark.parametrize(
    ("text", "method", "words"),
    [
        (GOOD, "", "requires code_challenge_method and code_challenge"),
        ("", "s256", "requires code_challenge_method and code_challenge"),
        ("a" * 42, "s256", "between 43 and 128"),
        ("a" * 129, "s256", "between 43 and 128"),
        ("a" * 42 + "!", "s256", "alphanumeric"),
        (GOOD, "s512", "unsupported code_challenge method"),
    ],
)
def test_challenges_that_are_refused(text: str, method: str, words: str) -> None:
    with pytest.raises(AuthError) as raised:
        one_time.challenge(text, method)
    assert (raised.value.status, raised.value.error_code) == (400, "validation_failed")
    assert words in raised.value.message


ALLOWED = (
    "https://*.example.org/**",
    "myapp://callback",
    "https://preview-?.example.net/{a,b}/[0-9]",
    "com.my_app.example://done",
)


@pytest.mark.parametrize(
    "target",
    [
        "https://app.example.com",
        "https://app.example.com/any/where?x=1#y",
        "http://127.0.0.1:5173/x",
        "http://[::1]:3000/",
        "https://www.example.org/deep/path",
        "https://www.example.org/deep#fragment.of/its/own",
        "myapp://callback",
        "https://preview-7.example.net/b/4",
        "com.my_app.example://done",
    ],
)
def test_targets_that_are_allowed(target: str) -> None:
    assert is_allowed(target, SITE, ALLOWED)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "https://evil.com/",
        "https://app.example.com.evil.com/",
        "https://app.example.com@evil.com/",
        "https://evil@app.example.com/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://a.b.example.org/x",
        "https://evil.com/https://www.example.org/",
        "https://evil.com#.example.org/",
        "https://2130706433/",
        "https://10.0.0.1/",
        "\thttps://app.example.com",
        "https:\\\\app.example.com",
        "//evil.com",
        "javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "myapp://callback/more",
        "https://preview-77.example.net/b/4",
        "https://preview-7.example.net/c/4",
        "https://[::1",
        "https://www.example.org/" + "a" * 3000,
    ],
)
def test_targets_that_are_not(target: str) -> None:
    assert not is_allowed(target, SITE, ALLOWED)
    assert choose([target, None], SITE, ALLOWED) == SITE


def test_a_site_on_this_machine_has_any_port() -> None:
    assert is_allowed("http://localhost:5173/x", "http://localhost:3000", ())
    assert not is_allowed("http://localhost:5173/x", SITE, ())


@given(st.text(max_size=80), st.text(max_size=30))
def test_no_glob_and_no_target_crashes(target: str, glob: str) -> None:
    assert is_allowed(target, SITE, (glob,)) in {True, False}


def test_fragments_are_sorted_and_queries_kept() -> None:
    moved = with_fragment(f"{SITE}/a?x=1#old", {"b": "2 3", "a": "&"})
    assert moved == f"{SITE}/a?x=1#a=%26&b=2+3"
    assert with_fragment(f"{SITE}/a?x=1", {"b": "2"}, query=True) == f"{SITE}/a?b=2#b=2"
    assert with_query(f"{SITE}/a?x=1#y", {"code": "c"}) == f"{SITE}/a?code=c&x=1#y"


@pytest.mark.parametrize(
    ("external", "path", "start"),
    [
        ("https://api.test/auth/v1", "/verify", "https://api.test/auth/v1/verify?"),
        ("https://api.test", "/auth/v1/verify", "https://api.test/auth/v1/verify?"),
        ("https://api.test/auth/v1", "/auth/v1/verify", "https://api.test/auth/v1/verify?"),
        ("https://api.test/auth/v1", "/confirm", "https://api.test/confirm?"),
        ("https://api.test/auth/v1", "https://app.test/c", "https://app.test/c?"),
    ],
)
def test_links_point_where_they_should(external: str, path: str, start: str) -> None:
    link = action_link(external, path, ("abc", "signup", f"{SITE}/?a=b&c"))
    assert (
        link
        == f"{start}token=abc&type=signup&redirect_to=https%3A%2F%2Fapp.example.com%2F%3Fa%3Db%26c"
    )

"""The second lock: whatever slipped into a report, no secret leaves with it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventories import inventory

from keyturn.deploy.inventory import Kind
from keyturn.doctor.masking import MASK, redactor

SECRET = "correct-horse-battery-staple-0123456789"
K = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ"
JWKS = json.dumps({"keys": [{"kty": "oct", "k": K}, {"kty": "EC", "kid": "shown", "d": K[::-1]}]})
HELD = redactor(
    inventory(
        {Kind.AUTH: {"GOTRUE_JWT_SECRET": SECRET}, Kind.STORAGE: {"JWT_JWKS": JWKS}},
        {"POSTGRES_PASSWORD": "postgres", "DB_URL": f"postgres://me:{SECRET}@db/x"},
    )
)


@pytest.mark.parametrize("secret", [SECRET, K, K[::-1], JWKS])
def test_known_values_are_masked(secret: str) -> None:
    for text in (secret, f"it says {secret}.", f'"{secret}"', f"a={secret} b={secret}"):
        assert secret not in HELD.clean(text)
        assert MASK in HELD.clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9",
        "sb_secret_aaaaaaaaaaaaaaaaaaaaaa_bbbbbbbb",
        "postgres://user:hunter2hunter2@db:5432/postgres",
    ],
)
def test_what_looks_like_a_credential_is_masked_unseen(text: str) -> None:
    cleaned = redactor(None).clean(text)
    assert MASK in cleaned
    assert "eyJhbGciOiJIUzI1NiJ9" not in cleaned
    assert "hunter2" not in cleaned


def test_words_stay() -> None:
    text = 'postgres, postgrest and kid "shown" at docker-compose.yml:12 with sb_ keys'
    assert HELD.clean(text) == text


def test_documents_are_cleaned_to_the_bottom() -> None:
    document = {SECRET: [{"a": f"x {SECRET}"}, 1, None, True], "kid": "shown"}
    cleaned = HELD.clean_document(document)
    assert SECRET not in json.dumps(cleaned)
    assert cleaned == {MASK: [{"a": f"x {MASK}"}, 1, None, True], "kid": "shown"}


@given(st.text(st.characters(categories=["L", "N"], max_codepoint=126), min_size=12, max_size=40))
def test_a_secret_between_any_separators_is_masked(secret: str) -> None:
    clean = redactor(None, [secret]).clean
    for around in (" {} ", ": {};", '"{}"', "a={}\n", "({})", "{}"):
        assert secret not in clean(around.format(secret))

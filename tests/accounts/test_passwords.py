"""What a password must be, and which stored hashes are recognised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts import passwords
from keyturn.accounts.errors import AuthError, WeakPassword
from keyturn.accounts.settings import AuthSettings

LETTERS_AND_DIGITS = AuthSettings(
    password_min_length=8, password_required_characters=("abcdefgh", "0123456789")
)


def require_strong(password: str, settings: AuthSettings) -> None:
    """Ask of a new password what the flows ask."""
    passwords.require_length(password)
    if weak := passwords.weakness(password, settings):
        raise weak


@pytest.mark.parametrize(
    ("password", "settings", "reasons", "message"),
    [
        ("12345", AuthSettings(), ("length",), "Password should be at least 6 characters."),
        ("", AuthSettings(), ("length",), "Password should be at least 6 characters."),
        (
            "12345",
            AuthSettings(password_min_length=2),
            ("length",),
            "Password should be at least 6 characters.",
        ),
        (
            "abcdefgh",
            LETTERS_AND_DIGITS,
            ("characters",),
            "Password should contain at least one character of each: abcdefgh, 0123456789.",
        ),
        (
            "abc",
            LETTERS_AND_DIGITS,
            ("length", "characters"),
            (
                "Password should be at least 8 characters. Password should contain "
                "at least one character of each: abcdefgh, 0123456789."
            ),
        ),
    ],
)
def test_weak_passwords_say_why(
    password: str, settings: AuthSettings, reasons: tuple[str, ...], message: str
) -> None:
    with pytest.raises(WeakPassword) as weak:
        require_strong(password, settings)
    assert (weak.value.status, weak.value.error_code) == (422, "weak_password")
    assert weak.value.reasons == reasons
    assert weak.value.message == message


@pytest.mark.parametrize("password", ["123456", "ä" * 36, "x" * 72, "päss wörd 🔑"])
def test_good_passwords_pass(password: str) -> None:
    require_strong(password, AuthSettings())


@pytest.mark.parametrize(
    ("password", "row"),
    [
        ("x" * 73, "password_too_long"),
        ("ä" * 37, "password_too_long"),
        ("x" * 1_000_000, "password_too_long"),
        ("123\x00456", "text_not_storable"),
        ("123456\ud800", "text_not_storable"),
    ],
)
def test_impossible_passwords_are_refused(password: str, row: str) -> None:
    with pytest.raises(AuthError) as refused:
        require_strong(password, AuthSettings())
    assert refused.value.row.name == row
    assert refused.value.status == 400


BCRYPT = "$2a$10$CCCCCCCCCCCCCCCCCCCCC.XLuME1Q5SzQ1ln0te9UMqwE063Hf9ya"
ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$qTTxqgWo4wmqbZp0D1HsWnNaUVPoYEdLWk4Fqrh4KDk"
FIREBASE = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=c2lnbmVy$c2FsdA==$aGFzaA=="


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (BCRYPT, "bcrypt"),
        (BCRYPT.replace("$2a$", "$2b$"), "bcrypt"),
        (BCRYPT.replace("$2a$", "$2y$"), "bcrypt"),
        (ARGON2ID, "argon2"),
        (ARGON2ID.replace("argon2id", "argon2i"), "argon2"),
        (FIREBASE, "fbscrypt"),
    ],
)
def test_hashes_are_recognised(stored: str, name: str) -> None:
    found = passwords.hash_format(stored)
    assert found is not None
    assert found[0] == name


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        BCRYPT[:-1],
        BCRYPT + "\n",
        BCRYPT.replace("$10$", "$03$"),
        BCRYPT.replace("$10$", "$32$"),
        BCRYPT.replace("$2a$", "$2x$"),
        ARGON2ID.replace("argon2id", "argon2d"),
        ARGON2ID.replace("v=19", "v=16"),
        ARGON2ID.replace("m=65536", "m=2097152"),
        ARGON2ID.replace("t=3", "t=0"),
        ARGON2ID.replace("t=3", "t=9999999"),
        FIREBASE.replace("n=14", "n=31"),
        FIREBASE.replace("r=8", "r=999"),
        FIREBASE.replace("v=1", "v=2"),
    ],
)
def test_what_cannot_or_should_not_be_computed_is_not_a_hash(stored: str) -> None:
    assert passwords.hash_format(stored) is None
    with pytest.raises(AuthError):
        passwords.require_hash(stored)


@given(st.text(max_size=200))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    passwords.hash_format(text)
    passwords.weakness(text, LETTERS_AND_DIGITS)

"""Errors as HTTP statuses: whose fault it was, and whether trying again may help."""

from __future__ import annotations

import pytest

from keyturn.adapters.sealing import BrokenSeal
from keyturn.apikeys.errors import BadName, DuplicateName, UnknownApiKey
from keyturn.console.errors import BadRequest, NotSignedIn, TooLarge, TooManyAttempts
from keyturn.console.problems import as_json, extra_headers, status_of
from keyturn.errors import KeyturnError, Unreachable, WaitNotOver
from keyturn.jose.errors import InvalidKey
from keyturn.keyring.errors import AlreadyChanged, BrokenRing, KeyHasDependents, UnknownKey

STATUSES: list[tuple[KeyturnError, int]] = [
    (BadRequest(), 400),
    (BadName(), 400),
    (InvalidKey(), 400),
    (NotSignedIn(), 401),
    (UnknownKey(), 404),
    (UnknownApiKey(), 404),
    (AlreadyChanged(), 409),
    (DuplicateName(), 409),
    (KeyHasDependents(), 409),
    (WaitNotOver("too early", until_unix=5), 409),
    (TooLarge(), 413),
    (TooManyAttempts(7), 429),
    (Unreachable(), 503),
    (BrokenSeal(), 500),
    (BrokenRing(), 500),
]


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=[e.code for e, _ in STATUSES])
def test_each_kind_of_error_has_its_status(error: KeyturnError, status: int) -> None:
    """A fault on this side is never told as the caller's."""
    assert status_of(error) == status


def test_waits_and_pauses_say_until_when() -> None:
    """``until`` for a wait, ``Retry-After`` for a pause."""
    assert as_json(WaitNotOver("too early", until_unix=5))["until"] == 5
    assert "until" not in as_json(BadRequest())
    assert extra_headers(TooManyAttempts(7)) == {"retry-after": "7"}

"""Addresses, numbers, ids, durations and times: what comes in and how it goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts import identifiers
from keyturn.accounts.durations import parse_duration
from keyturn.accounts.errors import AuthError
from keyturn.accounts.timestamps import rfc3339


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("a+b@localhost", "a+b@localhost"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("x@a-b.example", "x@a-b.example"),
    ],
)
def test_addresses_are_kept_in_lower_case(given_text: str, kept: str) -> None:
    assert identifiers.email_address(given_text) == kept


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("", "email_required"),
        ("a" * 250 + "@b.com", "email_too_long"),
        ("no-at-sign", "email_invalid"),
        ("two@@example.com", "email_invalid"),
        ("a@b@c", "email_invalid"),
        ("a@-b.com", "email_invalid"),
        ("a b@example.com", "email_invalid"),
        ("a@example.com\n", "email_invalid"),
        ("a@example.com\x00", "email_invalid"),
        ("ä@example.com", "email_invalid"),
        ("'; drop table auth.users; --@x", "email_invalid"),
        ("<script>@example.com", "email_invalid"),
    ],
)
def test_other_addresses_are_refused(text: str, row: str) -> None:
    with pytest.raises(AuthError) as refused:
        identifiers.email_address(text)
    assert refused.value.row.name == row


@pytest.mark.parametrize("text", ["+49 151 23456789", "4915123456789", "+4915123456789"])
def test_numbers_lose_plus_and_spaces(text: str) -> None:
    assert identifiers.phone_number(text) == "4915123456789"


@pytest.mark.parametrize("text", ["", "+", "0151", "12a", "1" * 16, "١٢٣٤٥٦", "1\n", "++491"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(AuthError):
        identifiers.phone_number(text)


def test_a_uuid_of_entropy_has_version_and_variant() -> None:
    assert identifiers.uuid4_from(bytes(16)) == "00000000-0000-4000-8000-000000000000"
    assert identifiers.uuid4_from(b"\xff" * 16) == "ffffffff-ffff-4fff-bfff-ffffffffffff"


@given(st.binary(min_size=16, max_size=16))
def test_every_uuid_of_entropy_is_version_4(entropy: bytes) -> None:
    made = identifiers.uuid4_from(entropy)
    assert identifiers.uuid4_text(made.upper()) == made


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 36, "{0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d}", None, 7]
)
def test_what_is_no_uuid_is_none(text: object) -> None:
    assert identifiers.uuid_text(text) is None


@pytest.mark.parametrize(
    "value",
    [
        {"a": "\x00"},
        {"\x00": 1},
        {"a": ["x", {"b": "\ud800"}]},
        {"n": 10**20},
        {"n": -(10**25)},
        {"n": 1e300},
        {"n": float("inf")},
        {"n": float("nan")},
    ],
)
def test_json_that_jsonb_or_a_token_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(AuthError) as refused:
        identifiers.require_storable_json(value)
    assert refused.value.status == 400


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    deep: object = "bottom"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(AuthError, match="nested"):
        identifiers.require_storable_json({"deep": deep})


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"ü": "ß 🔑", "sql": "'; drop table auth.users; --", "n": [1, -2.5, True, None], "o": {}},
        {"n": 2**63, "small": 1e-9},
    ],
)
def test_ordinary_json_passes(value: object) -> None:
    identifiers.require_storable_json(value)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", timedelta()),
        ("300ms", timedelta(milliseconds=300)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        (".5s", timedelta(milliseconds=500)),
        ("24h", timedelta(days=1)),
        ("-10m", timedelta(minutes=-10)),
        ("+5µs", timedelta(microseconds=5)),
        ("876000h", timedelta(hours=876000)),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1d", "1 h", "1h-1m", "∞h", "٣h", "9" * 30 + "h", "1h\n", "1e3s"]
)
def test_other_durations_are_errors(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC), "2026-01-02T03:04:05.12Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC), "2026-01-02T03:04:05.000001Z"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 10, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:04:05.00001Z",
        ),
    ],
)
def test_times_are_written_as_go_writes_them(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive(moment: datetime) -> None:
    text = rfc3339(moment)
    assert datetime.fromisoformat(text) == moment
    assert not text.endswith("0Z") or "." not in text

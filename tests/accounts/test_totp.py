"""One-time passwords and their QR codes, against the RFC and a reader of QR codes' own matrix."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts import qr, totp

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
# RFC 6238, appendix B, SHA-1; its eight digits end in our six.
RFC_CODES = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
NOW = datetime(2026, 11, 23, 12, 0, 14, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_at(RFC_SECRET, moment) == code
    assert totp.matches(code, RFC_SECRET, moment)


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_one_step_of_skew_is_forgiven(steps: int, accepted: bool) -> None:
    code = totp.code_at(RFC_SECRET, NOW + timedelta(seconds=30 * steps))
    assert totp.matches(code, RFC_SECRET, NOW) is accepted


def test_how_codes_and_secrets_may_be_written() -> None:
    code = totp.code_at(RFC_SECRET, NOW)
    assert totp.matches(f" {code}\n", RFC_SECRET, NOW)
    assert totp.matches(code, RFC_SECRET.lower().rstrip("="), NOW)
    for wrong in ("", code[:-1], code + "0", "éééééé", "000000" if code != "000000" else "1"):
        assert not totp.matches(wrong, RFC_SECRET, NOW)
    assert not totp.matches(code, "not base32!", NOW)


def test_a_secret_takes_exactly_its_entropy() -> None:
    secret = totp.new_secret(bytes(range(20)))
    assert len(secret) == 32
    assert base64.b32decode(secret) == bytes(range(20))
    with pytest.raises(ValueError, match="20 bytes"):
        totp.new_secret(b"short")


@given(issuer=st.text(min_size=1, max_size=40), account=st.text(min_size=1, max_size=40))
def test_the_address_says_what_went_in(issuer: str, account: str) -> None:
    issuer, account = (t.encode("utf-8", "replace").decode() for t in (issuer, account))
    parts = urlsplit(totp.uri(issuer, account, RFC_SECRET))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == f"/{issuer}:{account}"
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert fields == {
        "algorithm": "SHA1",
        "digits": "6",
        "issuer": issuer,
        "period": "30",
        "secret": RFC_SECRET,
    }


def _dark(picture: str) -> set[tuple[int, int]]:
    """Read the picture back: each subpath is one run of dark modules in a row."""
    path = ET.fromstring(picture).find("{http://www.w3.org/2000/svg}path")
    assert path is not None
    found = set()
    for run in path.attrib["d"].strip("Mz").split("zM"):
        start, rest = run.split(" ", 1)
        row, rest = rest.split("h", 1)
        width = rest.split("v", 1)[0]
        found |= {(int(start) + step, int(row)) for step in range(int(width))}
    return found


@given(text=st.text(alphabet=st.characters(codec="ascii"), min_size=1, max_size=300))
def test_the_picture_is_the_code(text: str) -> None:
    picture = qr.svg(text)
    assert "#" not in picture
    assert "%" not in picture
    code = segno.make_qr(text, error="h", boost_error=False)
    rows = enumerate(code.matrix_iter(border=4))
    assert _dark(picture) == {(x, y) for y, row in rows for x, dark in enumerate(row) if dark}

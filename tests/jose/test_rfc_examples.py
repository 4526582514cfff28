"""The examples that the RFCs print; their keys are public on purpose."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from keyturn.jose import jws
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import signing_key_from_jwk, thumbprint, verifying_key_from_jwk


class Accepting:
    """Every algorithm, tokens of the usual size."""

    algorithms = frozenset(ALGORITHMS)
    max_token_bytes = 16_384


@dataclass(frozen=True)
class Example:
    """A key, and a compact JWS that it signed over ``payload``."""

    key: dict[str, object]
    token: str
    payload: bytes


JOE = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
JOE_SEGMENT = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
FRODO = (
    "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if "
    "you don't keep your feet, there\u2019s no knowing where you might be swept off to."
).encode()
FRODO_SEGMENT = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAg"
    "b250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dp"
    "bmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
)
RFC7515_A1_K = (
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
)

EXAMPLES = {
    "RFC 7515 A.1 (HS256)": Example(
        {"kty": "oct", "k": RFC7515_A1_K},
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE_SEGMENT}"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        JOE,
    ),
    "RFC 7515 A.2 (RS256)": Example(
        {
            "kty": "RSA",
            "e": "AQAB",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ"
            "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
            "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qC"
            "o5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h"
            "4FRWyuXpoQ",
        },
        f"eyJhbGciOiJSUzI1NiJ9.{JOE_SEGMENT}"
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS"
        "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"
        "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        JOE,
    ),
    "RFC 7515 A.3 (ES256)": Example(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        f"eyJhbGciOiJFUzI1NiJ9.{JOE_SEGMENT}"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        JOE,
    ),
    "RFC 7520 4.1 (RS256 with kid)": Example(
        {
            "kty": "RSA",
            "kid": "bilbo.baggins@hobbiton.example",
            "use": "sig",
            "e": "AQAB",
            "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0"
            "VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6A"
            "j-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS"
            "0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc"
            "5gHdrNP5zw",
        },
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."
        f"{FRODO_SEGMENT}"
        ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83"
        "xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJ"
        "Dt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12"
        "podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
        FRODO,
    ),
    "RFC 7520 4.4 (HS256 with kid)": Example(
        {
            "kty": "oct",
            "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037",
            "use": "sig",
            "alg": "HS256",
            "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        },
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9."
        f"{FRODO_SEGMENT}.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
        FRODO,
    ),
    "RFC 8037 A.5 (Ed25519)": Example(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        b"Example of Ed25519 signing",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_verifies(name: str) -> None:
    example = EXAMPLES[name]
    keys = KeySet([verifying_key_from_jwk(example.key)])
    assert jws.verify(example.token, keys, Accepting()).payload == example.payload


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_with_any_one_character_changed_does_not(name: str) -> None:
    example = EXAMPLES[name]
    keys = KeySet([verifying_key_from_jwk(example.key)])
    for place in range(0, len(example.token), 7):
        old = example.token[place]
        changed = example.token[:place] + ("A" if old != "A" else "B") + example.token[place + 1 :]
        with pytest.raises(TokenRejected):
            jws.verify(changed, keys, Accepting())


def test_rfc_7515_a5_unsecured_is_refused() -> None:
    for name in EXAMPLES:
        keys = KeySet([verifying_key_from_jwk(EXAMPLES[name].key)])
        with pytest.raises(TokenRejected):
            jws.verify(f"eyJhbGciOiJub25lIn0.{JOE_SEGMENT}.", keys, Accepting())


def test_rfc_7515_a6_json_serialization_is_refused() -> None:
    example = EXAMPLES["RFC 7515 A.3 (ES256)"]
    header, payload, signature = example.token.split(".")
    flattened = {"protected": header, "payload": payload, "signature": signature}
    keys = KeySet([verifying_key_from_jwk(example.key)])
    for document in (flattened, {"payload": payload, "signatures": [flattened]}):
        with pytest.raises(TokenRejected):
            jws.verify(json.dumps(document), keys, Accepting())


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19", id="with crit"),
        pytest.param("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2V9", id="without crit"),
    ],
)
def test_rfc_7797_unencoded_payload_is_refused(header: str) -> None:
    keys = KeySet([verifying_key_from_jwk({"kty": "oct", "k": RFC7515_A1_K})])
    for payload in ("$.02", "JC4wMg"):
        token = f"{header}.{payload}.A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
        with pytest.raises(TokenRejected):
            jws.verify(token, keys, Accepting())


def test_rfc_8037_a4_signs_the_same_bytes() -> None:
    private = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    signing_input, _, signature = EXAMPLES["RFC 8037 A.5 (Ed25519)"].token.rpartition(".")
    made = signing_key_from_jwk(private).sign(signing_input.encode())
    assert jws.read_octets(signature.encode(), "signature") == made


RFC7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
    "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368Q"
    "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
    "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)


def test_rfc_7638_thumbprint_of_rsa() -> None:
    jwk = {"kty": "RSA", "n": RFC7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    key = verifying_key_from_jwk(jwk)
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc_8037_a3_thumbprint_of_ed25519() -> None:
    key = verifying_key_from_jwk(EXAMPLES["RFC 8037 A.5 (Ed25519)"].key)
    assert thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_rfc_7520_43_an_algorithm_that_is_not_here_is_refused() -> None:
    """ES512 with its P-521 key: neither the key nor, beside another key, the token is taken."""
    header = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
    signature = (
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3"
        "mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
    )
    keys = KeySet([verifying_key_from_jwk(EXAMPLES["RFC 7515 A.3 (ES256)"].key)])
    with pytest.raises(TokenRejected):
        jws.verify(f"{header}.{FRODO_SEGMENT}.{signature}", keys, Accepting())

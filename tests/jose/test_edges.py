"""The first value that is refused, and the last one that is not, of every bound in the core."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from keyturn.jose import base64url, ec_p256, jwk_members, jws, jwt, pem, roca, strict_json
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import InvalidKey, Malformed, TokenRejected, shown
from keyturn.jose.jwks import MAX_DOCUMENT_BYTES, KeySet
from keyturn.jose.key import SigningKey, VerifyingKey, generate, signing_key_from_secret
from keyturn.jose.keys import (
    private_jwk,
    public_pem,
    signing_key_from_jwk,
    verifying_key_from_jwk,
    verifying_key_from_pem,
)
from keyturn.secret import Secret
from keyturn.secret_access import reveal

N = ec_p256.ORDER
KEYS = {name: generate(name, kid=f"kid-{name}") for name in ALGORITHMS}


class Accepting:
    """Every algorithm, tokens of the usual size."""

    algorithms = frozenset(ALGORITHMS)
    max_token_bytes = 16_384


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
@pytest.mark.parametrize("change", [lambda s: b"", lambda s: s[:-1], lambda s: s + b"\0"])
def test_a_signature_of_another_length_is_no_signature(
    alg: str, change: Callable[[bytes], bytes]
) -> None:
    key = KEYS[alg].verifying_key()
    signature = KEYS[alg].sign(b"message")
    assert key.verify(b"message", signature) is True
    assert key.verify(b"message", change(signature)) is False


def numbers(r: int, s: int) -> bytes:
    """``r || s``, each 32 bytes wide."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def lenient_key() -> tuple[ec_p256.EcPublic, list[bytes]]:
    """A key whose curve accepts everything, and the DER signatures that it was asked about."""
    asked: list[bytes] = []

    def check(der: bytes, _message: bytes) -> bool:
        asked.append(der)
        return True

    key = ec_p256.EcPublic(ec_p256.generate().public().key)
    object.__setattr__(key, "check", check)
    return key, asked


@pytest.mark.parametrize("r", [0, 1, N - 1, N, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, N - 1, N, 2**256 - 1])
def test_numbers_out_of_range_never_reach_the_curve(r: int, s: int) -> None:
    key, asked = lenient_key()
    inside = 0 < r < N and 0 < s < N
    assert key.verify(b"m", numbers(r, s)) is inside
    assert len(asked) == inside


HALVES = st.integers(1, N - 1)


@given(HALVES, HALVES)
@example(1, 1)
@example(2**247, 2**248 - 1)
@example(2**248, 2**247)
@example(2**240, N - 1)
@example(N - 1, 2**240)
def test_the_quick_der_is_the_libraries(r: int, s: int) -> None:
    key, asked = lenient_key()
    assert key.verify(b"m", numbers(r, s))
    assert asked == [encode_dss_signature(r, s)]


def jwk_of_scalar(scalar: int) -> dict[str, object]:
    """The private P-256 JWK of ``scalar``; its point is that of the nearest possible scalar."""
    point = ec.derive_private_key(min(max(scalar, 1), N - 1), ec.SECP256R1()).public_key()
    xy = point.public_numbers()
    names = {"x": xy.x, "y": xy.y, "d": scalar}
    texts = {n: base64url.encode(v.to_bytes(32, "big")).decode() for n, v in names.items()}
    return {"kty": "EC", "crv": "P-256", **texts}


@pytest.mark.parametrize(("scalar", "fits"), [(0, False), (1, True), (N - 1, True), (N, False)])
def test_a_private_scalar_lies_between_nothing_and_the_order(scalar: int, fits: bool) -> None:
    if fits:
        assert signing_key_from_jwk(jwk_of_scalar(scalar)).alg == "ES256"
        return
    with pytest.raises(InvalidKey, match='"d" is not a private key'):
        signing_key_from_jwk(jwk_of_scalar(scalar))


def rsa_jwk(e: int, n: int | None = None) -> dict[str, object]:
    """A public RSA JWK with this exponent."""
    honest = KEYS["RS256"].verifying_key().public_jwk()
    text = jwk_members.text_of_unsigned
    return honest | {"e": text(e)} | ({} if n is None else {"n": text(n)})


@pytest.mark.parametrize(
    ("e", "fits"),
    [
        (65535, False), (65536, False), (65537, True), (65538, False), (65541, True),
        (2**32 - 1, True), (2**32 - 2, False), (2**32 + 1, False),
    ],
)  # fmt: skip
def test_an_exponent_is_odd_and_of_17_to_32_bits(e: int, fits: bool) -> None:
    if fits:
        assert verifying_key_from_jwk(rsa_jwk(e)).alg == "RS256"
        return
    with pytest.raises(InvalidKey, match="exponent"):
        verifying_key_from_jwk(rsa_jwk(e))


def test_a_modulus_of_8192_bits_is_the_longest() -> None:
    assert verifying_key_from_jwk(rsa_jwk(65537, 2**8191 + 2**4000 + 1)).alg == "RS256"
    with pytest.raises(InvalidKey, match="8193 bits"):
        verifying_key_from_jwk(rsa_jwk(65537, 2**8192 + 1))


def test_a_fresh_rsa_key_has_the_usual_numbers() -> None:
    jwk = generate("RS256", kid="k").verifying_key().public_jwk()
    assert jwk["e"] == "AQAB"
    assert len(base64.urlsafe_b64decode(f"{jwk['n']}==")) == 256


def test_the_powers_that_roca_leaves() -> None:
    assert roca._powers(11) == {pow(roca.GENERATOR, k, 11) for k in range(10)}
    assert roca._powers(3) == {1, 2}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "a NoneType"), (1, "a int"), ("a", '"a"'), ("a\x1bb", '"a?b"'),
        ("x" * 40, f'"{"x" * 40}"'), ("x" * 41, f'"{"x" * 40}…"'),
    ],
)  # fmt: skip
def test_how_untrusted_names_are_shown(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_kid_has_1_to_128_printable_characters_wherever_it_comes_from() -> None:
    material = KEYS["ES256"].material
    public = KEYS["ES256"].verifying_key()
    for kid in ("k", "k" * 128):
        assert VerifyingKey("ES256", kid, public.material).kid == kid
        assert SigningKey("ES256", kid, material).kid == kid
        assert signing_key_from_secret(Secret(b"x" * 32), kid=kid).kid == kid
    for kid in ("", "k" * 129, "a\tb"):
        with pytest.raises(InvalidKey, match="kid"):
            VerifyingKey("ES256", kid, public.material)
        with pytest.raises(InvalidKey, match="kid"):
            SigningKey("ES256", kid, material)
        with pytest.raises(InvalidKey, match="kid"):
            verifying_key_from_jwk(public.public_jwk() | {"kid": kid})


def test_members_of_2048_characters_are_the_longest() -> None:
    longest = jwk_members.MAX_MEMBER_CHARS
    assert len(jwk_members.octets({"k": "A" * longest}, "k")) == longest * 3 // 4
    with pytest.raises(InvalidKey, match="longer than 2048"):
        jwk_members.octets({"k": "A" * (longest + 4)}, "k")


@pytest.mark.parametrize(("number", "text"), [(0, "AA"), (1, "AQ"), (255, "_w"), (256, "AQA")])
def test_a_number_is_written_as_short_as_it_can_be(number: int, text: str) -> None:
    assert jwk_members.text_of_unsigned(number) == text


def test_sets_of_64_keys_and_documents_of_the_limit_are_read() -> None:
    unknown = {"kty": "future"}
    assert len(KeySet.parse({"keys": [unknown] * 64}).ignored) == 64
    document = '{"keys":[]}'
    padded = document + " " * (MAX_DOCUMENT_BYTES - len(document))
    assert len(KeySet.parse(padded)) == len(KeySet.parse(padded.encode())) == 0
    with pytest.raises(InvalidKey, match="expected at most"):
        KeySet.parse(padded + " ")


def test_what_is_left_out_of_a_published_set_is_told_with_its_place() -> None:
    oct_jwk = json.loads(reveal(private_jwk(KEYS["HS256"])))
    keys = KeySet.parse_published({"keys": [{"kty": "EC", "crv": "P-256"}, oct_jwk]})
    assert keys.ignored[0].startswith("key 0: ")
    assert keys.ignored[1] == "key 1: a shared secret must not be published"


def test_a_set_remembers_64_headers_and_no_more() -> None:
    keys = KeySet([KEYS["HS256"].verifying_key()])
    segments = [
        base64url.encode(json.dumps({"alg": "HS256", "kid": "kid-HS256", "n": n}).encode())
        for n in range(70)
    ]
    for segment in segments:
        signing_input = segment + b".e30"
        signature = base64url.encode(KEYS["HS256"].sign(signing_input))
        jws.verify(f"{signing_input.decode()}.{signature.decode()}", keys, Accepting())
    assert sum(keys.recall(segment) is not None for segment in segments) == 64


def test_a_set_shows_algorithms_and_names() -> None:
    keys = KeySet([KEYS["ES256"].verifying_key(), KEYS["EdDSA"].verifying_key()])
    assert repr(keys) == "KeySet(ES256 kid-ES256, EdDSA kid-EdDSA)"


def with_header(raw: bytes) -> str:
    """A signed token of this header."""
    signing_input = base64url.encode(raw) + b".e30"
    return (
        f"{signing_input.decode()}.{base64url.encode(KEYS['HS256'].sign(signing_input)).decode()}"
    )


def test_a_header_of_2048_characters_is_the_longest() -> None:
    head = b'{"alg":"HS256","kid":"kid-HS256","x":"%s"}'
    room = 1536 - len(head % b"")
    keys = KeySet([KEYS["HS256"].verifying_key()])
    longest = with_header(head % (b"x" * room))
    assert len(longest.partition(".")[0]) == 2048
    assert jws.verify(longest, keys, Accepting()).payload == b"{}"
    with pytest.raises(Malformed, match="header is longer"):
        jws.verify(with_header(head % (b"x" * (room + 1))), keys, Accepting())


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("header", lambda h, p, s: (h + "A!", p, s)),
        ("header", lambda h, p, s: (base64url.encode(b"[]").decode(), p, s)),
        ("signature", lambda h, p, s: (h, p, s + "=")),
    ],
)
def test_a_rejection_names_the_part(
    part: str, change: Callable[[str, str, str], tuple[str, ...]]
) -> None:
    broken = ".".join(change(*jwt.encode({}, KEYS["HS256"]).split(".")))
    with pytest.raises(Malformed, match=f"token's {part} is"):
        jws.verify(broken, KeySet([KEYS["HS256"].verifying_key()]), Accepting())
    if part == "header":
        with pytest.raises(Malformed, match="token's header is"):
            jwt.peek(broken)


@pytest.mark.parametrize("payload", [b"[]", b"\xff", b"{"])
def test_a_rejected_payload_is_called_payload(payload: bytes) -> None:
    key = KEYS["HS256"]
    head = base64url.encode(b'{"alg":"HS256","kid":"kid-HS256"}')
    signing_input = head + b"." + base64url.encode(payload)
    token = f"{signing_input.decode()}.{base64url.encode(key.sign(signing_input)).decode()}"
    for judge in (
        lambda: jwt.decode(token, KeySet([key.verifying_key()]), Accepting()),
        lambda: jwt.peek(token),
    ):
        with pytest.raises(TokenRejected, match="token's payload is refused"):
            judge()
    signing_input = head + b".A"
    token = f"{signing_input.decode()}.{base64url.encode(key.sign(signing_input)).decode()}"
    with pytest.raises(TokenRejected, match="token's payload is not"):
        jws.verify(token, KeySet([key.verifying_key()]), Accepting())


def test_pem_is_read_as_what_it_is_asked_for_and_messages_say_what_that_is() -> None:
    public = public_pem(KEYS["ES256"].verifying_key()).encode()
    with pytest.raises(InvalidKey, match="another kind than RS256 needs"):
        verifying_key_from_pem(public, "RS256", kid="k")
    with pytest.raises(InvalidKey, match="hold a public key"):
        verifying_key_from_pem(b"-----BEGIN PUBLIC KEY-----\nAA==\n", None, kid="k")
    with pytest.raises(InvalidKey, match="hold a private key"):
        pem.signing_key_from_pem(public, None, kid="k")
    with pytest.raises(InvalidKey, match="neither PEM"):
        verifying_key_from_pem(base64.b64encode(public).replace(b"L", b"L*", 1), None, kid="k")
    padded = public + b"\n" * (pem.MAX_PEM_BYTES - len(public))
    assert verifying_key_from_pem(padded, None, kid="k").alg == "ES256"
    with pytest.raises(InvalidKey, match="expected at most"):
        verifying_key_from_pem(padded + b"\n", None, kid="k")


@pytest.mark.parametrize("depth", range(28, 37))
@pytest.mark.parametrize(
    "around", [(b"[", b"]"), (b'{"a":', b"}"), (b' [ "x",', b" ]"), (b'{ "b" : ', b"}")]
)
def test_32_levels_whatever_they_are_and_however_spelt(
    depth: int, around: tuple[bytes, bytes]
) -> None:
    """The quick and the exact reader draw the line in the same place."""
    opening, closing = around
    raw = b'{"a":' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"
    if depth <= 32:
        assert strict_json.loads(raw)
        return
    with pytest.raises(ValueError, match="nested too deeply"):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "value",
    [{1: "a"}, {"a": (1, 2)}, {"a": b"x"}, {"a": {1, 2}}],
    ids=["key", "tuple", "bytes", "set"],
)
def test_what_json_changes_is_not_lossless(value: dict[str, object]) -> None:
    assert strict_json.lossless(value) is None


def test_a_token_may_name_a_key_of_the_longest_name() -> None:
    kid = "k" * 128
    key = VerifyingKey("ES256", kid, KEYS["ES256"].verifying_key().material)
    assert KeySet([key]).select({"alg": "ES256", "kid": kid}) is key

"""Tokens to disagree about: honest ones, bent in up to three ways, mostly with a true signature."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.secret import Secret

ISSUER, AUDIENCE = "https://project.example/auth/v1", "authenticated"
DAY = 86_400
NOW = datetime.now(UTC).replace(microsecond=0)
UNIX = int(NOW.timestamp())
NAMED = {alg: generate(alg, kid=f"kid-{alg}") for alg in ("ES256", "RS256", "EdDSA", "HS256")}
LEGACY = signing_key_from_secret(Secret("a-legacy-secret-of-at-least-32-characters"), kid=None)
STRANGER = generate("ES256", kid="kid-ES256")
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "role": "authenticated",
    "iat": UNIX - DAY, "exp": UNIX + DAY,
}  # fmt: skip
ABSENT = object()


@dataclass(frozen=True)
class Sample:
    """A token, and the bytes that its first two segments were made of."""

    token: str
    header: bytes
    payload: bytes


TIMES = [UNIX - DAY, UNIX + DAY, float(UNIX + DAY) + 0.5, str(UNIX + DAY), True, None, -1, 0, [],
         {}, 10**15, 1000 * UNIX, 10**25, 1e308, ABSENT]  # fmt: skip
TEXTS = [1, None, [], {}, "", ["authenticated"], [AUDIENCE, 1], [ISSUER], "x", AUDIENCE, ISSUER,
         "role\x00", "r" * 64, "ü" * 40, True, ABSENT]  # fmt: skip
HEADERS: dict[str, list[Any]] = {
    "alg": ["ES256", "RS256", "EdDSA", "Ed25519", "HS256", "none", "None", "es256", "ES384",
            "PS256", "HS512", "", None, 1, ["ES256"], {}, ABSENT],
    "kid": [*(f"kid-{alg}" for alg in NAMED), "x", "", 1, None, ["kid-ES256"], "KID-ES256",
            "k" * 200, ABSENT],
    "typ": ["JWT", "jwt", "at+jwt", "application/jwt", "JWS", 1, None, ["JWT"], ABSENT],
    "cty": ["JWT", "json", None],
    "crit": [[], None, ["exp"], ["b64"], ["x", "x"], "b64", ["alg"]],
    "b64": [True, False, None],
    "jwk": [STRANGER.verifying_key().public_jwk()],
    "jku": ["http://127.0.0.1:9/"], "x5u": ["http://127.0.0.1:9/"], "zip": ["DEF"],
    "long": ["x" * 600, "x" * 3000], "nested": [[[[[]]]]],
}  # fmt: skip
CLAIM_VALUES: dict[str, list[Any]] = {
    "exp": TIMES, "nbf": TIMES, "iat": TIMES, "iss": TEXTS, "aud": TEXTS, "sub": TEXTS,
    "role": TEXTS, "jti": TEXTS, "session_id": TEXTS, "n": [1e400, float("nan"), 10**19, 10**22],
}  # fmt: skip


def changed(members: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """``members`` with one of another value, or without it."""
    rest = {key: member for key, member in members.items() if key != name}
    return rest if value is ABSENT else {**rest, name: value}


SPELLINGS: dict[str, Any] = {
    "as it is": lambda raw: raw,
    "indented": lambda raw: json.dumps(json.loads(raw), indent=1).encode(),
    "with a byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-32": lambda raw: raw.decode().encode("utf-32"),
    "a name twice": lambda raw: raw[:-1] + b',"role":"a","role":"service_role","alg":"none"}',
    "a name twice, deep": lambda raw: raw[:-1] + b',"deep":{"a":1,"a":2}}',
    "broken UTF-8": lambda raw: raw[:-1] + b',"u":"\xff"}',
    "a surrogate": lambda raw: raw[:-1] + rb',"u":"\ud800"}',
    "a NUL": lambda raw: raw[:-1] + rb',"u":"\u0000"}',
    "escapes": lambda raw: raw[:-1] + rb',"\u0061\u0062":"\/"}',
    "thirty levels": lambda raw: raw[:-1] + b',"d":' + b"[" * 30 + b"]" * 30 + b"}",
    "forty levels": lambda raw: raw[:-1] + b',"d":' + b"[" * 40 + b"]" * 40 + b"}",
    "a comma more": lambda raw: raw[:-1] + b",}",
    "white space around": lambda raw: b" \n" + raw + b"\n ",
    "a list": lambda raw: b"[" + raw + b"]",
    "text": lambda _raw: b'"text"',
    "nothing": lambda _raw: b"",
    "something after": lambda raw: raw + b"{}",
}
LETTERS = "AQgw-_9z.=+/ \n\x00é!"


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A token that was bent."""
    alg = draw(st.sampled_from(sorted(NAMED)))
    header: dict[str, Any] = {"alg": alg, "kid": f"kid-{alg}", "typ": "JWT"}
    key: SigningKey = NAMED[alg]
    claims = dict(CLAIMS)
    bends = draw(st.lists(st.sampled_from(["header", "claims", "raw", "key", "text"]), max_size=3))
    spell_header, spell_payload = SPELLINGS["as it is"], SPELLINGS["as it is"]
    for bend in bends:
        if bend == "header":
            name = draw(st.sampled_from(sorted(HEADERS)))
            header = changed(header, name, draw(st.sampled_from(HEADERS[name])))
        elif bend == "claims":
            name = draw(st.sampled_from(sorted(CLAIM_VALUES)))
            claims = changed(claims, name, draw(st.sampled_from(CLAIM_VALUES[name])))
        elif bend == "raw":
            spelling = SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))]
            if draw(st.booleans()):
                spell_header = spelling
            else:
                spell_payload = spelling
        elif bend == "key":
            key = draw(st.sampled_from([*NAMED.values(), LEGACY, STRANGER]))
    raw_header = spell_header(json.dumps(header).encode())
    raw_payload = spell_payload(json.dumps(claims).encode())
    signing_input = f"{b64(raw_header)}.{b64(raw_payload)}"
    token = f"{signing_input}.{b64(key.sign(signing_input.encode()))}"
    if "text" in bends:
        token = draw(texts(token))
    return Sample(token, raw_header, raw_payload)


@st.composite
def texts(draw: st.DrawFn, token: str) -> str:
    """``token`` with its text damaged."""
    place = draw(st.integers(0, len(token) - 1))
    letter = draw(st.sampled_from(LETTERS))
    return draw(
        st.sampled_from(
            [
                token[:place] + letter + token[place + 1 :],
                token[:place] + letter + token[place:],
                token[:place] + token[place + 1 :],
                token[:place],
                token + "=" * (-len(token.rpartition(".")[2]) % 4),
                token + letter,
                letter + token,
                token.replace(".", "=.", 1),
                token[:-1] + chr(ord(token[-1]) ^ 1),
                token + ".",
                token.rpartition(".")[0] + ".",
                token.replace("_", "/").replace("-", "+"),
            ]
        )
    )

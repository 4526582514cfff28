"""What cannot be meant does not type-check, and what slips through is refused at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mypy import api
from tests.verifier.issuer import AUDIENCE, ISSUER, OLD, token

import keyturn
from keyturn import ANY_AUDIENCE, ANY_ISSUER, KeyturnError, TokenCachePolicy, Verifier
from keyturn.jose.jwks import public_jwks
from keyturn.wiring.verifier_options import supabase_addresses

ROOT = Path(__file__).resolve().parents[2]
JWKS = public_jwks([OLD.verifying_key()])
GOOD: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "algorithms": {"ES256"}}

ACCEPTED = [
    'Verifier.remote("u", issuer="i", audience="a", algorithms={"ES256", "RS256"})',
    'Verifier.remote("u", issuer=ANY_ISSUER, audience=ANY_AUDIENCE, algorithms=["ES256"])',
    'Verifier.remote("u", issuer="i", audience={"a", "b"}, algorithms=["EdDSA"])',
    'Verifier.static({}, issuer="i", audience="a", algorithms={"HS256"}, legacy_secret="s")',
    'Verifier.supabase("u", legacy_secret=Secret("s"), token_cache=None)',
]
MISUSED = {
    'Verifier.remote("u", audience="a", algorithms={"ES256"})': "issuer",
    'Verifier.remote("u", issuer="i", algorithms={"ES256"})': "audience",
    'Verifier.remote("u", issuer="i", audience="a")': "algorithms",
    'Verifier.remote("u", "i", "a", {"ES256"})': "positional",
    'Verifier.remote("u", issuer=None, audience="a", algorithms={"ES256"})': "issuer",
    'Verifier.remote("u", issuer="i", audience=None, algorithms={"ES256"})': "audience",
    'Verifier.remote("u", issuer=ANY_AUDIENCE, audience="a", algorithms={"ES256"})': "issuer",
    'Verifier.remote("u", issuer="i", audience=ANY_ISSUER, algorithms={"ES256"})': "audience",
    'Verifier.remote("u", issuer="i", audience="a", algorithms="ES256")': "algorithms",
    'Verifier.remote("u", issuer="i", audience="a", algorithms={"none"})': "none",
    'Verifier.remote("u", issuer="i", audience="a", algorithms={"es256"})': "es256",
    'Verifier.remote("u", issuer="i", audience="a", algorithms={"ES256"}, verify=False)': "verify",
    'Verifier.static(issuer="i", audience="a", algorithms={"ES256"})': "jwks",
    'Verifier.supabase("u", legacy_secret=1)': "legacy_secret",
    'Verifier.supabase("u").verify_now(b"token")': "bytes",
    'Verifier.supabase("u").verify_now("t")["role"] = "service_role"': "indexed assignment",
    'Verifier.supabase("u").verify_now("t")["sub"].upper()': "object",
}
HEAD = "from keyturn import ANY_AUDIENCE, ANY_ISSUER, Secret, Verifier\n"


def test_misuse_does_not_type_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet = tmp_path / "snippet.py"
    lines = [*ACCEPTED, *MISUSED]
    snippet.write_text(HEAD + "\n".join(lines) + "\n")
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    said, broken, _ = api.run(
        [
            *("--strict", "--no-error-summary", "--hide-error-context", "--no-pretty"),
            *("--config-file", "", "--follow-imports", "silent"),
            *("--cache-dir", str(tmp_path / "cache"), str(snippet)),
        ]
    )
    assert broken == ""
    told: dict[int, str] = {}
    for line in said.splitlines():
        number = int(line.split(":")[1])
        told[number] = told.get(number, "") + line
    found = {text: told.get(number, "") for number, text in enumerate(lines, start=2)}
    assert [text for text in ACCEPTED if found[text]] == []
    assert [text for text, about in MISUSED.items() if about not in found[text]] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": None},
        {"issuer": ""},
        {"audience": None},
        {"audience": ""},
        {"audience": set()},
        {"algorithms": "ES256"},
        {"algorithms": set()},
        {"algorithms": {"none"}},
        {"algorithms": {"ES256", "HS256"}},
        {"legacy_secret": "a-secret-of-at-least-thirty-two-bytes"},
        {"algorithms": {"HS256"}, "legacy_secret": "short"},
        {"algorithms": {"HS256"}, "legacy_secret": "", "allow_short_secret": True},
        {"leeway": -1},
        {"require": "exp"},
    ],
)
def test_what_slips_through_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(KeyturnError):
        Verifier.remote("https://project.example/jwks", **{**GOOD, **wrong})


def test_a_short_secret_is_accepted_on_purpose() -> None:
    made = Verifier.remote(
        "https://project.example/jwks",
        issuer=ANY_ISSUER,
        audience=ANY_AUDIENCE,
        algorithms={"HS256"},
        legacy_secret=b"short",
        allow_short_secret=True,
    )
    assert not made.health().ready


# Published examples, put together here so that nobody copies them from this place.
KNOWN = [
    "-".join(
        ["super", "secret", "jwt", "token", "with", "at", "least", "32", "characters", "long"]
    ),
    "-".join(["a", "string", "secret", "at", "least", "256", "bits", "long"]),
    "really" * 4 + "verysafe",
]
KNOWN.append(f"your-{KNOWN[0]}")


@pytest.mark.parametrize("secret", KNOWN, ids=range(len(KNOWN)))
def test_a_secret_that_everybody_knows_is_refused_unless_on_purpose(secret: str) -> None:
    def made(**more: Any) -> Verifier:
        return Verifier.supabase("https://a.example", legacy_secret=secret, **more)

    with pytest.raises(KeyturnError, match="anybody can sign") as refused:
        made()
    assert secret not in f"{refused.value}{refused.value.hint}"
    assert not made(allow_known_secret=True).health().ready


@pytest.mark.parametrize("jwks", [{}, {"keys": 1}, "x", b"\xff", {"keys": [{"kty": "EC"}]}])
def test_static_keys_are_read_strictly(jwks: Any) -> None:
    with pytest.raises(KeyturnError):
        Verifier.static(jwks, **GOOD)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/auth/v1",
        "https://api.example.com/auth/v1/",
    ],
)
def test_a_supabase_address_says_everything(url: str) -> None:
    assert supabase_addresses(url) == (
        "https://api.example.com/auth/v1",
        "https://api.example.com/auth/v1/.well-known/jwks.json",
    )


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "https://a.example/rest/v1", "https://a.example?x=1", "https://[x"],
)
def test_an_address_that_is_not_a_supabase_is_refused(url: str) -> None:
    with pytest.raises(KeyturnError):
        Verifier.supabase(url)


def test_a_static_verifier_has_nothing_to_wait_for() -> None:
    verifier = Verifier.static(JWKS, **GOOD)
    assert asyncio.run(verifier.prewarm()).status == "fresh"
    with pytest.raises(KeyturnError):
        verifier.invalidate()
    verifier.push({"keys": []})
    assert verifier.health().keys == ()


def test_the_off_switch_of_the_token_cache() -> None:
    for policy, kept in ((None, 0), (TokenCachePolicy(), 1)):
        verifier = Verifier.static(JWKS, **GOOD, token_cache=policy)
        verifier.verify_now(token(OLD))
        assert verifier.health().counters["token_cache_entries"] == kept
    with pytest.raises(KeyturnError):
        TokenCachePolicy(max_entries=0)


def test_importing_keyturn_loads_nothing_else() -> None:
    code = (
        "import sys, keyturn; assert 'Verifier' in dir(keyturn); "
        "print([name for name in sys.modules if name.startswith(('keyturn.', 'cryptography'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_that_is_promised_is_there() -> None:

    stub = (ROOT / "src" / "keyturn" / "__init__.pyi").read_text()
    for name in keyturn.__all__:
        assert getattr(keyturn, name) is not None
        assert name == "__version__" or f" as {name}\n" in stub
    with pytest.raises(AttributeError, match="Verifyer"):
        vars(keyturn)["__getattr__"]("Verifyer")

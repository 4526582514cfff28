"""``keyturn token verify``: every reason, the key that is needed, and exit codes."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli_token.conftest import kids
from tests.support.command import RunWith

from keyturn.jose.jwks import public_jwks
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.secret import Secret

EC, OTHER = generate("ES256", kid="a-key"), generate("ES256", kid="other")
SECRET = "a-legacy-secret-of-32-characters!"
HS = signing_key_from_secret(Secret(SECRET), kid=None)
ISSUER = "https://a.example/auth/v1"
EXPECT = ("--issuer", ISSUER, "--audience", "authenticated")
ANY = ("--any-issuer", "--any-audience")


def token(key: SigningKey = EC, **others: object) -> str:
    """A token of this minute, changed."""
    now = int(time.time())
    usual = {"iss": ISSUER, "sub": "u", "aud": "authenticated", "iat": now, "exp": now + 300}
    return encode({**usual, **others}, key)


@pytest.fixture
def jwks(tmp_path: Path) -> str:
    """The name of a file with the JWKS of ``EC``."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(public_jwks([EC.verifying_key()])))
    return str(path)


def codes(run: RunWith, text: str, *arguments: str) -> list[str]:
    """The codes of all findings; checks that the exit code says the same."""
    judged = run("token", "verify", *arguments, "--json", stdin=text)
    found = [row["code"] for row in judged.json["findings"]]
    assert judged.code == (1 if found else 0)
    assert judged.json["valid"] is not bool(found)
    return found


def test_a_valid_token(run: RunWith, jwks: str) -> None:
    judged = run("token", "verify", "--jwks-file", jwks, *EXPECT, stdin=token())
    assert judged.code == 0
    assert judged.out.startswith("valid\n")
    document = run("token", "verify", "--jwks-file", jwks, *EXPECT, "--json", stdin=token()).json
    assert document["key"]["available"] is True
    assert document["claims"]["sub"] == "u"


def test_all_reasons_are_told_at_once(run: RunWith, jwks: str) -> None:
    bad = token(OTHER, exp=5, iss="https://b.example", aud="else")
    assert codes(run, bad, "--jwks-file", jwks, *EXPECT) == [
        "unknown_kid",
        "token_expired",
        "issuer_mismatch",
        "audience_mismatch",
    ]
    out = run("token", "verify", "--jwks-file", jwks, *EXPECT, stdin=bad).out
    assert "refused, for 4 reasons" in out
    assert "one of: ES256 a-key" in out
    assert 'needs      the "ES256" key "other"  (not in the key set)' in out
    assert ISSUER in out
    assert "https://b.example" in out
    assert re.search(r"The token expired \d+ d( \d+ h)? ago\.", out)


def test_a_forged_token_shows_no_claims_and_no_signature(run: RunWith, jwks: str) -> None:
    forger = generate("ES256", kid="a-key")
    forged = token(forger, email="victim@example.com")
    judged = run("token", "verify", "--jwks-file", jwks, *ANY, "--json", stdin=forged)
    assert [row["code"] for row in judged.json["findings"]] == ["bad_signature"]
    assert judged.json["claims"] is None
    assert "victim" not in judged.out
    assert forged.rpartition(".")[2] not in judged.out


def test_trust_has_to_be_said(run: RunWith, jwks: str) -> None:
    for arguments in (
        (),
        ("--any-issuer",),
        ("--any-audience",),
        (*ANY, "--issuer", "x"),
        (*ANY, "--audience", "x"),
        (*ANY, "--alg", "none"),
        (*ANY, "--jwks-url", "https://a.example"),
        (*ANY, "--secret-file", "x", "--secret-env", "X"),
    ):
        judged = run("token", "verify", "--jwks-file", jwks, *arguments, stdin=token())
        assert judged.code == 2, arguments


def test_algorithms_can_be_narrowed(run: RunWith, jwks: str) -> None:
    assert codes(run, token(), "--jwks-file", jwks, *ANY, "--alg", "RS256") == ["alg_not_allowed"]
    assert codes(run, token(), "--jwks-file", jwks, *ANY, "--alg", "RS256", "--alg", "ES256") == []


def test_a_legacy_secret_from_a_file_or_a_variable(
    run: RunWith, jwks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = token(HS)
    assert codes(run, legacy, "--jwks-file", jwks, *ANY) == ["missing_kid", "alg_not_allowed"]
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    assert codes(run, legacy, "--jwks-file", jwks, *ANY, "--secret-file", str(file)) == []
    monkeypatch.setenv("A_SECRET", SECRET)
    assert codes(run, legacy, "--jwks-file", jwks, *ANY, "--secret-env", "A_SECRET") == []
    file.write_text(f'"{SECRET}"')
    wrong = run(
        "token", "verify", "--jwks-file", jwks, *ANY, "--secret-file", str(file), stdin=legacy
    )
    assert wrong.code == 1
    assert "quotation marks" in wrong.out
    assert SECRET not in wrong.out + wrong.err
    absent = run("token", "verify", "--jwks-file", jwks, *ANY, "--secret-env", "ABSENT", stdin="x")
    assert absent.code == 2


def test_only_one_thing_is_read_from_stdin(run: RunWith) -> None:
    judged = run("token", "verify", "--jwks-file", "-", *ANY, stdin=token())
    assert judged.code == 2
    assert "standard input" in judged.err


def test_leeway(run: RunWith, jwks: str) -> None:
    late = token(exp=int(time.time()) - 10)
    assert codes(run, late, "--jwks-file", jwks, *ANY) == ["token_expired"]
    assert codes(run, late, "--jwks-file", jwks, *ANY, "--leeway", "60") == []


def test_a_key_file_that_is_none(run: RunWith, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    for text in ("{}", "no", '{"keys": [{"kty": "EC"}]}'):
        path.write_text(text)
        assert run("token", "verify", "--jwks-file", str(path), *ANY, stdin=token()).code == 2


class Endpoint(BaseHTTPRequestHandler):
    """A JWKS endpoint, a redirect to it, and one that answers nonsense."""

    def do_GET(self) -> None:
        """Answer by path."""
        body = json.dumps(public_jwks([EC.verifying_key()])).encode()
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/jwks.json")
            body = b""
        else:
            self.send_response(200)
            body = b"<html>" if self.path == "/html" else body
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of a running endpoint on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_from_an_address(run: RunWith, endpoint: str) -> None:
    assert codes(run, token(), "--jwks-url", f"{endpoint}/jwks.json", *ANY) == []
    for path in ("/moved", "/html"):
        judged = run("token", "verify", "--jwks-url", endpoint + path, *ANY, stdin=token())
        assert judged.code == 4, path
    nobody = run("token", "verify", "--jwks-url", "http://127.0.0.1:9", *ANY, stdin=token())
    assert nobody.code == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/jwks.json",
        "http://127.0.0.1.a.example/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://",
        "https://user:hidden-word@a.example/",
        "http://[::1",
    ],
)
def test_addresses_that_cannot_be_trusted(run: RunWith, url: str) -> None:
    judged = run("token", "verify", "--jwks-url", url, *ANY, stdin=token())
    assert judged.code == 2
    assert "hidden-word" not in judged.err


def test_the_ring_judges_and_knows_what_became_of_a_key(
    run: RunWith, ring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = run("token", "mint").out.strip()
    assert codes(run, signed, *ANY) == []
    old = ring["in_use"]
    force = ("--force", "--reason", "a drill")
    rotated = run("keys", "rotate", "--revoke", "--confirm", old, *force)
    assert rotated.code == 0, rotated.err
    assert kids(run)["revoked"] == old
    # Public keys need no master key.
    monkeypatch.delenv("KEYTURN_MASTER_KEY")
    assert codes(run, signed, *ANY) == ["unknown_kid"]
    out = run("token", "verify", *ANY, stdin=signed).out
    assert "was revoked on 20" in out


def test_the_legacy_secret_of_the_ring(run: RunWith, ring: dict[str, str], tmp_path: Path) -> None:
    del ring
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    assert run("keys", "import", "--file", str(file), "--legacy").code == 0
    assert codes(run, token(HS), *ANY) == []
    other = signing_key_from_secret(Secret("y" * 32), kid=None)
    assert codes(run, token(other), *ANY) == ["bad_signature"]


def test_without_a_ring_it_says_so(run: RunWith) -> None:
    judged = run("token", "verify", *ANY, stdin=token())
    assert judged.code == 2
    assert "No database is known" in judged.err

"""``keyturn keys generate --out DIR``: the article's files, and those that services really read."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.command import RunWith

from keyturn.deploy.dotenv import parse
from keyturn.jose.forms import read
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import thumbprint
from keyturn.secret import Secret

LEGACY = "a-legacy-jwt-secret-of-forty-characters!"


def values(path: Path) -> dict[str, str]:
    """The lines of an env file, as Compose reads them."""
    return {one.name: one.value for one in parse(path.name, path.read_text(), lambda name: None)}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_every_file_holds_the_same_key(run: RunWith, tmp_path: Path, alg: str) -> None:
    made = run("keys", "generate", "--out", "out", "--alg", alg, "--json")
    assert made.code == 0, made.err
    folder = tmp_path / "out"
    names = {path.name for path in folder.iterdir()}
    assert set(made.json["files"]) == names
    found = set()
    for name in names - {"official.env", "article.env"}:
        (held,) = read(Secret((folder / name).read_bytes())).keys
        found.add(thumbprint(held.verifying))
    for name in ("official.env", "article.env"):
        for text in values(folder / name).values():
            found |= {thumbprint(held.verifying) for held in read(Secret(text)).keys}
    assert found == {made.json["kid"]}


def test_nobody_else_may_read_them(run: RunWith, tmp_path: Path) -> None:
    run("keys", "generate", "--out", "out")
    folder = tmp_path / "out"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_reads_the_pem_and_agrees_about_the_public_half(
    run: RunWith, tmp_path: Path
) -> None:
    run("keys", "generate", "--out", "out")
    private = tmp_path / "out" / "private.pem"
    assert private.read_text().startswith("-----BEGIN EC PRIVATE KEY-----")
    derived = subprocess.run(
        ["openssl", "ec", "-in", private, "-pubout"], capture_output=True, text=True, check=True
    )
    assert derived.stdout == (tmp_path / "out" / "public.pem").read_text()


def test_the_legacy_secret_stays_accepted_without_a_kid(run: RunWith, tmp_path: Path) -> None:
    made = run("keys", "generate", "--out", "out", "--legacy-secret", "-", stdin=LEGACY)
    assert made.code == 0, made.err
    lines = values(tmp_path / "out" / "official.env")
    signing, legacy = json.loads(lines["JWT_KEYS"])
    assert signing["key_ops"] == ["sign", "verify"]
    assert "kid" not in legacy
    assert legacy["key_ops"] == ["verify"]
    assert len(KeySet.parse(lines["JWT_JWKS"])) == 2
    assert "oct" not in (tmp_path / "out" / "jwks.json").read_text()
    assert LEGACY not in made.out + made.err


def test_nothing_is_overwritten_not_even_in_part(run: RunWith, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "article.env").write_text("mine")
    made = run("keys", "generate", "--out", "out")
    assert made.code == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["article.env"]


def test_hs256_is_not_handed_out(run: RunWith) -> None:
    made = run("keys", "generate", "--out", "out", "--alg", "HS256")
    assert made.code == 2
    assert "no public half" in made.err


def test_the_options_of_files_belong_to_files(run: RunWith) -> None:
    made = run("keys", "generate", "--kid", "x")
    assert made.code == 2
    assert "--out" in made.err

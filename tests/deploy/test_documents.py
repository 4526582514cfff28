"""Mounted files that decide about keys, and secrets that come as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deploy.memory import codes, read
from tests.support.deployments import ERAS, healthy

from keyturn.deploy.opened import text
from keyturn.deploy.setting import Origin

KONG = "services:\n  a:\n    image: kong:3\n    volumes:\n      - %s\n"


@pytest.mark.parametrize(
    ("mount", "path", "target"),
    [
        ("./kong.yml:/k/kong.yml:ro,z", "kong.yml", "/k/kong.yml"),
        ("./sub:/k:ro", "sub/kong.yml", "/k/kong.yml"),
        ("{type: bind, source: ./kong.yml, target: /k.yml}", "kong.yml", "/k.yml"),
        ("'${DIR}/kong.yml:/k.yml'", "kong.yml", "/k.yml"),
        ("../files/kong.yml:/k.yml", "../files/kong.yml", "/k.yml"),
        ("/etc/kong.yml:/k.yml", "/etc/kong.yml", "/k.yml"),
    ],
)
def test_every_way_to_mount(mount: str, path: str, target: str) -> None:
    there = {"kong.yml", "sub/kong.yml", "../files/kong.yml", "/etc/kong.yml"}
    files = {"compose.yaml": KONG % mount, ".env": "DIR=.", **dict.fromkeys(there, "x")}
    (document,) = read(files).services["a"].documents
    assert (document.path, document.target, document.text) == (path, target, "x")
    assert document.place.line == 5
    assert read(files).services["a"].document(target) == document


@pytest.mark.parametrize(
    "mount",
    [
        "volume:/k.yml",
        "/anonymous.yml",
        "{type: volume, source: v, target: /k.yml}",
        "./data:/data",
    ],
)
def test_what_is_no_document(mount: str) -> None:
    assert read({"compose.yaml": KONG % mount}).services["a"].documents == ()


def test_a_mounted_file_that_is_not_there() -> None:
    found = read({"compose.yaml": KONG % "./kong.yml:/k.yml", ".env": ""})
    (document,) = found.services["a"].documents
    assert document.text is None
    assert document.problem is not None
    assert codes(found.notes) == ["missing_file"]


def test_a_document_that_is_too_large() -> None:
    files = {"compose.yaml": KONG % "./kong.yml:/k.yml", "kong.yml": "x" * 600_000}
    (document,) = read(files).services["a"].documents
    assert document.text is None
    assert "too large" in (document.problem or "")


COOLIFY_CONTENT = """
services:
  a:
    image: kong:2.8.1
    volumes:
      - type: bind
        source: ./kong.yml
        target: /k.yml
        content: |
          - key: $SUPABASE_ANON_KEY
          - url: `${e.toString()}`
"""


def test_coolifys_content_stands_for_a_file_that_is_not_there() -> None:
    (document,) = read({"compose.yaml": COOLIFY_CONTENT}).services["a"].documents
    assert document.text == "- key: $SUPABASE_ANON_KEY\n- url: `${e.toString()}`\n"
    (written,) = read({"compose.yaml": COOLIFY_CONTENT, "kong.yml": "real"}).services["a"].documents
    assert written.text == "real"


SECRETS = """
services:
  rest:
    image: postgrest/postgrest:v14
    environment:
      PGRST_JWT_SECRET: "@/run/secrets/jwks"
    secrets: [jwks, {source: other, target: renamed-jwks}, gone]
    configs:
      - {source: written, target: /etc/jwks.json}
  studio:
    image: supabase/studio:2026.01.01
    environment:
      SUPABASE_ANON_KEY_FILE: /run/secrets/anon
      AUTH_JWT_SECRET_FILE: /run/secrets/nowhere
      LOG_FILE: ""
    secrets: [anon]
  auth:
    image: supabase/gotrue:v2
    environment:
      GOTRUE_JWT_SECRET_FILE: /run/secrets/anon
    secrets: [anon]
secrets:
  jwks: {file: ./jwks.json}
  other: {environment: JWT_JWKS}
  anon: {file: anon.txt}
  gone: {external: true}
configs:
  written: {content: '{"keys":[${X}]}'}
"""


def test_secrets_and_configs() -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": SECRETS,
        "jwks.json": "from file",
        "anon.txt": "the-anon-key\n",
        ".env": "JWT_JWKS=unused\nX=1",
    }
    found = read(files)
    rest = {one.target: one.text for one in found.services["rest"].documents}
    assert rest["/run/secrets/jwks"] == "from file"
    assert rest["/etc/jwks.json"] == '{"keys":[1]}'
    assert rest["/run/secrets/renamed-jwks"] == "unused"
    studio = found.services["studio"].settings
    assert text(studio["SUPABASE_ANON_KEY"]) == "the-anon-key"
    assert studio["SUPABASE_ANON_KEY"].origin is Origin.FILE
    assert str(studio["SUPABASE_ANON_KEY"].place) == "anon.txt:1"
    assert "AUTH_JWT_SECRET" not in studio
    # Auth's image knows no such suffix.
    assert "GOTRUE_JWT_SECRET" not in found.services["auth"].settings
    assert "the-anon-key" not in repr(found)


@pytest.mark.parametrize("era", ERAS)
def test_the_documents_of_each_era(tmp_path: Path, era: str) -> None:
    found = healthy(tmp_path, era).inventory()
    paths = {one.path for service in found.services.values() for one in service.documents}
    expected = {
        "2023-kong": {"volumes/api/kong.yml"},
        "2025-kong": {
            "volumes/api/kong.yml",
            "volumes/db/jwt.sql",
            "volumes/functions/main/index.ts",
        },
        "2026-kong": {
            "volumes/api/kong.yml",
            "volumes/api/kong-entrypoint.sh",
            "volumes/db/jwt.sql",
            "volumes/functions/main/index.ts",
        },
        "2026-envoy": {
            "volumes/api/envoy/envoy.yaml",
            "volumes/api/envoy/cds.yaml",
            "volumes/api/envoy/lds.template.yaml",
            "volumes/api/envoy/docker-entrypoint.sh",
            "volumes/db/jwt.sql",
            "volumes/functions/main/index.ts",
        },
    }
    assert paths == expected[era]
    assert {one.path for one in found.files} >= paths

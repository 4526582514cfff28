"""Layouts of the panels that people deploy Supabase with, in small files of our own."""

from __future__ import annotations

from tests.deploy.memory import codes, read

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Origin

COOLIFY = """
services:
  supabase-kong:
    image: 'kong:2.8.1'
    entrypoint: 'bash -c ''eval "echo \\"$$(cat ~/temp.yml)\\"" > ~/kong.yml'''
    environment:
      - SERVICE_URL_SUPABASEKONG_8000
      - 'SUPABASE_ANON_KEY=${SERVICE_SUPABASEANON_KEY}'
      - 'SUPABASE_SERVICE_KEY=${SERVICE_SUPABASESERVICE_KEY}'
    volumes:
      - type: bind
        source: ./volumes/api/kong.yml
        target: /home/kong/temp.yml
        content: |
          consumers:
            - username: anon
              keyauth_credentials:
                - key: $SUPABASE_ANON_KEY
  supabase-auth:
    image: 'supabase/gotrue:v2.174.0'
    environment:
      - 'GOTRUE_JWT_SECRET=${SERVICE_PASSWORD_JWT}'
      - 'GOTRUE_JWT_EXP=${JWT_EXPIRY:-3600}'
      # - 'GOTRUE_JWT_KEYS=${JWT_KEYS}'
  supabase-rest:
    image: 'postgrest/postgrest:v12.2.12'
    environment:
      - 'PGRST_JWT_SECRET=${SERVICE_PASSWORD_JWT}'
  realtime-dev:
    image: 'supabase/realtime:v2.34.47'
    environment:
      - 'API_JWT_SECRET=${SERVICE_PASSWORD_JWT}'
    healthcheck:
      test:
        - CMD
        - curl
        - '-H'
        - 'Authorization: Bearer ${SERVICE_SUPABASEANON_KEY}'
        - 'http://127.0.0.1:4000/api/tenants/realtime-dev/health'
  supabase-storage:
    image: 'supabase/storage-api:v1.14.6'
    environment:
      - 'PGRST_JWT_SECRET=${SERVICE_PASSWORD_JWT}'
      - 'SERVICE_KEY=${SERVICE_SUPABASESERVICE_KEY}'
  supabase-edge-functions:
    image: 'supabase/edge-runtime:v1.67.4'
    environment:
      - 'JWT_SECRET=${SERVICE_PASSWORD_JWT}'
    volumes:
      - type: bind
        source: ./volumes/functions/main/index.ts
        target: /home/deno/functions/main/index.ts
        content: "const path = `/home/deno/functions/${name}`;\\n"
  minio-createbucket:
    image: minio/mc
    entrypoint: ['/entrypoint.sh']
"""
COOLIFY_ENV = """
SERVICE_PASSWORD_JWT=made-by-the-panel-with-forty-characters-x
SERVICE_SUPABASEANON_KEY=anon
SERVICE_SUPABASESERVICE_KEY=service
"""


def secrets_agree(found: Inventory) -> bool:
    """Whether every verifier was given the same secret."""
    names = {
        Kind.AUTH: ("GOTRUE_JWT_SECRET",),
        Kind.REST: ("PGRST_JWT_SECRET",),
        Kind.REALTIME: ("API_JWT_SECRET",),
        Kind.STORAGE: ("AUTH_JWT_SECRET", "PGRST_JWT_SECRET"),
        Kind.FUNCTIONS: ("JWT_SECRET",),
    }
    prints = set()
    for kind in VERIFIERS:
        service = found.of_kind(kind)
        assert service is not None
        prints |= {service.settings[n].fingerprint for n in names[kind] if n in service.settings}
    return len(prints) == 1 and None not in prints


def test_coolify() -> None:
    found = read({"docker-compose.yml": COOLIFY, ".env": COOLIFY_ENV})
    assert secrets_agree(found)
    assert [one.name for one in found.unknown] == ["minio-createbucket"]
    assert codes(found.notes) == []
    kong = found.gateway
    assert kong is not None
    assert "$SUPABASE_ANON_KEY" in (kong.documents[0].text or "")
    assert kong.get("SERVICE_URL_SUPABASEKONG_8000") is None
    assert "$(cat" in (text(kong.command) or "")
    functions = found.services["supabase-edge-functions"]
    assert "${name}" in (functions.documents[0].text or "")
    assert list(found.services["supabase-auth"].commented) == ["GOTRUE_JWT_KEYS"]
    health = found.services["realtime-dev"].healthcheck
    assert health is not None
    assert health.template == "…Authorization: Bearer ${SERVICE_SUPABASEANON_KEY}…"


def test_dokploy_keeps_its_files_beside_the_code() -> None:
    text_of = """
services:
  kong:
    image: kong:2.8.1
    environment: {SUPABASE_ANON_KEY: "${ANON_KEY}"}
    volumes: ["../files/volumes/api/kong.yml:/home/kong/temp.yml:ro,z"]
"""
    files = {
        "docker-compose.yml": text_of,
        "../files/volumes/api/kong.yml": "x",
        ".env": "ANON_KEY=a",
    }
    found = read(files)
    assert found.services["kong"].documents[0].path == "../files/volumes/api/kong.yml"
    assert found.notes == ()


def test_easypanel_writes_every_value_out() -> None:
    text_of = """
services:
  auth:
    image: supabase/gotrue:v2.170.0
    environment:
      GOTRUE_JWT_SECRET: a-literal-secret-of-more-than-32-characters
  rest:
    image: postgrest/postgrest:v12.2.8
    environment:
      PGRST_JWT_SECRET: a-literal-secret-of-more-than-32-characters
"""
    found = read({"docker-compose.yml": text_of})
    secret = found.services["auth"].settings["GOTRUE_JWT_SECRET"]
    assert (secret.origin, secret.template, secret.variables) == (Origin.LITERAL, None, ())
    assert secret.fingerprint == found.services["rest"].settings["PGRST_JWT_SECRET"].fingerprint
    assert "a-literal" not in repr(found)


def test_envoy_as_an_override_of_kong() -> None:
    """The official override of spring 2026 switches Kong off by a profile."""
    base = "services:\n  kong:\n    image: kong/kong:3.9.1\n    environment: {A: 1}\n"
    over = """
services:
  kong:
    profiles: [disabled]
  api-gw:
    image: envoyproxy/envoy:v1.37.0
    environment: {ANON_KEY: "${ANON_KEY}"}
    volumes: [./lds.template.yaml:/etc/envoy/lds.template.yaml:ro]
"""
    files = {
        "docker-compose.yml": base,
        "docker-compose.envoy.yml": over,
        "lds.template.yaml": "x",
        ".env": "ANON_KEY=a",
    }
    stack = ("docker-compose.yml", "docker-compose.envoy.yml")
    gateway = read(files, files=stack).gateway
    assert gateway is not None
    assert gateway.kind is Kind.ENVOY
    assert gateway.documents[0].text == "x"
    alone = read(files).gateway
    assert alone is not None
    assert alone.kind is Kind.KONG


def test_split_env_files() -> None:
    text_of = """
services:
  auth:
    image: supabase/gotrue:v2.189.0
    env_file: [./env/common.env, ./env/auth.env]
"""
    files = {
        "compose.yaml": text_of,
        "env/common.env": "GOTRUE_JWT_EXP=3600\nGOTRUE_JWT_SECRET=first",
        "env/auth.env": "# the real one\nGOTRUE_JWT_SECRET=second\n",
    }
    secret = read(files).services["auth"].settings["GOTRUE_JWT_SECRET"]
    assert text(secret) == "second"
    assert (secret.origin, str(secret.place)) == (Origin.ENV_FILE, "env/auth.env:2")

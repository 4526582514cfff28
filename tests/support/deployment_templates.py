"""Deployments in the style of each era, as data: images, settings, commented settings, mounts.

Written for these tests and cut down to what is about keys; the official files are longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServiceTemplate:
    """One service: ``settings`` are active lines, ``commented`` stand behind a ``#``."""

    image: str
    settings: Mapping[str, str] = field(default_factory=dict)
    commented: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    healthcheck: str | None = None
    entrypoint: str | None = None


DATABASE = "${POSTGRES_PASSWORD}@${POSTGRES_HOST}:${POSTGRES_PORT}/${POSTGRES_DB}"
HEALTH = (
    """["CMD-SHELL", 'curl -sSfL --head -o /dev/null -H "Authorization: Bearer ${ANON_KEY}" """
    """http://localhost:4000/api/tenants/realtime-dev/health']"""
)
JWKS = '${JWT_JWKS:-{"keys":[]}}'

IMAGES: Mapping[str, Mapping[str, str]] = {
    "2023-kong": {
        "studio": "supabase/studio:20221214-4eecc99",
        "kong": "kong:2.8.1",
        "auth": "supabase/gotrue:v2.40.1",
        "rest": "postgrest/postgrest:v9.0.1.20220717",
        "realtime": "supabase/realtime:v2.1.0",
        "storage": "supabase/storage-api:v0.26.1",
        "meta": "supabase/postgres-meta:v0.52.1",
        "db": "supabase/postgres:14.1.0.89",
    },
    "2025-kong": {
        "studio": "supabase/studio:20250113-83c9420",
        "kong": "kong:2.8.1",
        "auth": "supabase/gotrue:v2.167.0",
        "rest": "postgrest/postgrest:v12.2.12",
        "realtime": "supabase/realtime:v2.33.70",
        "storage": "supabase/storage-api:v1.14.5",
        "meta": "supabase/postgres-meta:v0.84.2",
        "functions": "supabase/edge-runtime:v1.66.4",
        "db": "supabase/postgres:15.8.1.020",
        "supavisor": "supabase/supavisor:1.1.56",
    },
    "2026-kong": {
        "studio": "supabase/studio:2026.06.03-sha-0bca601",
        "kong": "kong/kong:3.9.1",
        "auth": "supabase/gotrue:v2.189.0",
        "rest": "postgrest/postgrest:v14.12",
        "realtime": "supabase/realtime:v2.102.3",
        "storage": "supabase/storage-api:v1.60.4",
        "meta": "supabase/postgres-meta:v0.96.6",
        "functions": "supabase/edge-runtime:v1.74.0",
        "db": "supabase/postgres:15.8.1.085",
        "supavisor": "supabase/supavisor:2.9.5",
    },
    "2026-envoy": {
        "studio": "supabase/studio:2026.09.07-sha-7996410",
        "api-gw": "envoyproxy/envoy:v1.39.1",
        "auth": "supabase/gotrue:v2.196.0",
        "rest": "postgrest/postgrest:v14.17",
        "realtime": "supabase/realtime:v2.134.10",
        "storage": "supabase/storage-api:v1.74.0",
        "meta": "supabase/postgres-meta:v0.99.0",
        "functions": "supabase/edge-runtime:v1.76.2",
        "db": "supabase/postgres:17.6.1.136",
        "supavisor": "supabase/supavisor:2.9.12",
    },
}


def services(era: str) -> dict[str, ServiceTemplate]:
    """Return the services of an era, in the order of the compose file."""
    images, modern = IMAGES[era], era.startswith("2026")
    made = {
        "studio": _studio(modern),
        "kong": _kong(era),
        "api-gw": _envoy(),
        "auth": _auth(modern),
        "rest": _rest(era),
        "realtime": _realtime(era),
        "storage": _storage(modern),
        "meta": ServiceTemplate("", {"PG_META_PORT": "8080"} | _crypto(modern)),
        "functions": _functions(modern),
        "db": _db(era),
        "supavisor": _supavisor(),
    }
    return {
        name: ServiceTemplate(image, one.settings, one.commented, one.volumes, one.healthcheck,
                              one.entrypoint)
        for name, image in images.items()
        for one in (made[name],)
    }  # fmt: skip


def _crypto(modern: bool) -> dict[str, str]:
    return {"CRYPTO_KEY": "${PG_META_CRYPTO_KEY}"} if modern else {}


def _studio(modern: bool) -> ServiceTemplate:
    settings = {
        "SUPABASE_PUBLIC_URL": "${SUPABASE_PUBLIC_URL}",
        "SUPABASE_ANON_KEY": "${ANON_KEY}",
        "SUPABASE_SERVICE_KEY": "${SERVICE_ROLE_KEY}",
        "AUTH_JWT_SECRET": "${JWT_SECRET}",
    }
    if modern:
        settings["SUPABASE_PUBLISHABLE_KEY"] = "${SUPABASE_PUBLISHABLE_KEY}"
        settings["SUPABASE_SECRET_KEY"] = "${SUPABASE_SECRET_KEY}"
    return ServiceTemplate("", settings)


_GATEWAY_KEYS = {
    "SUPABASE_PUBLISHABLE_KEY": "${SUPABASE_PUBLISHABLE_KEY:-}",
    "SUPABASE_SECRET_KEY": "${SUPABASE_SECRET_KEY:-}",
    "ANON_KEY_ASYMMETRIC": "${ANON_KEY_ASYMMETRIC:-}",
    "SERVICE_ROLE_KEY_ASYMMETRIC": "${SERVICE_ROLE_KEY_ASYMMETRIC:-}",
}
_DASHBOARD = {
    "DASHBOARD_USERNAME": "${DASHBOARD_USERNAME}",
    "DASHBOARD_PASSWORD": "${DASHBOARD_PASSWORD}",
}


def _kong(era: str) -> ServiceTemplate:
    settings = {"KONG_DATABASE": '"off"'}
    if era == "2023-kong":
        settings["KONG_DECLARATIVE_CONFIG"] = "/var/lib/kong/kong.yml"
        return ServiceTemplate("", settings, volumes=("./volumes/api:/var/lib/kong:ro",))
    keys = {"SUPABASE_ANON_KEY": "${ANON_KEY}", "SUPABASE_SERVICE_KEY": "${SERVICE_ROLE_KEY}"}
    template = "./volumes/api/kong.yml:/home/kong/temp.yml:ro,z"
    if era == "2025-kong":
        settings["KONG_DECLARATIVE_CONFIG"] = "/home/kong/kong.yml"
        entrypoint = (
            'bash -c \'eval "echo \\"$$(cat ~/temp.yml)\\"" > ~/kong.yml && '
            "/docker-entrypoint.sh kong docker-start'"
        )
        return ServiceTemplate("", settings | keys | _DASHBOARD, {}, (template,), None, entrypoint)
    settings["KONG_DECLARATIVE_CONFIG"] = "/usr/local/kong/kong.yml"
    start = "./volumes/api/kong-entrypoint.sh:/home/kong/kong-entrypoint.sh:ro,z"
    entrypoint = '["/bin/sh", "/home/kong/kong-entrypoint.sh"]'
    everything = settings | keys | _GATEWAY_KEYS | _DASHBOARD
    return ServiceTemplate("", everything, {}, (template, start), None, entrypoint)


def _envoy() -> ServiceTemplate:
    settings = {
        "ANON_KEY": "${ANON_KEY}",
        "SERVICE_ROLE_KEY": "${SERVICE_ROLE_KEY}",
        **_GATEWAY_KEYS,
        **_DASHBOARD,
        "JWT_ISSUER": "${API_EXTERNAL_URL}",
    }
    folder = "./volumes/api/envoy"
    mounts = (
        f"{folder}/envoy.yaml:/etc/envoy/envoy.yaml:ro,z",
        f"{folder}/cds.yaml:/etc/envoy/cds.yaml:ro,z",
        f"{folder}/lds.template.yaml:/etc/envoy/lds.template.yaml:ro,z",
        f"{folder}/docker-entrypoint.sh:/docker-entrypoint.sh:ro,z",
    )
    return ServiceTemplate(
        "", settings, volumes=mounts, entrypoint='["/bin/sh", "/docker-entrypoint.sh"]'
    )


def _auth(modern: bool) -> ServiceTemplate:
    settings = {
        "API_EXTERNAL_URL": "${API_EXTERNAL_URL}",
        "GOTRUE_DB_DATABASE_URL": f"postgres://supabase_auth_admin:{DATABASE}",
        "GOTRUE_SITE_URL": "${SITE_URL}",
        "GOTRUE_JWT_ADMIN_ROLES": "service_role",
        "GOTRUE_JWT_AUD": "authenticated",
        "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
        "GOTRUE_JWT_EXP": "${JWT_EXPIRY}",
        "GOTRUE_JWT_SECRET": "${JWT_SECRET}",
        "GOTRUE_JWT_ISSUER": "${API_EXTERNAL_URL}",
    }
    return ServiceTemplate("", settings, {"GOTRUE_JWT_KEYS": "${JWT_KEYS:-[]}"} if modern else {})


def _rest(era: str) -> ServiceTemplate:
    settings = {
        "PGRST_DB_URI": f"postgres://authenticator:{DATABASE}",
        "PGRST_DB_SCHEMAS": "${PGRST_DB_SCHEMAS}",
        "PGRST_DB_ANON_ROLE": "anon",
    }
    modern = era.startswith("2026")
    settings["PGRST_JWT_SECRET"] = "${JWT_JWKS:-${JWT_SECRET}}" if modern else "${JWT_SECRET}"
    if era in ("2025-kong", "2026-kong"):
        settings["PGRST_APP_SETTINGS_JWT_SECRET"] = "${JWT_SECRET}"
        settings["PGRST_APP_SETTINGS_JWT_EXP"] = "${JWT_EXPIRY}"
    return ServiceTemplate("", settings)


def _realtime(era: str) -> ServiceTemplate:
    settings = {
        "PORT": "4000",
        "DB_HOST": "${POSTGRES_HOST}",
        "DB_PASSWORD": "${POSTGRES_PASSWORD}",
        "DB_ENC_KEY": "${REALTIME_DB_ENC_KEY}" if era == "2026-envoy" else "supabaserealtime",
        "API_JWT_SECRET": "${JWT_SECRET}",
        "SECRET_KEY_BASE": "${SECRET_KEY_BASE}",
        "DNS_NODES": "\"''\"",
        "APP_NAME": "realtime",
    }
    if era == "2023-kong":
        start = "Realtime.Release.seeds(Realtime.Repo)"
        command = (
            f"sh -c \"/app/bin/migrate && /app/bin/realtime eval '{start}' && /app/bin/server\""
        )
        return ServiceTemplate("", settings, entrypoint=command)
    settings["SEED_SELF_HOST"] = '"true"'
    modern = era.startswith("2026")
    if modern:
        settings["METRICS_JWT_SECRET"] = "${JWT_SECRET}"
    return ServiceTemplate("", settings, {"API_JWT_JWKS": JWKS} if modern else {}, (), HEALTH)


def _storage(modern: bool) -> ServiceTemplate:
    settings = {
        "ANON_KEY": "${ANON_KEY}",
        "SERVICE_KEY": "${SERVICE_ROLE_KEY}",
        "POSTGREST_URL": "http://rest:3000",
        "AUTH_JWT_SECRET" if modern else "PGRST_JWT_SECRET": "${JWT_SECRET}",
        "DATABASE_URL": f"postgres://supabase_storage_admin:{DATABASE}",
        "STORAGE_BACKEND": "file",
    }
    if modern:
        settings["STORAGE_PUBLIC_URL"] = "${SUPABASE_PUBLIC_URL}"
        settings["REQUEST_ALLOW_X_FORWARDED_PATH"] = '"true"'
        settings["S3_PROTOCOL_ACCESS_KEY_ID"] = "${S3_PROTOCOL_ACCESS_KEY_ID}"
        settings["S3_PROTOCOL_ACCESS_KEY_SECRET"] = "${S3_PROTOCOL_ACCESS_KEY_SECRET}"
    return ServiceTemplate("", settings, {"JWT_JWKS": JWKS} if modern else {})


def _functions(modern: bool) -> ServiceTemplate:
    settings = {
        "JWT_SECRET": "${JWT_SECRET}",
        "SUPABASE_URL": "http://kong:8000",
        "SUPABASE_ANON_KEY": "${ANON_KEY}",
        "SUPABASE_SERVICE_ROLE_KEY": "${SERVICE_ROLE_KEY}",
        "SUPABASE_DB_URL": f"postgresql://postgres:{DATABASE}",
        "VERIFY_JWT": '"${FUNCTIONS_VERIFY_JWT}"',
    }
    if modern:
        settings["SUPABASE_PUBLISHABLE_KEYS"] = (
            '"{\\"default\\":\\"${SUPABASE_PUBLISHABLE_KEY:-}\\"}"'
        )
        settings["SUPABASE_SECRET_KEYS"] = '"{\\"default\\":\\"${SUPABASE_SECRET_KEY:-}\\"}"'
    mounts = ("./volumes/functions:/home/deno/functions:Z",)
    return ServiceTemplate("", settings, {"SUPABASE_JWKS": JWKS} if modern else {}, mounts)


def _db(era: str) -> ServiceTemplate:
    settings = {"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}", "POSTGRES_DB": "${POSTGRES_DB}"}
    if era == "2023-kong":
        return ServiceTemplate("", settings)
    if era != "2026-envoy":
        settings["JWT_SECRET"] = "${JWT_SECRET}"
    settings["JWT_EXP"] = "${JWT_EXPIRY}"
    mount = "./volumes/db/jwt.sql:/docker-entrypoint-initdb.d/init-scripts/99-jwt.sql:Z"
    return ServiceTemplate("", settings, volumes=(mount,))


def _supavisor() -> ServiceTemplate:
    settings = {
        "SECRET_KEY_BASE": "${SECRET_KEY_BASE}",
        "VAULT_ENC_KEY": "${VAULT_ENC_KEY}",
        "API_JWT_SECRET": "${JWT_SECRET}",
        "METRICS_JWT_SECRET": "${JWT_SECRET}",
    }
    return ServiceTemplate("", settings)

"""Broken gateways, functions, API keys and folders: one row per fault."""

from __future__ import annotations

from datetime import timedelta

from tests.doctor.broken_keys import literal
from tests.doctor.case import Break, Case, both
from tests.support import deployment_documents as documents
from tests.support.deployments import NOW, Deployment, api_claims, hs256, opaque

from keyturn.deploy.source import Ask

LDS = "volumes/api/envoy/lds.template.yaml"
KONG = "volumes/api/kong.yml"
MAIN = "volumes/functions/main/index.ts"
OPAQUE_NAMES = ("$SUPABASE_PUBLISHABLE_KEY", "$SUPABASE_SECRET_KEY")
PASSWORD = "basicauth_credentials:\n  - consumer: DASHBOARD\n    password: $DASHBOARD_PASSWORD\n"
ALL_TO_KEY_SET = "const keys = jose.createLocalJWKSet(set); jose.jwtVerify(jwt, keys) // sb-api-key"
DEMO: dict[str, object] = {"iss": "supabase-demo", "iat": 1641769200, "exp": 1799535600}


def _kong(*, opaque_keys: bool, modern: bool) -> Break:
    names = OPAQUE_NAMES if opaque_keys else ((), ())
    anon = ("$SUPABASE_ANON_KEY", *(names[:1] if opaque_keys else ()))
    service = ("$SUPABASE_SERVICE_KEY", *(names[1:] if opaque_keys else ()))
    return lambda d: d.write(KONG, documents.kong_yml(anon, service, modern=modern))


def _signed(name: str, secret: str | None = None, **claims: object) -> Break:
    """Give ``name`` a legacy key with other claims, or signed with another secret."""
    role = "anon" if name == "ANON_KEY" else "service_role"

    def breaks(made: Deployment) -> object:
        payload = api_claims(role) | claims
        return made.set(name, hs256(payload, secret or made.keys.jwt_secret))

    return breaks


def _anon_again(d: Deployment) -> str:
    return hs256(api_claims("anon") | {"sub": "app"}, d.keys.jwt_secret)


def _expires_in(days: int) -> int:
    return int((NOW + timedelta(days=days)).timestamp())


CASES = (
    Case("KT006", lambda d: d.write(MAIN, documents.MAIN_HS256), "functions",
         "volumes/functions", also=frozenset({"KT031"})),
    Case("KT007", lambda d: d.comment_setting("functions", "SUPABASE_JWKS"), "functions",
         "#SUPABASE_JWKS:"),
    Case("KT008", lambda d: d.write(MAIN, ALL_TO_KEY_SET), "functions", "volumes/functions"),
    Case("KT014", lambda d: d.replace(LDS, ".well-known/jwks.json", "keys.json"), "api-gw",
         "lds.template"),
    Case("KT015", _kong(opaque_keys=True, modern=False), "kong", "kong.yml", era="2026-kong",
         also=frozenset({"KT014", "KT031"})),
    Case("KT016", lambda d: d.set_setting("storage", "SERVICE_KEY", "${SUPABASE_SECRET_KEY}"),
         "storage", "SUPABASE_SECRET_KEY="),
    Case("KT017", lambda d: d.replace(LDS, "x-api-key", "x-other-key"), "api-gw", "lds.template"),
    Case("KT019", lambda d: d.replace("docker-compose.yml", "Bearer ${ANON_KEY}",
         "Bearer ${ANON_KEY_ASYMMETRIC}"), "realtime", "ANON_KEY_ASYMMETRIC="),
    Case("KT020", lambda d: d.unset_setting("realtime", "SEED_SELF_HOST"), "realtime",
         "realtime:"),
    Case("KT021", lambda d: d.set_setting("studio", "SUPABASE_SERVICE_KEY",
         "${SERVICE_ROLE_KEY_ASYMMETRIC}"), "studio", "SERVICE_ROLE_KEY_ASYMMETRIC="),
    Case("KT023", lambda d: literal("storage", "SERVICE_KEY",
         hs256(api_claims("service_role"), "an-older-secret" * 3))(d), "storage", "SERVICE_KEY:"),
    Case("KT024", both(lambda d: d.unset_setting("storage", "STORAGE_PUBLIC_URL"),
         lambda d: d.unset_setting("storage", "REQUEST_ALLOW_X_FORWARDED_PATH")), "storage",
         "S3_PROTOCOL_ACCESS_KEY_ID="),
    Case("KT029", lambda d: d.set("ANON_KEY_ASYMMETRIC", ""), "api-gw", "ANON_KEY_ASYMMETRIC:"),
    Case("KT031", lambda d: d.write(MAIN, documents.MAIN_LOCAL_JWKS), "functions",
         "volumes/functions"),
    Case("KT031", lambda d: d.replace(KONG, "sb-api-key", "other-key"), "functions", "kong.yml",
         era="2026-kong", note="gateway"),
    Case("KT036", both(lambda d: d.set_image("rest", "postgrest/postgrest:v12.2.3"),
         lambda d: d.set_setting("rest", "PGRST_JWT_CACHE_MAX_LIFETIME", '"3600"')), "rest",
         "PGRST_JWT_CACHE_MAX_LIFETIME:", era="2025-kong"),
    Case("KT038", lambda d: d.set_image("rest", "postgrest/postgrest:v14.16"), "rest", "rest:"),
    Case("KT041", lambda d: d.unset_setting("auth", "GOTRUE_JWT_ISSUER"), "auth", "auth:",
         also=frozenset()),
    Case("KT042", lambda d: d.set("API_EXTERNAL_URL", "supabase.example.com/auth/v1"), "api-gw",
         "API_EXTERNAL_URL="),
    Case("KT043", both(lambda d: d.rewrite(KONG, lambda t: t + PASSWORD),
         lambda d: d.set("DASHBOARD_PASSWORD", "12345678")), "kong", "DASHBOARD_PASSWORD=",
         era="2025-kong"),
    Case("KT044", _signed("SERVICE_ROLE_KEY", "an-older-secret" * 3), "studio",
         "SERVICE_ROLE_KEY=", also=frozenset({"KT023"})),
    Case("KT044", lambda d: d.set("ANON_KEY_ASYMMETRIC", d.keys.publishable), "api-gw",
         "ANON_KEY_ASYMMETRIC=", note="opaque"),
    Case("KT044", lambda d: d.set("SERVICE_ROLE_KEY", "my-key"), "studio", "SERVICE_ROLE_KEY=",
         note="no JWT"),
    Case("KT045", lambda d: literal("functions", "SUPABASE_ANON_KEY", _anon_again(d))(d),
         "functions", "SUPABASE_ANON_KEY:"),
    Case("KT046", lambda d: d.replace(KONG, "/realtime/v1/api/tenants", "/elsewhere"), "kong",
         "kong.yml", era="2026-kong"),
    Case("KT048", _signed("ANON_KEY", None, **DEMO), "studio", "ANON_KEY="),
    Case("KT054", lambda d: d.set("SERVICE_ROLE_KEY", d.keys.anon), "studio", "ANON_KEY="),
    Case("KT056", lambda d: d.set("SUPABASE_PUBLISHABLE_KEY",
         "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"), None, "SUPABASE_PUBLISHABLE_KEY="),
    Case("KT057", lambda d: d.set("POSTGRES_PASSWORD",
         "your-super-secret-and-long-postgres-password"), None, "POSTGRES_PASSWORD="),
    Case("KT058", _signed("ANON_KEY", role="web_anon"), "studio", "ANON_KEY="),
    Case("KT058", _signed("ANON_KEY", role="service_role", sub="app"), "studio", "ANON_KEY=",
         note="leak"),
    Case("KT059", _signed("ANON_KEY", exp=_expires_in(30)), "studio", "ANON_KEY="),
    Case("KT059", _signed("ANON_KEY", exp=_expires_in(-1)), "studio", "ANON_KEY=", note="over"),
    Case("KT074", lambda d: d.set("API_EXTERNAL_URL", "https://supabase.example.com"), "auth",
         "API_EXTERNAL_URL="),
    Case("KT074", lambda d: d.set_setting("api-gw", "JWT_ISSUER", "https://x.example.com/auth/v1"),
         "api-gw", "JWT_ISSUER:", note="differs"),
    Case("KT076", lambda d: literal("functions", "SUPABASE_PUBLISHABLE_KEYS",
         {"default": opaque("sb_publishable_")})(d), "functions", "SUPABASE_PUBLISHABLE_KEYS:"),
    Case("KT077", lambda d: (d.folder / ".env").chmod(0o644), None, "JWT_SECRET="),
    Case("KT078", lambda d: d.write(".env.old", "JWT_SECRET=old\n"), None, "JWT_SECRET=old"),
    Case("KT079", lambda d: d.set_image("rest", "postgrest/postgrest:latest"), "rest", "rest:"),
    Case("KT080", lambda d: d.add_service("powersync",
         "image: journeyapps/powersync-service:1.3\nenvironment:\n"
         "  PS_SUPABASE_JWT_SECRET: ${JWT_SECRET}"), "powersync", "JWT_SECRET="),
    Case("KT085", _kong(opaque_keys=False, modern=True), "kong", "kong.yml", era="2026-kong"),
    Case("KT090", lambda d: d.rewrite(".env", lambda t: f"{t}JWT_SECRET={d.keys.jwt_secret}\n"),
         None, "JWT_SECRET="),
    Case("KT091", ask=lambda d: Ask(environment={"ANON_KEY": d.keys.anon})),
    Case("KT093", lambda d: d.set("ANON_KEY", _anon_again(d)), "kong", "ANON_KEY=",
         era="2023-kong"),
)  # fmt: skip

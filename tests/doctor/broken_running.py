"""What only a running system, its database or its logs show: one row per fault."""

from __future__ import annotations

from datetime import timedelta

from tests.doctor.case import Case, Seen, Sees, phase_3
from tests.support.deployments import NOW, Deployment

from keyturn.deploy.inventory import Kind
from keyturn.doctor.facts import (
    Answer,
    DatabaseFacts,
    DatabaseSetting,
    Dependant,
    Difference,
    Fetches,
    LogFacts,
    ProbeFacts,
)
from keyturn.profiles.request import CredentialKind
from keyturn.secret import Secret

URL = "https://supabase.example.com"
CACHED = "public, max-age=600"


def probed(**seen: object) -> Sees:
    """Return what a probe saw of a healthy deployment, except ``seen``."""

    def sees(made: Deployment) -> Seen:
        kids = (made.keys.ec.kid, made.keys.standby.kid)
        usual = {"jwks_status": 200, "jwks_kids": kids, "jwks_cache_control": CACHED,
                 "clock_skew_seconds": 0.2, "tenants_api_status": 403}  # fmt: skip
        return {"probes": ProbeFacts(URL, **(usual | seen))}  # type: ignore[arg-type]

    return sees


def answered(service: Kind, message: str) -> Sees:
    """Return a probe in which one service answered with ``message``."""
    return probed(answers=(Answer(service, CredentialKind.PUBLISHABLE, 401, None, message),))


def contradicted(credential: CredentialKind, *, accepted: bool) -> Sees:
    """Return a probe in which Storage did the contrary of what the files say."""
    said = "200" if accepted else "400 AccessDenied"
    differs = (Difference(Kind.STORAGE, credential, accepted, said),)
    return lambda made: {**probed()(made), "differences": differs}


def logged(**seen: object) -> Sees:
    """Return an access log."""
    return lambda _: {"logs": LogFacts(NOW, NOW, 10, 0, **seen)}  # type: ignore[arg-type]


def stored(**seen: object) -> Sees:
    """Return what a database holds."""
    return lambda _: {"database": DatabaseFacts(**seen)}  # type: ignore[arg-type]


def setting(name: str, value: str, role: str | None = "authenticator") -> DatabaseSetting:
    """Return a row of ``pg_db_role_setting``."""
    return DatabaseSetting(role, None if role else "postgres", name, Secret(value))


EC_ONLY = '{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"…","y":"…"}]}'
EVERY_SECOND = Fetches("10.0.0.7 node", tuple(NOW + timedelta(seconds=n) for n in range(30)))
BY_BEARER = Dependant("webhook", "public.orders / notify", "sb_ key as Bearer")
LEGACY_JOB = Dependant("cron", "nightly", "legacy service_role key")

CASES = (
    Case("KT052", sees=probed(jwks_kids=()), service="auth", at="JWT_KEYS=", note="empty"),
    Case("KT014", sees=probed(jwks_status=401), service="api-gw", at="lds.template", note="probe"),
    Case("KT015", sees=answered(Kind.REST, "Expected 3 parts in JWT; got 1"), service="rest",
         note="probe"),
    Case("KT018", sees=stored(realtime_jwks={"realtime-dev": '{"keys":[]}'}), service="realtime",
         at="JWT_JWKS=", note="row"),
    Case("KT022", sees=logged(refused={"/storage/v1/object/sign": 4}), service="storage",
         at="JWT_SECRET="),
    Case("KT025", sees=logged(apikey_only={"/rest/v1": 9}), service="kong", at="kong.yml",
         era="2026-kong"),
    Case("KT026", sees=logged(apikey_only={"/auth/v1": 9}), service="kong", at="kong.yml",
         era="2026-kong"),
    Case("KT027", sees=logged(apikey_only={"/realtime/v1/api": 9}), service="kong", at="kong.yml",
         era="2026-kong"),
    Case("KT028", sees=logged(refused={"/rest/v1/": 3}), service="api-gw", at="lds.template"),
    Case("KT030", sees=answered(Kind.FUNCTIONS, "Conflicting API keys"), service="functions"),
    Case("KT032", sees=probed(jwks_kids=("an-older-kid",)), service="auth", at="JWT_KEYS="),
    Case("KT034", sees=stored(settings=(setting("pgrst.jwt_secret", EC_ONLY),)), service="rest",
         at="JWT_JWKS="),
    Case("KT035", sees=stored(settings=(setting("app.settings.jwt_secret", "s" * 40, None),)),
         service="db"),
    Case("KT038", sees=probed(clock_skew_seconds=-45.0), note="probe"),
    Case("KT041", sees=probed(discovery={"jwks_uri": "/.well-known/jwks.json"}), service="auth",
         note="probe"),
    Case("KT046", sees=probed(tenants_api_status=200), service="api-gw", at="lds.template",
         note="probe"),
    Case("KT050", sees=logged(refused={"/storage/v1/upload/resumable": 2}), service="storage",
         at="JWT_SECRET="),
    Case("KT051", sees=stored(dependants=(BY_BEARER,)), service="db"),
    Case("KT051", phase_3, sees=stored(dependants=(LEGACY_JOB,)), service="db", note="legacy"),
    Case("KT052", sees=lambda d: probed(jwks_kids=(d.keys.ec.kid,))(d), service="auth",
         at="JWT_KEYS="),
    Case("KT052", sees=contradicted(CredentialKind.USER_ES256, accepted=False),
         service="storage", at="storage:", note="refused"),
    Case("KT052", sees=contradicted(CredentialKind.FORGED, accepted=True),
         service="storage", at="storage:", note="accepted"),
    Case("KT081", sees=probed(jwks_cache_control="no-store"), service="auth"),
    Case("KT081", sees=probed(jwks_cache_control="max-age=86400"), service="auth", note="long"),
    Case("KT082", sees=logged(jwks=(EVERY_SECOND,))),
    Case("KT083", sees=probed(clock_skew_seconds=12.0)),
    Case("KT094", sees=probed(jwks_leaks=("k",)), service="auth"),
)  # fmt: skip

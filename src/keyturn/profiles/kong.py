"""What Kong lets pass and puts in place, read from the mounted ``kong.yml``.

Sources: supabase/supabase ``docker/volumes/api/kong.yml`` and ``kong-entrypoint.sh`` of 2023 to
autumn 2026 (services.md §8). The file says which routes ask for a key and which headers are
rewritten; the container's environment says with what. Kong 3 writes "Unauthorized" for an unknown
key where Kong 2 wrote "Invalid authentication credentials".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from keyturn.deploy.inventory import Kind, Version
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.kong_file import OFFICIAL_2, OFFICIAL_3, File, Route, read_file
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import StartFailure, Verdict

NO_KEY = "No API key found in request"
UNKNOWN_KEY_2 = "Invalid authentication credentials"
UNKNOWN_KEY_3 = "Unauthorized"
NOT_IN_GROUP = "You cannot consume this service"
NO_ROUTE = "no Route matched with those values"
PATHS: Mapping[Kind, str] = {
    Kind.AUTH: "/auth/v1",
    Kind.REST: "/rest/v1",
    Kind.STORAGE: "/storage/v1",
    Kind.FUNCTIONS: "/functions/v1",
    Kind.META: "/pg",
    Kind.STUDIO: "/",
}
_CLOSING = frozenset({"key-auth", "basic-auth", "request-termination"})
SOCKET_PATH, BROADCAST_PATH = "/realtime/v1", "/realtime/v1/api"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One API key that Kong knows."""

    value: str = field(repr=False)
    consumer: str
    setting: str


@dataclass(frozen=True, slots=True)
class Config:
    """What decides at the gateway."""

    file: File
    accepted: tuple[Accepted, ...]
    secret_key: str = field(default="", repr=False)
    publishable_key: str = field(default="", repr=False)
    service_jwt: str = field(default="", repr=False)
    anon_jwt: str = field(default="", repr=False)
    version: Version | None = None
    problem: str | None = None
    """Why ``file`` is a guess."""
    failure: StartFailure | None = None

    @property
    def translates(self) -> bool:
        """Whether ``sb_`` keys become JWTs: both are set; the JWTs themselves may be empty."""
        return bool(self.secret_key and self.publishable_key)


def read_config(env: Mapping[str, str], text: str | None, version: Version | None = None) -> Config:
    """Return what Kong makes of its environment and the mounted ``kong.yml``."""
    file, problem = _file(text, version)
    accepted = tuple(
        Accepted(value, one.consumer, one.variable or "kong.yml")
        for one in file.credentials
        if (value := env.get(one.variable, "") if one.variable else one.literal)
    )
    return Config(
        file, accepted,
        env.get("SUPABASE_SECRET_KEY", ""), env.get("SUPABASE_PUBLISHABLE_KEY", ""),
        env.get("SERVICE_ROLE_KEY_ASYMMETRIC", ""), env.get("ANON_KEY_ASYMMETRIC", ""),
        version, problem, issuer_failure(env),
    )  # fmt: skip


def issuer_failure(env: Mapping[str, str]) -> StartFailure | None:
    """Both gateways' entrypoints build a route from ``JWT_ISSUER`` and stop on a bad one."""
    issuer = env.get("JWT_ISSUER", "").rstrip("/")
    if not issuer or issuer.startswith(("http://", "https://")):
        return None
    return StartFailure(
        "ERROR: JWT_ISSUER must start with http:// or https://",
        "JWT_ISSUER",
        "It is taken from API_EXTERNAL_URL, which has to be a whole URL.",
    )


def route_of(config: Config, service: Kind, *, websocket: bool) -> Route | None:
    """Return the route that leads to ``service``."""
    if service is Kind.REALTIME:
        path = SOCKET_PATH if websocket else BROADCAST_PATH
        return config.file.routes.get(path) or config.file.routes.get(SOCKET_PATH)
    return config.file.routes.get(PATHS.get(service, ""))


def is_open(config: Config, path: str) -> bool:
    """Whether a request to ``path`` passes without an API key and without a password."""
    fitting = (name for name in config.file.routes if name == "/" or path.startswith(name))
    name = max(fitting, key=len, default=None)
    return name is not None and not (config.file.routes[name].plugins & _CLOSING)


def forward(
    config: Config, credential: Credential, service: Kind, trail: Trail, *, websocket: bool
) -> Request | Verdict:
    """Return the request that the service gets, or the verdict when Kong refuses it."""
    if config.failure is not None:
        return trail.down(config.failure)
    if config.problem is not None:
        trail.remark(f"{config.problem}; the official file of this version is assumed.")
    route = route_of(config, service, websocket=websocket)
    if route is None:
        return trail.refuse(f"kong.yml has no route to {service}.", 404, None, NO_ROUTE)
    refusal = _refused(config, credential, route, trail)
    return refusal or _passed(config, credential, service, route, trail, websocket=websocket)


def _refused(config: Config, credential: Credential, route: Route, trail: Trail) -> Verdict | None:
    if "basic-auth" in route.plugins:
        text = "The dashboard asks for DASHBOARD_USERNAME and DASHBOARD_PASSWORD, not for a key."
        return trail.refuse(text, 401, None, "Unauthorized")
    if "request-termination" in route.plugins:
        return trail.refuse("kong.yml closes this route.", 403, None, "Access is forbidden.")
    if "key-auth" not in route.plugins:
        trail.passed("The route is open: Kong asks for no API key.")
        return None
    if not credential.apikey:
        return trail.refuse("The route needs an API key, and none is sent.", 401, None, NO_KEY)
    known = next((one for one in config.accepted if one.value == credential.apikey), None)
    if known is None:
        old = (config.version or (3,)) < (3,)
        said = UNKNOWN_KEY_2 if old else UNKNOWN_KEY_3
        settings = dict.fromkeys(one.setting for one in config.accepted)
        names = ", ".join(settings) or "no key at all"
        return trail.refuse(f"The API key is none of those Kong knows ({names}).", 401, None, said)
    trail.passed(f"The API key is the value of {known.setting}, consumer {known.consumer}.")
    groups = config.file.groups.get(known.consumer, frozenset())
    if route.allowed and not (groups & route.allowed):
        text = f"The route is only for {', '.join(sorted(route.allowed))}."
        return trail.refuse(text, 403, None, NOT_IN_GROUP)
    return None


def _passed(
    config: Config,
    credential: Credential,
    service: Kind,
    route: Route,
    trail: Trail,
    *,
    websocket: bool,
) -> Request:
    authorization = None if credential.bearer is None else f"Bearer {credential.bearer}"
    sb_api_key = x_api_key = None
    if route.sets_authorization:
        authorization = _authorization(config, route, credential.apikey, authorization, trail)
    if route.sets_x_api_key and websocket:
        x_api_key = _translated(config, route, credential.apikey) or credential.apikey
        trail.passed("Kong copies ?apikey= into x-api-key, an sb_ key as its JWT.")
    if route.sets_sb_api_key:
        by_header = _translated(config, route, credential.apikey)
        sb_api_key = by_header or _translated(config, route, credential.bearer)
    apikey = None if route.hides_credentials else credential.apikey
    return Request(service, authorization, apikey, x_api_key, sb_api_key, websocket)


def _authorization(
    config: Config, route: Route, apikey: str | None, authorization: str | None, trail: Trail
) -> str | None:
    """Follow the entrypoint's Lua expression (LUA_AUTH_EXPR)."""
    if authorization is not None and not authorization.startswith("Bearer sb_"):
        trail.passed("Kong keeps the Authorization header.")
        return authorization
    translated = _translated(config, route, apikey)
    if translated is not None:
        name = _jwt_setting(config, apikey, translated)
        empty = "" if translated else ", which is empty"
        trail.passed(f"Kong sets Authorization to the JWT of {name}{empty}.")
        return f"Bearer {translated}"
    if apikey is not None:
        trail.remark('Kong sets Authorization to the raw API key, without "Bearer " in front.')
    return apikey


def _translated(config: Config, route: Route, apikey: str | None) -> str | None:
    if route.translations is not None:
        return route.translations.get(apikey or "")
    if not config.translates or apikey is None:
        return None
    return {
        config.publishable_key: config.anon_jwt,
        config.secret_key: config.service_jwt,
    }.get(apikey)


def _jwt_setting(config: Config, apikey: str | None, jwt: str) -> str:
    secret = apikey == config.secret_key or bool(jwt and jwt == config.service_jwt)
    return "SERVICE_ROLE_KEY_ASYMMETRIC" if secret else "ANON_KEY_ASYMMETRIC"


def _file(text: str | None, version: Version | None) -> tuple[File, str | None]:
    official = OFFICIAL_2 if version is not None and version < (3,) else OFFICIAL_3
    if text is None:
        return official, "kong.yml was not found"
    return _parsed(text) or (official, "kong.yml cannot be read as Kong's declarative format")


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[File, None] | None:
    try:
        return read_file(yaml.load(text, Loader=yaml.CSafeLoader)), None
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


BEHAVIOURS = (
    Behaviour(
        Kind.KONG,
        "official file ≤ February 2026 (Kong 2.8)",
        ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY"),
        "the apikey is compared with the file's credentials; nothing is rewritten; storage and "
        "functions are open",
        "401 \"No API key found in request\", 401 \"Invalid authentication credentials\", 403 "
        "\"You cannot consume this service\"",
        "supabase/supabase `docker/volumes/api/kong.yml` 2023–2025",
    ),
    Behaviour(
        Kind.KONG,
        "official file since March 2026 (Kong 3.9)",
        (
            "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY", "SUPABASE_PUBLISHABLE_KEY",
            "SUPABASE_SECRET_KEY", "ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC",
            "JWT_ISSUER",
        ),
        "Authorization is kept unless absent or an opaque bearer; else an `sb_` key becomes "
        "`Bearer` and its JWT, and a legacy key stands there raw, without `Bearer`",
        "as before, with 401 \"Unauthorized\" for an unknown key (not run)",
        "supabase/supabase `kong.yml`, `kong-entrypoint.sh`, PR #43554",
    ),
)  # fmt: skip

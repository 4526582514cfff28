"""What Envoy lets pass and puts in place with the official listener template.

Sources: supabase/supabase ``docker/volumes/api/envoy/lds.template.yaml`` and
``docker-entrypoint.sh`` of March to autumn 2026 (services.md §8); run with Envoy 1.39.3 in front
of a real Storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyturn.deploy.inventory import Kind
from keyturn.profiles import envoy_routes
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.kong import issuer_failure
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict

UNAUTHORIZED = "Unauthorized"
DENIED = "RBAC: access denied"
PROTECTED = frozenset({Kind.AUTH, Kind.REST, Kind.REALTIME, Kind.META})
ROUTED = PROTECTED | {Kind.STORAGE, Kind.FUNCTIONS, Kind.STUDIO}
OPEN_PATHS = (
    "/auth/v1/verify",
    "/auth/v1/callback",
    "/auth/v1/authorize",
    "/auth/v1/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/sso/saml/acs",
    "/sso/saml/metadata",
    "/storage/v1/",
    "/functions/v1/",
)
_FOUR = (
    "SUPABASE_SECRET_KEY",
    "SUPABASE_PUBLISHABLE_KEY",
    "SERVICE_ROLE_KEY_ASYMMETRIC",
    "ANON_KEY_ASYMMETRIC",
)


@dataclass(frozen=True, slots=True)
class Config:
    """What decides at the gateway."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The six settings with their names."""
    autumn: bool = True
    """The template of autumn 2026: ``sb-api-key`` for functions, raw JWTs are no API keys."""
    custom: bool = False
    """The listener names none of the six, so it is not made from the official template."""
    failure: StartFailure | None = None
    rules: tuple[envoy_routes.Rule, ...] | None = field(default=None, repr=False)
    """The route table of ``keyturn render envoy``, which then decides alone."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Return which of the four values that translation needs are empty."""
        if self.rules is not None:
            return ()
        return tuple(name for name in _FOUR if not self.values.get(name))

    @property
    def translates(self) -> bool:
        """Whether ``sb_`` keys become JWTs: all four values have to be there."""
        return not self.missing


def read_config(env: Mapping[str, str], text: str | None, routes: str | None = None) -> Config:
    """Return what Envoy makes of its environment and ``lds.template.yaml``; None: the official.

    ``routes`` is a mounted ``rds.yaml``: with it the environment decides nothing any more.
    """
    rules = envoy_routes.read_rules(routes) if routes is not None else None
    text = None if rules is not None else text
    opaque = text is None or "${SUPABASE_SECRET_KEY}" in text
    values = {name: env.get(name, "") if opaque else "" for name in _FOUR}
    values["ANON_KEY"] = env.get("ANON_KEY") or env.get("SUPABASE_ANON_KEY", "")
    values["SERVICE_ROLE_KEY"] = env.get("SERVICE_ROLE_KEY") or env.get("SUPABASE_SERVICE_KEY", "")
    autumn = text is None or "sb-api-key" in text
    custom = text is not None and not any(f"${{{name}}}" in text for name in values)
    return Config(values, autumn, custom, issuer_failure(env), rules)


def is_open(config: Config, path: str) -> bool | None:
    """Whether a request to ``path`` passes without an API key; None: not the official one."""
    if config.rules is not None:
        return envoy_routes.is_open(config.rules, path)
    return None if config.custom else path.startswith(OPEN_PATHS)


def forward(
    config: Config, credential: Credential, service: Kind, trail: Trail, *, websocket: bool
) -> Request | Verdict:
    """Return the request that the service gets, or the verdict when Envoy refuses it."""
    if config.failure is not None:
        return trail.down(config.failure)
    if config.rules is not None:
        return envoy_routes.forward(config.rules, credential, service, trail, websocket=websocket)
    if config.custom:
        text = "Envoy's listener is not the official one; what it does with keys cannot be told."
        return trail.end(Outcome.UNKNOWN, text)
    if service not in ROUTED:
        return trail.refuse(f"Envoy has no route to {service}.", 404)
    if service is Kind.STUDIO:
        text = "The dashboard asks for DASHBOARD_USERNAME and DASHBOARD_PASSWORD, not for a key."
        return trail.refuse(
            text, 401, None, "User authentication failed. Missing username and password."
        )
    if service is Kind.FUNCTIONS:
        return _functions(config, credential, trail)
    apikey = _exchanged(config, credential.apikey, trail)
    if service in PROTECTED:
        refusal = _refused(config, credential.apikey, service, trail)
        if refusal is not None:
            return refusal
    else:
        trail.passed("The route is open: Envoy asks for no API key.")
    authorization = None if credential.bearer is None else f"Bearer {credential.bearer}"
    if service is Kind.REALTIME and websocket:
        trail.passed("Envoy copies the API key into x-api-key.")
        return Request(service, authorization, apikey, apikey, None, websocket=True)
    return Request(service, _authorization(authorization, apikey, trail), apikey)


def _exchanged(config: Config, apikey: str | None, trail: Trail) -> str | None:
    """Return the JWT of a known ``sb_`` key, any other key as it is."""
    name = _opaque_name(config, apikey)
    if name is None:
        return apikey
    if not config.translates:
        trail.remark(
            f"Envoy runs in legacy API key mode (sb_ keys disabled): {', '.join(config.missing)} "
            "must not be empty."
        )
        return apikey
    jwt = "SERVICE_ROLE_KEY_ASYMMETRIC" if name == _FOUR[0] else "ANON_KEY_ASYMMETRIC"
    trail.passed(f"The API key is the value of {name}; Envoy puts {jwt} in its place.")
    return config.values[jwt]


def _opaque_name(config: Config, apikey: str | None) -> str | None:
    return next((name for name in _FOUR[:2] if apikey and config.values[name] == apikey), None)


def _refused(config: Config, apikey: str | None, service: Kind, trail: Trail) -> Verdict | None:
    name = _accepted_name(config, apikey)
    if name is None:
        text = "The route needs an API key, and none is sent."
        if apikey:
            text = "The API key is none of those Envoy knows."
        return trail.refuse(text, 401, None, UNAUTHORIZED)
    trail.passed(f"Envoy accepts the value of {name}.")
    if service is Kind.META and name not in ("SERVICE_ROLE_KEY", _FOUR[0], _FOUR[2]):
        return trail.refuse("The route is only for the service role.", 403, None, DENIED)
    return None


def _accepted_name(config: Config, apikey: str | None) -> str | None:
    if not apikey:
        return None
    names = ["SERVICE_ROLE_KEY", "ANON_KEY"]
    if config.translates:
        names += _FOUR[:2] if config.autumn else _FOUR
    return next((name for name in names if config.values.get(name) == apikey), None)


def _authorization(authorization: str | None, apikey: str | None, trail: Trail) -> str | None:
    real = (authorization or "").startswith("Bearer ")
    if real and not (authorization or "").startswith("Bearer sb_"):
        trail.passed("Envoy keeps the Authorization header.")
        return authorization
    if not apikey:
        return authorization
    what = "the sb_ key itself: it has no JWT for it" if apikey.startswith("sb_") else "the JWT"
    trail.passed(f'Envoy sets Authorization to "Bearer " and {what}.')
    return apikey if apikey.startswith("Bearer ") else f"Bearer {apikey}"


def _functions(config: Config, credential: Credential, trail: Trail) -> Request | Verdict:
    trail.passed("The route is open: a request without an API key passes.")
    authorization = None if credential.bearer is None else f"Bearer {credential.bearer}"
    if not config.autumn:
        return Request(Kind.FUNCTIONS, authorization, credential.apikey)
    opaque = [key for key in (credential.apikey, credential.bearer) if (key or "")[:3] == "sb_"]
    if len(opaque) == 2 and opaque[0] != opaque[1]:
        text = "apikey and the bearer are different sb_ keys."
        return trail.refuse(text, 401, None, "Conflicting API keys")
    key = opaque[0] if opaque else None
    name = _opaque_name(config, key)
    if key is not None and (name is None or not config.translates):
        return trail.refuse("The sb_ key is unknown to Envoy.", 401, None, "Invalid API key")
    sb_api_key = None if key is None else _exchanged(config, key, trail)
    return Request(Kind.FUNCTIONS, authorization, credential.apikey, sb_api_key=sb_api_key)


BEHAVIOURS = (
    Behaviour(
        Kind.ENVOY,
        "official template ≤ summer 2026",
        ("ANON_KEY", "SERVICE_ROLE_KEY", *_FOUR),
        "an `sb_` key becomes its JWT when all four new values are set; Authorization becomes "
        "`Bearer` and the API key's JWT unless a real bearer is there; the JWTs themselves are "
        "accepted as apikey",
        '401 text "Unauthorized"; 403 "RBAC: access denied"',
        "supabase/supabase `lds.template.yaml`; Envoy 1.39.3, run",
    ),
    Behaviour(
        Kind.ENVOY,
        "official template of autumn 2026",
        ("ANON_KEY", "SERVICE_ROLE_KEY", *_FOUR, "JWT_ISSUER"),
        "as before, but the JWTs are no API keys; functions get `sb-api-key`",
        'as before; functions: 401 "Invalid API key", 401 "Conflicting API keys"',
        "supabase/supabase `docker/` of September 2026 (`api-gw`)",
    ),
)

"""What each gateway puts in place, route by route (services.md §8), and whom it turns away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from keyturn.deploy.inventory import Kind
from keyturn.profiles import envoy, kong
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, Verdict

ANON, SERVICE = "legacy-anon-jwt", "legacy-service-jwt"
PUBLISHABLE, SECRET = "sb_publishable_x", "sb_secret_x"
ANON_JWT, SERVICE_JWT, USER = "anon.es256.jwt", "service.es256.jwt", "user.es256.jwt"
NEW = {
    "SUPABASE_PUBLISHABLE_KEY": PUBLISHABLE,
    "SUPABASE_SECRET_KEY": SECRET,
    "ANON_KEY_ASYMMETRIC": ANON_JWT,
    "SERVICE_ROLE_KEY_ASYMMETRIC": SERVICE_JWT,
}
KONG_ENV = {"SUPABASE_ANON_KEY": ANON, "SUPABASE_SERVICE_KEY": SERVICE, **NEW}
ENVOY_ENV = {"ANON_KEY": ANON, "SERVICE_ROLE_KEY": SERVICE, **NEW}
SPRING_TEMPLATE = 'local ANON_KEY = "${ANON_KEY}" local S = "${SUPABASE_SECRET_KEY}"'


def by_kong(
    credential: Credential, service: Kind, env: Mapping[str, str] = KONG_ENV,
    version: tuple[int, ...] = (3, 9, 3), *, websocket: bool = False, text: str | None = None,
) -> Request | Verdict:  # fmt: skip
    """What leaves Kong."""
    config = kong.read_config(env, text, version)
    return kong.forward(config, credential, service, Trail("gateway"), websocket=websocket)


def by_envoy(
    credential: Credential, service: Kind, env: Mapping[str, str] = ENVOY_ENV,
    text: str | None = None, *, websocket: bool = False,
) -> Request | Verdict:  # fmt: skip
    """What leaves Envoy."""
    config = envoy.read_config(env, text)
    return envoy.forward(config, credential, service, Trail("gateway"), websocket=websocket)


def only(apikey: str | None, bearer: str | None = None) -> Credential:
    """A client with this API key and, if any, this bearer."""
    return Credential(None, apikey, bearer)


@dataclass(frozen=True)
class Row:
    """One credential on one route; the Authorization header that leaves each gateway."""

    title: str
    credential: Credential
    service: Kind
    kong: str | None
    envoy: str | None


AUTHORIZATION = (
    Row("publishable", only(PUBLISHABLE), Kind.REST, f"Bearer {ANON_JWT}", f"Bearer {ANON_JWT}"),
    Row("secret", only(SECRET), Kind.AUTH, f"Bearer {SERVICE_JWT}", f"Bearer {SERVICE_JWT}"),
    Row("legacy alone: Kong forgets Bearer", only(SERVICE), Kind.REST, SERVICE,
        f"Bearer {SERVICE}"),
    Row("legacy twice", only(SERVICE, SERVICE), Kind.REST, f"Bearer {SERVICE}",
        f"Bearer {SERVICE}"),
    Row("a user's token", only(PUBLISHABLE, USER), Kind.REST, f"Bearer {USER}", f"Bearer {USER}"),
    Row("an opaque bearer is replaced", only(SECRET, SECRET), Kind.REST, f"Bearer {SERVICE_JWT}",
        f"Bearer {SERVICE_JWT}"),
    Row("storage, publishable", only(PUBLISHABLE), Kind.STORAGE, f"Bearer {ANON_JWT}",
        f"Bearer {ANON_JWT}"),
    Row("storage, unknown key passes", only("unknown"), Kind.STORAGE, "unknown", "Bearer unknown"),
    Row("storage, nothing", only(None), Kind.STORAGE, None, None),
    Row("broadcast", only(PUBLISHABLE), Kind.REALTIME, f"Bearer {ANON_JWT}", f"Bearer {ANON_JWT}"),
    Row("functions are left alone", only(SECRET, USER), Kind.FUNCTIONS, f"Bearer {USER}",
        f"Bearer {USER}"),
    Row("functions, no bearer", only(SECRET), Kind.FUNCTIONS, None, None),
)  # fmt: skip


@pytest.mark.parametrize("row", AUTHORIZATION, ids=[row.title for row in AUTHORIZATION])
def test_the_authorization_header(row: Row) -> None:
    for passed, expected in (
        (by_kong(row.credential, row.service), row.kong),
        (by_envoy(row.credential, row.service), row.envoy),
    ):
        assert isinstance(passed, Request)
        assert passed.authorization == expected


def test_an_old_kong_rewrites_nothing() -> None:
    passed = by_kong(only(SERVICE, USER), Kind.REST, version=(2, 8, 1))
    assert isinstance(passed, Request)
    assert passed.authorization == f"Bearer {USER}"
    alone = by_kong(only(SERVICE), Kind.REST, version=(2, 8, 1))
    assert isinstance(alone, Request)
    assert alone.authorization is None


def test_kong_translates_even_when_the_jwts_are_empty() -> None:
    env = {**KONG_ENV, "ANON_KEY_ASYMMETRIC": "", "SERVICE_ROLE_KEY_ASYMMETRIC": ""}
    passed = by_kong(only(SECRET), Kind.REST, env)
    assert isinstance(passed, Request)
    assert passed.authorization == "Bearer "


@pytest.mark.parametrize("name", sorted(NEW))
def test_envoy_needs_all_four_values(name: str) -> None:
    verdict = by_envoy(only(SECRET), Kind.REST, {**ENVOY_ENV, name: ""})
    assert isinstance(verdict, Verdict)
    assert (verdict.status, verdict.message) == (401, "Unauthorized")
    if name != "SUPABASE_SECRET_KEY":
        assert any(name in step.text for step in verdict.steps)


def test_envoy_also_replaces_apikey() -> None:
    passed = by_envoy(only(PUBLISHABLE), Kind.REST)
    assert isinstance(passed, Request)
    assert passed.apikey == ANON_JWT


@pytest.mark.parametrize(
    ("apikey", "expected"),
    [(PUBLISHABLE, ANON_JWT), (SECRET, SERVICE_JWT), (ANON, ANON)],
    ids=["publishable", "secret", "legacy"],
)
def test_a_socket_gets_x_api_key(apikey: str, expected: str) -> None:
    for passed in (
        by_kong(only(apikey), Kind.REALTIME, websocket=True),
        by_envoy(only(apikey), Kind.REALTIME, websocket=True),
    ):
        assert isinstance(passed, Request)
        assert (passed.x_api_key, passed.websocket) == (expected, True)


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (only(SECRET), SERVICE_JWT),
        (only(PUBLISHABLE, USER), ANON_JWT),
        (only(None, SECRET), SERVICE_JWT),
        (only(SERVICE, SERVICE), None),
        (only(None), None),
    ],
)
def test_functions_get_sb_api_key(credential: Credential, expected: str | None) -> None:
    for passed in (by_kong(credential, Kind.FUNCTIONS), by_envoy(credential, Kind.FUNCTIONS)):
        assert isinstance(passed, Request)
        assert passed.sb_api_key == expected


REFUSED_BY_KONG = [
    ("no key", only(None), Kind.REST, (3, 9), 401, "No API key found in request"),
    ("unknown key", only("nobody"), Kind.REST, (3, 9), 401, "Unauthorized"),
    ("unknown key, Kong 2", only("nobody"), Kind.REST, (2, 8), 401,
     "Invalid authentication credentials"),
    ("a custom-role JWT as apikey", only(USER, USER), Kind.AUTH, (2, 8), 401,
     "Invalid authentication credentials"),
    ("the JWT behind an sb_ key", only(SERVICE_JWT), Kind.REST, (3, 9), 401, "Unauthorized"),
    ("anon at /pg/", only(ANON), Kind.META, (3, 9), 403, "You cannot consume this service"),
    ("the dashboard", only(SERVICE), Kind.STUDIO, (3, 9), 401, "Unauthorized"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("credential", "service", "version", "status", "message"),
    [row[1:] for row in REFUSED_BY_KONG],
    ids=[row[0] for row in REFUSED_BY_KONG],
)
def test_kong_refuses(
    credential: Credential, service: Kind, version: tuple[int, ...], status: int, message: str
) -> None:
    verdict = by_kong(credential, service, version=version)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.REFUSED
    assert (verdict.status, verdict.message) == (status, message)
    assert verdict.steps[-1].at == "gateway"


REFUSED_BY_ENVOY = [
    ("no key", only(None), Kind.REST, 401, "Unauthorized"),
    ("unknown key", only("nobody"), Kind.AUTH, 401, "Unauthorized"),
    ("unknown sb_ key", only("sb_secret_other"), Kind.REST, 401, "Unauthorized"),
    ("the JWT behind an sb_ key", only(SERVICE_JWT), Kind.REST, 401, "Unauthorized"),
    ("anon at /pg/", only(ANON), Kind.META, 403, "RBAC: access denied"),
    ("functions, unknown sb_ key", only("sb_secret_other"), Kind.FUNCTIONS, 401,
     "Invalid API key"),
    ("functions, two sb_ keys", only(PUBLISHABLE, SECRET), Kind.FUNCTIONS, 401,
     "Conflicting API keys"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("credential", "service", "status", "message"),
    [row[1:] for row in REFUSED_BY_ENVOY],
    ids=[row[0] for row in REFUSED_BY_ENVOY],
)
def test_envoy_refuses(credential: Credential, service: Kind, status: int, message: str) -> None:
    verdict = by_envoy(credential, service)
    assert isinstance(verdict, Verdict)
    assert (verdict.status, verdict.message) == (status, message)


def test_the_template_of_spring_takes_the_jwts_as_api_keys() -> None:
    passed = by_envoy(only(SERVICE_JWT), Kind.REST, text=SPRING_TEMPLATE)
    assert isinstance(passed, Request)
    functions = by_envoy(only("sb_secret_other"), Kind.FUNCTIONS, text=SPRING_TEMPLATE)
    assert isinstance(functions, Request)
    assert functions.sb_api_key is None


def test_envoy_in_sb_only_mode() -> None:
    env = {**ENVOY_ENV, "ANON_KEY": "", "SERVICE_ROLE_KEY": ""}
    assert isinstance(by_envoy(only(SECRET), Kind.REST, env), Request)
    assert isinstance(by_envoy(only(""), Kind.REST, env), Verdict)


def test_a_listener_of_the_users_own_cannot_be_told() -> None:
    verdict = by_envoy(only(SECRET), Kind.REST, text="static_resources: {}")
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("issuer", ["api.example.com", "/auth/v1"])
def test_a_bad_issuer_stops_the_gateway(issuer: str) -> None:
    env = {**ENVOY_ENV, "JWT_ISSUER": issuer}
    verdict = by_envoy(only(SECRET), Kind.REST, env)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.DOWN
    assert "JWT_ISSUER must start with" in (verdict.message or "")


# ── Reading kong.yml ────────────────────────────────────────────────────────────────────────────

OWN_FILE = """
consumers:
  - username: anon
    keyauth_credentials: [{key: literal-anon}, {key: $SUPABASE_ANON_KEY}]
  - username: partner
    keyauth_credentials: [{key: "${PARTNER_KEY}"}]
acls:
  - {consumer: anon, group: anon}
  - {consumer: partner, group: partners}
services:
  - name: whatever
    routes: [{name: r, paths: [/rest/v1/]}]
    plugins:
      - {name: key-auth, config: {hide_credentials: true}}
      - {name: acl, config: {allow: [anon]}}
  - name: closed
    routes: [{name: c, paths: [/auth/v1/]}]
    plugins: [{name: request-termination, config: {status_code: 403}}]
"""


@pytest.mark.parametrize(
    ("apikey", "service", "expected"),
    [
        ("literal-anon", Kind.REST, None),
        (ANON, Kind.REST, None),
        ("partner-key", Kind.REST, 403),
        ("literal-anon", Kind.AUTH, 403),
        ("literal-anon", Kind.STORAGE, 404),
    ],
)
def test_a_file_of_the_users_own(apikey: str, service: Kind, expected: int | None) -> None:
    env = {**KONG_ENV, "PARTNER_KEY": "partner-key"}
    passed = by_kong(only(apikey, USER), service, env, text=OWN_FILE)
    if expected is None:
        assert isinstance(passed, Request)
        assert (passed.authorization, passed.apikey) == (f"Bearer {USER}", None)
    else:
        assert isinstance(passed, Verdict)
        assert passed.status == expected


@pytest.mark.parametrize("text", ["{", "- a", "services: 7", "services: [7, {routes: 7}]", None])
def test_a_file_that_is_none_is_said(text: str | None) -> None:
    trail = Trail("gateway")
    config = kong.read_config(KONG_ENV, text, (3, 9))
    kong.forward(config, only(SECRET), Kind.REST, trail, websocket=False)
    assert config.problem is not None or not config.file.routes


@pytest.mark.parametrize(
    ("path", "old", "new", "by_listener"),
    [
        ("/auth/v1/.well-known/jwks.json", False, True, True),
        ("/auth/v1/callback", True, True, True),
        ("/auth/v1/user", False, False, False),
        ("/rest/v1/table", False, False, False),
        ("/storage/v1/object/x", True, True, True),
        ("/functions/v1/hello", True, True, True),
        ("/realtime/v1/api/tenants", False, False, False),
        ("/", False, False, False),
    ],
)
def test_what_is_open(path: str, old: bool, new: bool, by_listener: bool) -> None:
    assert kong.is_open(kong.read_config(KONG_ENV, None, (2, 8)), path) is old
    assert kong.is_open(kong.read_config(KONG_ENV, None, (3, 9)), path) is new
    assert envoy.is_open(envoy.read_config(ENVOY_ENV, None), path) is by_listener
    assert envoy.is_open(envoy.read_config({}, "own: listener"), path) is None

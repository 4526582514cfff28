"""One credential through a whole deployment: client, gateway, service; and what does not start."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.deployments import ERAS, NOW, Deployment, healthy, hs256

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy import opened
from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.read import inventory as read_inventory
from keyturn.deploy.source import Ask
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate
from keyturn.profiles.deployment import (
    follow,
    healthcheck,
    object_read,
    s3,
    start_failures,
    studio_calls,
)
from keyturn.profiles.request import Credential
from keyturn.profiles.verdict import Outcome, Verdict

SECONDS = int(NOW.timestamp())
V1_SCRIPT = (
    "const VERIFY_JWT = 1; JWT_SECRET; jose.jwtVerify; jose.createRemoteJWKSet(SUPABASE_URL)"
)
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def both(token: str) -> Credential:
    """A legacy key, sent twice as older clients do."""
    return Credential(None, token, token)


def only(apikey: str) -> Credential:
    """An API key in ``apikey`` alone, as current clients send ``sb_`` keys."""
    return Credential(None, apikey, None)


def user(deployment: Deployment) -> Credential:
    """A signed-in user of this deployment."""
    claims = {"role": "authenticated", "sub": "u", "exp": SECONDS + 600}
    return Credential(None, deployment.keys.publishable, deployment.keys.ec.token(claims))


def go(found: Inventory, credential: Credential, kind: Kind, *, direct: bool = False) -> Verdict:
    """The way to one service; Realtime by a socket."""
    return follow(found, credential, kind, now=NOW, direct=direct, websocket=kind is Kind.REALTIME)


@pytest.mark.parametrize("era", ERAS)
def test_a_healthy_deployment_takes_its_own_keys(tmp_path: Path, era: str) -> None:
    deployment = healthy(tmp_path, era)
    found = deployment.inventory()
    assert start_failures(found) == {}
    for token, role in (
        (deployment.keys.anon, "anon"),
        (deployment.keys.service_role, "service_role"),
    ):
        for kind in VERIFIERS:
            if found.of_kind(kind) is None:
                assert go(found, both(token), kind).outcome is Outcome.ABSENT
                continue
            verdict = go(found, both(token), kind)
            assert (verdict.outcome, verdict.role) == (Outcome.ACCEPTED, role), kind


@pytest.mark.parametrize("kind", VERIFIERS)
def test_sb_keys_and_users_by_envoy(tmp_path: Path, kind: Kind) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    found = deployment.inventory()
    assert go(found, only(deployment.keys.publishable), kind).role == "anon"
    assert go(found, only(deployment.keys.secret), kind).role == "service_role"
    assert go(found, user(deployment), kind).role == "authenticated"


@pytest.mark.parametrize("kind", [Kind.AUTH, Kind.REST, Kind.STORAGE])
def test_an_sb_key_past_the_gateway_is_no_token(tmp_path: Path, kind: Kind) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    secret = deployment.keys.secret
    verdict = go(deployment.inventory(), both(secret), kind, direct=True)
    assert verdict.outcome is Outcome.REFUSED
    assert all(step.at == kind for step in verdict.steps)


def test_steps_tell_the_way_in_order(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    verdict = go(deployment.inventory(), only(deployment.keys.secret), Kind.REST)
    assert verdict.steps[0].at == "gateway"
    assert verdict.steps[-1].at == "rest"
    assert "SERVICE_ROLE_KEY_ASYMMETRIC" in verdict.steps[0].text


def test_without_a_gateway_the_way_is_direct(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy").remove_service("api-gw")
    verdict = go(deployment.inventory(), both(deployment.keys.anon), Kind.REST)
    assert verdict.outcome is Outcome.ACCEPTED
    assert {step.at for step in verdict.steps} == {"rest"}


def test_kong_with_a_legacy_key_in_apikey_alone(tmp_path: Path) -> None:
    """services.md §13, rows 25 to 27."""
    deployment = healthy(tmp_path, "2026-kong")
    found, key = deployment.inventory(), only(deployment.keys.service_role)
    rest = go(found, key, Kind.REST)
    assert (rest.outcome, rest.role) == (Outcome.DOWNGRADED, "anon")
    auth = go(found, key, Kind.AUTH)
    assert (auth.status, auth.message) == (401, "This endpoint requires a valid Bearer token")
    broadcast = follow(found, key, Kind.REALTIME, now=NOW)
    assert broadcast.outcome in (Outcome.REFUSED, Outcome.ACCEPTED)
    assert any('without "Bearer "' in step.text for step in broadcast.steps)
    storage = go(found, key, Kind.STORAGE)
    assert (storage.outcome, storage.role) == (Outcome.ACCEPTED, "service_role")


def test_meta_and_studio_are_the_gateways_business(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    found = deployment.inventory()
    service, anon = both(deployment.keys.service_role), both(deployment.keys.anon)
    assert go(found, service, Kind.META).outcome is Outcome.ACCEPTED
    assert go(found, anon, Kind.META).status == 403
    assert go(found, anon, Kind.META, direct=True).outcome is Outcome.OPEN
    assert go(found, service, Kind.STUDIO).status == 401
    assert go(found, service, Kind.STUDIO, direct=True).outcome is Outcome.OPEN
    assert go(found, service, Kind.DATABASE).outcome is Outcome.ABSENT


def test_what_the_official_script_leaves_when_its_sed_fails(tmp_path: Path) -> None:
    """The lines stay commented out: Auth signs ES256, others cannot read it (#46303)."""
    deployment = healthy(tmp_path, "2026-envoy")
    for service, name in (("realtime", "API_JWT_JWKS"), ("storage", "JWT_JWKS")):
        deployment.comment_setting(service, name)
    found = deployment.inventory()
    storage = go(found, user(deployment), Kind.STORAGE)
    assert storage.message == '"alg" (Algorithm) Header Parameter value not allowed'
    realtime = go(found, user(deployment), Kind.REALTIME)
    assert realtime.code == "JwtSignerError"
    assert "API_JWT_JWKS is not set" in " ".join(step.text for step in realtime.steps)
    assert go(found, user(deployment), Kind.REST).outcome is Outcome.ACCEPTED
    object_ = object_read(found, user(deployment), now=NOW)
    assert (object_.outcome, object_.role) == (Outcome.DOWNGRADED, "anon")


STOPS: list[tuple[str, str, str, Kind, str]] = [
    ("auth", "GOTRUE_JWT_KEYS", "'{\"keys\":[]}'", Kind.AUTH, "cannot unmarshal object"),
    ("auth", "GOTRUE_JWT_KEYS", "''", Kind.AUTH, "unexpected end of JSON input"),
    ("rest", "PGRST_JWT_SECRET", "short", Kind.REST, "at least 32 characters"),
    ("realtime", "API_JWT_JWKS", "''", Kind.REALTIME, "Jason.DecodeError"),
    ("realtime", "API_JWT_JWKS", "'[]'", Kind.REALTIME, "is invalid, type: :map"),
    ("storage", "JWT_JWKS", "'{\"keys\":[]}}'", Kind.STORAGE, "Unable to parse JWT_JWKS value"),
    ("storage", "AUTH_JWT_SECRET", "''", Kind.STORAGE, "PGRST_JWT_SECRET is undefined"),
    ("functions", "SUPABASE_JWKS", "'{\"keys\":[1]}'", Kind.FUNCTIONS, "JWKSInvalid"),
    ("api-gw", "JWT_ISSUER", "nowhere", Kind.ENVOY, "JWT_ISSUER must start with"),
]


@pytest.mark.parametrize(
    ("service", "name", "value", "kind", "message"),
    STOPS,
    ids=[f"{s[0]}-{s[4][:20]}" for s in STOPS],
)
def test_a_service_that_does_not_start(
    tmp_path: Path, service: str, name: str, value: str, kind: Kind, message: str
) -> None:
    deployment = healthy(tmp_path, "2026-envoy").set_setting(service, name, value)
    found = deployment.inventory()
    failures = start_failures(found)
    assert set(failures) == {kind}
    assert message in failures[kind].message
    asked = Kind.REST if kind is Kind.ENVOY else kind
    verdict = go(found, both(deployment.keys.anon), asked)
    assert (verdict.outcome, verdict.message) == (Outcome.DOWN, failures[kind].message)
    assert name in verdict.why or failures[kind].setting in verdict.why


def test_a_brace_too_many_stops_two_and_fools_two(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    deployment.set("JWT_JWKS", deployment.keys.jwt_jwks + "}")
    found = deployment.inventory()
    assert set(start_failures(found)) == {Kind.REALTIME, Kind.STORAGE}
    rest = go(found, user(deployment), Kind.REST)
    assert (rest.code, rest.message) == ("PGRST301", "No suitable key or wrong key type")
    functions = go(found, user(deployment), Kind.FUNCTIONS)
    assert functions.code == "UNAUTHORIZED_ASYMMETRIC_JWT"


def test_the_healthcheck_follows_the_anon_key(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    first = healthcheck(deployment.inventory(), NOW)
    assert first is not None
    assert first.outcome is Outcome.ACCEPTED
    deployment.set("ANON_KEY", deployment.keys.anon_asymmetric)
    later = healthcheck(deployment.inventory(), NOW)
    assert later is not None
    assert (later.outcome, later.status) == (Outcome.REFUSED, 403)
    deployment.set("ANON_KEY", "")
    empty = healthcheck(deployment.inventory(), NOW)
    assert empty is not None
    assert empty.status == 403


def test_s3_depends_on_the_service_key(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    first = s3(deployment.inventory(), NOW)
    assert first is not None
    assert first.outcome is Outcome.ACCEPTED
    deployment.set_setting("storage", "SERVICE_KEY", deployment.keys.secret)
    later = s3(deployment.inventory(), NOW)
    assert later is not None
    assert (later.status, later.message) == (403, "Invalid Compact JWS")
    deployment.unset_setting("storage", "S3_PROTOCOL_ACCESS_KEY_ID")
    assert s3(deployment.inventory(), NOW) is None


def test_studios_own_calls(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    calls = studio_calls(deployment.inventory(), NOW)
    assert {verdict.outcome for verdict in calls.values()} == {Outcome.ACCEPTED}
    old = hs256({"role": "service_role", "exp": SECONDS + 600}, "an-older-secret-" * 3)
    deployment.set_setting("studio", "SUPABASE_SERVICE_KEY", old)
    calls = studio_calls(deployment.inventory(), NOW)
    assert calls[Kind.REST].message == "Unauthorized"


def test_a_v1_script_takes_what_auth_publishes(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    old = deployment.text("volumes/functions/main/index.ts")
    assert "SUPABASE_JWKS" in old
    deployment.write("volumes/functions/main/index.ts", V1_SCRIPT)
    deployment.set_setting("functions", "SUPABASE_URL", "http://api-gw:8000")
    deployment.set_setting("functions", "VERIFY_JWT", "'true'")
    found = deployment.inventory()
    assert go(found, user(deployment), Kind.FUNCTIONS).outcome is Outcome.ACCEPTED
    forged = encode({"role": "authenticated"}, generate("ES256", kid=deployment.keys.ec.kid))
    verdict = go(found, Credential(None, deployment.keys.publishable, forged), Kind.FUNCTIONS)
    assert verdict.message == "Invalid JWT"


def test_a_v1_script_cannot_fetch_through_an_old_kong(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2025-kong")
    deployment.write("volumes/functions/main/index.ts", V1_SCRIPT)
    deployment.set_setting("functions", "VERIFY_JWT", "'true'")
    token = encode({"role": "authenticated"}, generate("ES256", kid="any"))
    verdict = go(deployment.inventory(), Credential(None, None, token), Kind.FUNCTIONS)
    assert "the gateway does not let the script fetch it" in verdict.why


def test_a_missing_script_is_said(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy").remove("volumes/functions/main/index.ts")
    verdict = go(deployment.inventory(), user(deployment), Kind.FUNCTIONS)
    assert verdict.outcome is Outcome.UNKNOWN


# ── Nothing secret is ever shown ────────────────────────────────────────────────────────────────


def secrets_of(found: Inventory) -> Iterator[str]:
    """Every long value that a service or ``.env`` holds; URLs and names are short or public."""
    for service in found.services.values():
        for setting in service.settings.values():
            value = opened.text(setting) or ""
            if len(value) >= 20 and "://" not in value and "/" not in value[:1]:
                yield value


def credentials(deployment: Deployment) -> Mapping[str, Credential]:
    """One of every kind, good and bad."""
    keys = deployment.keys
    stranger = encode({"role": "anon", "exp": SECONDS + 60}, generate("ES256", kid=keys.ec.kid))
    return {
        "anon": both(keys.anon), "service": only(keys.service_role), "secret": only(keys.secret),
        "publishable": both(keys.publishable), "user": user(deployment),
        "forged": Credential(None, keys.anon, stranger), "nothing": Credential(None, None, None),
        "raw": only(keys.service_role_asymmetric),
    }  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("damage", ["", "}", "'"])
def test_no_verdict_shows_a_secret(tmp_path: Path, era: str, damage: str) -> None:
    deployment = healthy(tmp_path, era)
    if damage and era.startswith("2026"):
        deployment.set("JWT_JWKS", deployment.keys.jwt_jwks + damage)
        deployment.set("JWT_KEYS", deployment.keys.jwt_keys + damage)
    found = deployment.inventory()
    hidden = set(secrets_of(found)) | {
        value
        for one in credentials(deployment).values()
        for value in (one.apikey, one.bearer)
        if value
    }
    shown = json.dumps([start.cause + start.message for start in start_failures(found).values()])
    for credential in credentials(deployment).values():
        for kind in (*VERIFIERS, Kind.META, Kind.STUDIO, Kind.POOLER):
            for direct in (True, False):
                shown += json.dumps(go(found, credential, kind, direct=direct).as_dict())
    assert not [value for value in hidden if value in shown]
    parts = {part for value in hidden for part in value.split(".") if len(part) > 24}
    assert not [part for part in parts if part in shown]


# ── Real deployments ────────────────────────────────────────────────────────────────────────────

OTHER_KEYS = {"official-2023-01"}
FOLDERS = sorted(one for one in CORPUS.iterdir() if one.is_dir()) if CORPUS.is_dir() else []


@pytest.mark.skipif(not FOLDERS, reason="the corpus of real deployments is not beside the checkout")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_real_deployments_take_their_own_keys(folder: Path) -> None:
    """The demo keys of every era pass everywhere with that era's own gateway."""
    env_file = next(iter(one for one in (".env", ".env.example") if (folder / one).is_file()), None)
    ask = Ask(env_files=(env_file,)) if env_file else Ask()
    found = read_inventory(FolderSource(folder), ask)
    assert start_failures(found) == {}
    now = datetime(2026, 11, 25, tzinfo=UTC)
    for name, role in (("ANON_KEY", "anon"), ("SERVICE_ROLE_KEY", "service_role")):
        key = opened.text(found.variable(name))
        if not key or found.gateway is None:
            continue
        for kind in (Kind.AUTH, Kind.REST, Kind.STORAGE):
            verdict = follow(found, both(key), kind, now=now, direct=folder.name in OTHER_KEYS)
            if verdict.outcome is not Outcome.ABSENT:
                assert verdict.role == role, (kind, verdict)


@pytest.mark.skipif(not FOLDERS, reason="the corpus of real deployments is not beside the checkout")
def test_a_gateway_with_keys_of_its_own_is_caught() -> None:
    """The oldest file writes keys out in ``kong.yml``, and they are not those of its ``.env``."""
    ask = Ask(env_files=(".env.example",))
    found = read_inventory(FolderSource(CORPUS / "official-2023-01"), ask)
    key = opened.text(found.variable("ANON_KEY")) or ""
    verdict = follow(found, both(key), Kind.REST, now=NOW)
    assert (verdict.status, verdict.message) == (401, "Invalid authentication credentials")

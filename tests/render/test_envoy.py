"""The Envoy files: what the profile reads in them, and what a real Envoy does with them."""

from __future__ import annotations

import json
import subprocess
import time
from http.client import HTTPConnection
from itertools import product
from pathlib import Path

import pytest
from tests.render.front import Front, bootstrap, front
from tests.render.worlds import credentials, meaning, read
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy, opaque

from keyturn.adapters.envoy.binary import envoy_binary
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.migrate.render_envoy import FOLDER
from keyturn.profiles import envoy_routes
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import Credential, CredentialKind, Request
from keyturn.profiles.trail import Trail

USER = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"
BODY_401 = "Unauthorized"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """One with Envoy that accepts one more key of each kind."""
    made = healthy(tmp_path / "d", "2026-envoy")
    made.set("SUPABASE_PUBLISHABLE_KEY_PREVIOUS", opaque("sb_publishable_"))
    return made.set("SUPABASE_SECRET_KEY_PREVIOUS", opaque("sb_secret_"))


def rendered(run: Run, deployment: Deployment, out: Path) -> tuple[str, str]:
    """Return the listener and the routes."""
    made = run("render", "envoy", str(deployment.folder), "--output", str(out))
    assert made.code == 0, made.err
    assert {p.stat().st_mode & 0o777 for p in out.iterdir()} == {0o600}
    return (out / "lds.yaml").read_text(), (out / "rds.yaml").read_text()


def mounted(deployment: Deployment, lds: str, rds: str) -> Inventory:
    """Return the deployment with the rendered folder in its gateway."""
    deployment.write("volumes/api/keys/lds.yaml", lds).write("volumes/api/keys/rds.yaml", rds)
    line = "      - ./volumes/api/envoy/cds.yaml"
    mount = f"      - ./volumes/api/keys:{FOLDER}:ro\n"
    deployment.replace("docker-compose.yml", line, mount + line)
    return read(deployment.folder)


def test_the_rendered_files_mean_what_the_official_template_means(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    before = read(deployment.folder)
    held = credentials(before)
    expected = meaning(before, held)
    after = mounted(deployment, *rendered(run, deployment, tmp_path / "out"))
    assert meaning(after, held) == expected


def test_several_keys_mean_the_same_for_every_service(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    there = mounted(deployment, *rendered(run, deployment, tmp_path / "out"))
    keys = credentials(there)
    for kind, name in ((CredentialKind.PUBLISHABLE, "SUPABASE_PUBLISHABLE_KEY_PREVIOUS"),
                       (CredentialKind.SECRET, "SUPABASE_SECRET_KEY_PREVIOUS")):  # fmt: skip
        former = Credential(kind, deployment.get(name), None)
        present = meaning(there, {kind: keys[kind]})
        assert {k: v for k, v in meaning(there, {kind: former}).items() if k[2] != "directly"} == {
            k: v for k, v in present.items() if k[2] != "directly"
        }
    unknown = Credential(None, opaque("sb_secret_"), None)
    assert follow(there, unknown, Kind.REST, now=NOW).status == 401


def test_envoy_accepts_the_configuration(run: Run, deployment: Deployment, tmp_path: Path) -> None:
    lds, rds = (json.loads(one) for one in rendered(run, deployment, tmp_path / "out"))
    listener, routes = lds["resources"][0], rds["resources"][0]
    del listener["@type"], routes["@type"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = routes
    config = bootstrap(9, tmp_path)
    config["static_resources"]["listeners"] = [listener]
    del config["dynamic_resources"]
    (tmp_path / "whole.json").write_text(json.dumps(config))
    checked = subprocess.run(
        [str(envoy_binary()), "--mode", "validate", "-c", str(tmp_path / "whole.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr[-2000:]


def test_a_real_envoy_does_what_the_profile_says_and_turns_without_a_break(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    lds, rds = rendered(run, deployment, tmp_path / "out")
    folder = tmp_path / "envoy"
    folder.mkdir()
    with front(lds, rds, folder) as gateway:
        _agree(gateway, rds, deployment)
        _what_only_a_real_one_shows(gateway, deployment)
        _turn(run, gateway, deployment, tmp_path)


def _agree(gateway: Front, rds: str, deployment: Deployment) -> None:
    """Every path × API key × bearer: the profile's answer is Envoy's."""
    rules = envoy_routes.read_rules(rds)
    assert rules is not None
    keys = deployment.keys
    apikeys = (None, "", "sb_secret_unknown", "other", keys.anon, keys.service_role,
               keys.publishable, keys.secret, deployment.get("SUPABASE_SECRET_KEY_PREVIOUS"),
               keys.anon_asymmetric)  # fmt: skip
    bearers = (None, USER, keys.publishable, keys.secret, "sb_secret_unknown")
    services = (Kind.AUTH, Kind.REST, Kind.STORAGE, Kind.FUNCTIONS, Kind.META, Kind.REALTIME)
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for service, apikey, bearer in product(services, apikeys, bearers):
        credential = Credential(None, apikey, bearer)
        expected = envoy_routes.forward(rules, credential, service, Trail(service), websocket=False)
        path = envoy_routes.PATHS.get(service, envoy_routes.BROADCAST_PATH)
        headers = {"apikey": apikey} if apikey is not None else {}
        headers |= {"authorization": f"Bearer {bearer}"} if bearer is not None else {}
        status, seen = gateway.get(path, headers, connection)
        if not isinstance(expected, Request):
            assert (status, seen) == (expected.status, expected.message), (service, apikey, bearer)
            continue
        assert status == 200, (service, apikey, bearer, seen)
        got = seen["headers"]
        assert got.get("authorization") == expected.authorization
        assert got.get("apikey") == expected.apikey
        assert got.get("sb-api-key") == expected.sb_api_key
    connection.close()


def _what_only_a_real_one_shows(gateway: Front, deployment: Deployment) -> None:
    keys = deployment.keys
    status, seen = gateway.get(f"/realtime/v1/websocket?apikey={keys.publishable}", {})
    assert status == 200
    assert seen["headers"]["x-api-key"] == keys.anon_asymmetric
    assert seen["headers"]["host"] == "realtime-dev.supabase-realtime"
    assert seen["path"].startswith("/socket/websocket")
    assert gateway.get("/realtime/v1/websocket?apikey=sb_wrong", {}) == (401, BODY_401)
    assert gateway.get("/realtime/v1/api/tenants", {"apikey": keys.secret})[0] == 403
    assert gateway.get("/rest/v1/", {"apikey": keys.publishable})[0] == 403
    assert gateway.get("/rest/v1/", {"apikey": keys.secret})[0] == 200
    forged = {"sb-api-key": keys.service_role_asymmetric}
    assert "sb-api-key" not in gateway.get("/functions/v1/f", forged)[1]["headers"]
    signed = {"authorization": "AWS4-HMAC-SHA256 Credential=x", "apikey": keys.publishable}
    _, seen = gateway.get("/storage/v1/s3/b/o", signed)
    assert seen["headers"]["authorization"] == "AWS4-HMAC-SHA256 Credential=x"
    assert gateway.get("/project/default", {})[0] == 401
    assert gateway.get("//rest//v1/t", {"apikey": keys.publishable})[1]["path"] == "/t"
    for path in ("/rest/v1//../../rest/v1/t", "/rest/v1/%2e%2e/%2e%2e/rest/v1/t", "//rest/v1/t"):
        assert gateway.get(path, {})[0] in (400, 401), path


def _turn(run: Run, gateway: Front, deployment: Deployment, tmp_path: Path) -> None:
    """A key comes and a key goes on one connection that stays open."""
    old, new = deployment.get("SUPABASE_SECRET_KEY_PREVIOUS") or "", opaque("sb_secret_")
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    assert gateway.get("/rest/v1/t", {"apikey": old}, connection)[0] == 200
    assert gateway.get("/rest/v1/t", {"apikey": new}, connection)[0] == 401
    deployment.set("SUPABASE_SECRET_KEY_NEXT", new)
    _, both = rendered(run, deployment, tmp_path / "both")
    gateway.turn(both)
    _until(gateway, connection, new, 200)
    assert gateway.get("/rest/v1/t", {"apikey": old}, connection)[0] == 200
    deployment.unset("SUPABASE_SECRET_KEY_PREVIOUS")
    gateway.turn(rendered(run, deployment, tmp_path / "one")[1])
    _until(gateway, connection, old, 401)
    assert gateway.get("/rest/v1/t", {"apikey": new}, connection)[0] == 200
    # A Secret's volume: first it becomes one, then its content turns.
    gateway.mount(both, "..1")
    _until(gateway, connection, old, 200)
    gateway.mount((tmp_path / "one" / "rds.yaml").read_text(), "..2")
    _until(gateway, connection, old, 401)
    connection.close()


def _until(gateway: Front, connection: HTTPConnection, key: str, status: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if gateway.get("/rest/v1/t", {"apikey": key}, connection)[0] == status:
            return
        time.sleep(0.01)
    raise AssertionError(f"Envoy never answered {status}")


def test_a_key_without_a_token_is_refused(run: Run, deployment: Deployment) -> None:
    deployment.set("SERVICE_ROLE_KEY_ASYMMETRIC", "")
    refused = run("render", "envoy", str(deployment.folder), "--private", "--json")
    assert (refused.code, refused.json["code"]) == (5, "cannot_render")


def test_one_key_for_two_roles_is_refused(run: Run, deployment: Deployment) -> None:
    deployment.set("SUPABASE_SECRET_KEY_PREVIOUS", deployment.keys.publishable)
    refused = run("render", "envoy", str(deployment.folder), "--private", "--json")
    assert refused.code == 5
    assert deployment.keys.publishable not in refused.out
    deployment.set("SUPABASE_SECRET_KEY_PREVIOUS", "sb_secret_with%REQ(x)%")
    assert run("render", "envoy", str(deployment.folder), "--private").code == 5

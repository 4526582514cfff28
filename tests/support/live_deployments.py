"""Deployments whose owners have set up ways to tell running services of new keys."""

from __future__ import annotations

import re

from tests.support.deployment_documents import ENVOY_BOOTSTRAP
from tests.support.deployments import Deployment

from keyturn.migrate.capabilities import ASYMMETRIC
from keyturn.migrate.render_envoy import FOLDER, envoy_files
from keyturn.migrate.render_kong import kong_file

JWKS = "volumes/rest/jwks.json"
AUTH_FILE = "volumes/auth.d/keys.env"


def with_rest_file(made: Deployment, *, folder: bool = False) -> Deployment:
    """PostgREST reads its keys from a mounted file (``folder``: from a mounted folder)."""
    made.write(JWKS, f"{made.get('JWT_JWKS') or made.keys.jwt_secret}\n")
    mount = "./volumes/rest:/keys:ro" if folder else f"./{JWKS}:/keys/jwks.json:ro"
    made.set_setting("rest", "PGRST_JWT_SECRET", '"@/keys/jwks.json"')
    return add_lines(made, "rest", f"    volumes:\n      - {mount}\n")


def with_auth_folder(made: Deployment) -> Deployment:
    """Auth watches a folder in which a file holds its keys; ``.env`` and compose hold none."""
    made.write(AUTH_FILE, f"# keys\nGOTRUE_JWT_KEYS={made.get('JWT_KEYS') or '[]'}\n")
    if made.get("JWT_KEYS") is not None:
        made.unset("JWT_KEYS")
    if re.search(r"(?m)^      GOTRUE_JWT_KEYS:", made.text(made.compose_name)):
        made.unset_setting("auth", "GOTRUE_JWT_KEYS")
    lines = (
        '    command: ["auth", "--config-dir", "/etc/auth.d"]\n'
        "    volumes:\n      - ./volumes/auth.d:/etc/auth.d\n"
    )
    return add_lines(made, "auth", lines)


def add_lines(made: Deployment, service: str, lines: str) -> Deployment:
    """Put lines under a service's name."""
    return made.rewrite(
        made.compose_name,
        lambda text: re.sub(rf"(?m)^  {re.escape(service)}:\n", lambda at: at[0] + lines, text),
    )


def with_kong_file(made: Deployment) -> Deployment:
    """Kong reads the rendered file itself, and no token is in its environment."""
    made.write("volumes/api/kong.yml", kong_file(made.inventory()).text)
    made.replace(made.compose_name, ":/home/kong/temp.yml:ro,z", ":/usr/local/kong/kong.yml:ro")
    entrypoint = '    entrypoint: ["/bin/sh", "/home/kong/kong-entrypoint.sh"]\n'
    made.replace(made.compose_name, entrypoint, "")
    return _without_tokens(made, "kong")


def with_envoy_folder(made: Deployment) -> Deployment:
    """Envoy watches a folder with the rendered routes, and no token is in its environment."""
    for one in envoy_files(made.inventory()):
        made.write(f"volumes/api/keys/{one.name}", one.text)
    assert "/etc/envoy/lds.yaml" in ENVOY_BOOTSTRAP
    made.replace("volumes/api/envoy/envoy.yaml", "/etc/envoy/lds.yaml", f"{FOLDER}/lds.yaml")
    made.replace(
        made.compose_name,
        "./volumes/api/envoy/lds.template.yaml:/etc/envoy/lds.template.yaml:ro,z",
        f"./volumes/api/keys:{FOLDER}:ro",
    )
    return _without_tokens(made, "api-gw")


def _without_tokens(made: Deployment, gateway: str) -> Deployment:
    for name in ASYMMETRIC:
        made.unset_setting(gateway, name)
    return made

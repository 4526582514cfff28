"""The whole flow, then a search for every secret that it created."""

from __future__ import annotations

import base64
import json
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.stack import Stack, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("secrets"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, legacy_secret: str) -> Iterator[Stack]:
    """A stack with every kind of secret in it."""
    folder = tmp_path_factory.mktemp("secrets") / "data"
    with running(folder, env={"GOTRUE_JWT_SECRET": legacy_secret}) as made:
        yield made


def private_members(stack: Stack) -> dict[str, str]:
    """The private member of each key that still has one, by an explicit export."""
    exported = stack.cli(
        "keys", "export", "--format", "gotrue-jwt-keys", "--private", "--output", "-"
    )
    assert exported.returncode == 0, exported.stderr
    found = {}
    for key in json.loads(exported.stdout):
        name = "k" if key["kty"] == "oct" else "d"
        if name in key:
            found[f"private half of a {key['alg']} key"] = key[name]
    return found


def local_secrets(stack: Stack) -> dict[str, str]:
    """What the stack made for itself: passwords of the database, the gateway's internal tokens."""
    kept = json.loads((stack.data_dir / "postgres" / "passwords.json").read_text())
    routes = (stack.data_dir / "envoy" / "rds.json").read_text()
    tokens = sorted(set(re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]{20,}", routes)))
    assert len(kept) >= 2
    assert len(tokens) >= 2
    return {f"password of {role}": password for role, password in kept.items()} | {
        f"internal token {number}": token for number, token in enumerate(tokens)
    }


def whole_flow(stack: Stack) -> tuple[dict[str, str], list[str]]:
    """Use everything; returns the secrets by name and the answers meant for third parties."""
    password = f"pass-{uuid.uuid4().hex}"
    answers: list[str] = []
    secrets = {
        "password": password,
        "secret API key": stack.info["secret_key"],
        "service_role key": stack.info["service_role_key"],
    }
    secrets |= private_members(stack)
    made = stack.cli("apikeys", "create", "--name", "searched_for", "--kind", "secret", "--json")
    secrets["another secret API key"] = json.loads(made.stdout)["key"]
    email = f"sec-{uuid.uuid4().hex[:8]}@example.com"
    session = stack.sign_up(email, password)
    bearer = {"authorization": f"Bearer {session['access_token']}"}
    with stack.client() as http:
        grant = http.post(
            "/auth/v1/token?grant_type=password", json={"email": email, "password": password}
        ).json()
        turned = http.post(
            "/auth/v1/token?grant_type=refresh_token",
            json={"refresh_token": grant["refresh_token"]},
        ).json()
        third_parties: list[tuple[str, dict[str, str]]] = [
            ("/auth/v1/.well-known/jwks.json", {}),
            ("/auth/v1/.well-known/openid-configuration", {}),
            ("/auth/v1/settings", {}),
            ("/auth/v1/user", bearer),
            ("/rest/v1/notes", bearer),
            ("/rest/v1/nothing", bearer),
            ("/rest/v1/notes", {"authorization": "Bearer a.b.c"}),
            ("/", {}),
        ]
        for path, headers in third_parties:
            answers.append(http.get(path, headers=headers).text)
        http.get(f"/rest/v1/notes?apikey={stack.info['secret_key']}&token={grant['access_token']}")
        answers.append(
            http.post(
                "/auth/v1/token?grant_type=password",
                json={"email": email, "password": password + "x"},
            ).text
        )
    for name, answer in (("first", session), ("second", grant), ("third", turned)):
        secrets[f"{name} access token"] = answer["access_token"]
        secrets[f"{name} refresh token"] = answer["refresh_token"]
    for arguments in (
        ("keys", "list"),
        ("apikeys", "list"),
        ("status",),
        ("check", stack.url),
        ("keys", "rotate", "--force", "--reason", "search for secrets"),
    ):
        done = stack.cli(*arguments)
        answers += [done.stdout, done.stderr]
    return secrets, answers


def spellings(secret: str) -> list[str]:
    """The ways in which one secret may stand in a text."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return [secret, encoded, encoded.replace("+", "-").replace("/", "_")]


def find(text: str, secrets: dict[str, str]) -> list[str]:
    """Names of the secrets that occur in ``text``."""
    return [name for name, secret in secrets.items() if any(s in text for s in spellings(secret))]


def test_no_secret_in_logs_arguments_answers_or_files(stack: Stack) -> None:
    master = (stack.data_dir / "master.key").read_text().strip()
    local = local_secrets(stack)
    secrets, answers = whole_flow(stack)
    secrets |= {"master key": master} | local | local_secrets(stack)
    for text in answers:
        assert find(text, secrets) == [], text[:300]
    for process in stack.processes():
        assert find("\0".join(process.cmdline()), secrets) == []
    stack.sql("checkpoint")
    assert_files_are_clean(stack.data_dir, secrets)


# Files that exist to hold a secret, and how the names of theirs begin; all others must hold none.
HOLDERS = {
    "master.key": ("master key",),
    "api-keys.json": ("secret API key", "service_role key"),
    "passwords.json": ("password of ",),
    "state.json": ("password of postgres", "password of supabase_auth_admin"),
    "rds.json": ("internal token ",),
}
# GoTrue's schema keeps version 1 refresh tokens in clear text; nothing else may be there.
IN_THE_DATABASE = ("first refresh token", "second refresh token", "third refresh token")


def assert_files_are_clean(data_dir: Path, secrets: dict[str, str]) -> None:
    """Fail for a secret outside its holder, and for a holder that others may read."""
    for path in sorted(data_dir.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        allowed = HOLDERS.get(path.name, ())
        if {"base", "pg_wal"} & set(path.relative_to(data_dir).parts):
            allowed = IN_THE_DATABASE
        found = find(path.read_bytes().decode("latin-1"), secrets)
        stray = sorted(name for name in found if not name.startswith(allowed))
        assert stray == [], f"{path.relative_to(data_dir)} holds {stray}"
        if found and path.name in HOLDERS:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_environment_of_children_is_not_world_readable(stack: Stack) -> None:
    """Only the owner may read what the supervisor hands to its children."""
    for process in stack.processes():
        mode = stat.S_IMODE(Path(f"/proc/{process.pid}/environ").stat().st_mode)
        assert mode & 0o077 == 0, process.name()


def test_the_gateway_sends_no_api_key_upstream_or_back(stack: Stack) -> None:
    """Upstreams get a short-lived token in place of the key; answers never repeat it."""
    secret = stack.info["secret_key"]
    answer = httpx.post(f"{stack.url}/rest/v1/rpc/whoami", headers={"apikey": secret})
    assert answer.json() == {"role": "service_role"}
    assert secret not in answer.text + str(answer.headers)


def test_private_files_are_private(stack: Stack) -> None:
    for name in HOLDERS:
        (path,) = stack.data_dir.rglob(name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700
    assert psutil.Process(int(stack.info["pid"])).is_running()

"""The official clients, as published, against a running stack."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import jwt
import pytest
from supabase import AuthApiError, Client, PostgrestAPIError, create_client
from supabase.lib.client_options import SyncClientOptions
from tests.support.stack import Stack, environment, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]
JS = Path(__file__).parent / "js"
MakeClient = Callable[[str], Client]


def node(
    stack: Stack, script: str, *flags: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script of ``js/`` with the stack's addresses and keys in its environment."""
    program = shutil.which("node")
    assert program, "node was not found; install Node 20 or newer"
    return subprocess.run(
        [program, "--no-warnings", *flags, script],
        cwd=JS,
        env=environment({**node_env(stack), **(env or {})}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def node_env(stack: Stack) -> dict[str, str]:
    """What ``client.mjs`` reads."""
    named = {
        "API_URL": stack.url,
        "PUBLISHABLE_KEY": stack.info["publishable_key"],
        "SECRET_KEY": stack.info["secret_key"],
        "ANON_KEY": stack.info.get("anon_key"),
        "SERVICE_ROLE_KEY": stack.info.get("service_role_key"),
    }
    return {name: value for name, value in named.items() if value}


def test_supabase_js(stack: Stack) -> None:
    done = node(stack, "first_light.test.mjs", "--test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "fail 0" in done.stdout, done.stdout


def test_supabase_js_with_legacy_keys(legacy_stack: Stack) -> None:
    done = node(
        legacy_stack,
        "first_light.test.mjs",
        "--test",
        "--test-name-pattern=legacy anon|row-level security|wrong key|secret key administers",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def app(stack: Stack) -> Iterator[MakeClient]:
    """Makes Python clients whose connections are closed at the end."""
    with ExitStack() as opened:

        def make(key: str) -> Client:
            http = opened.enter_context(httpx.Client(timeout=20))
            return create_client(stack.url, key, options=SyncClientOptions(httpx_client=http))

        yield make


class TestSupabasePy:
    """The Python client, one journey per method."""

    def test_sign_up_sign_in_and_row_level_security(self, stack: Stack, app: MakeClient) -> None:
        password = uuid.uuid4().hex
        apps = []
        for name in ("ann", "ben"):
            client = app(stack.info["publishable_key"])
            email = f"{name}-{uuid.uuid4().hex[:8]}@example.com"
            client.auth.sign_up({"email": email, "password": password})
            client.auth.sign_in_with_password({"email": email, "password": password})
            apps.append(client)
        ann, ben = apps
        note = ann.table("notes").insert({"body": "mine"}).execute().data[0]
        assert isinstance(note, dict)
        assert ben.table("notes").select("*").eq("id", note["id"]).execute().data == []
        assert ann.table("notes").select("body").eq("id", note["id"]).execute().data == [
            {"body": "mine"}
        ]
        with pytest.raises(PostgrestAPIError) as refused:
            ben.table("notes").insert({"body": "x", "owner": note["owner"]}).execute()
        assert refused.value.code == "42501"

    def test_claims_refresh_and_sign_out(self, stack: Stack, app: MakeClient) -> None:
        client = app(stack.info["publishable_key"])
        email = f"cat-{uuid.uuid4().hex[:8]}@example.com"
        session = client.auth.sign_up({"email": email, "password": uuid.uuid4().hex}).session
        assert session
        claims = client.auth.get_claims()
        assert claims
        assert claims["headers"]["alg"] == "ES256"
        assert claims["claims"]["role"] == "authenticated"
        fresh = client.auth.refresh_session().session
        assert fresh
        assert fresh.refresh_token != session.refresh_token
        client.auth.sign_out({"scope": "global"})
        with pytest.raises(AuthApiError) as refused:
            client.auth.refresh_session(fresh.refresh_token)
        assert str(refused.value.code) == "refresh_token_not_found"

    def test_admin(self, stack: Stack, app: MakeClient) -> None:
        admin = app(stack.info["secret_key"]).auth.admin
        email = f"dan-{uuid.uuid4().hex[:8]}@example.com"
        made = admin.create_user(
            {"email": email, "password": uuid.uuid4().hex, "email_confirm": True}
        )
        assert any(user.id == made.user.id for user in admin.list_users(page=1, per_page=1000))
        admin.delete_user(made.user.id)
        with pytest.raises(AuthApiError) as refused:
            admin.get_user_by_id(made.user.id)
        assert refused.value.code == "user_not_found"


def test_the_token_verifies_with_nothing_but_the_jwks(stack: Stack) -> None:
    """A third party needs the JWKS and a stock library (here PyJWT), nothing else."""
    session = stack.sign_up(f"eli-{uuid.uuid4().hex[:8]}@example.com", uuid.uuid4().hex)
    document = httpx.get(stack.info["jwks_url"])
    assert document.headers["cache-control"] == "public, max-age=600"
    assert (
        httpx.get(
            stack.info["jwks_url"], headers={"if-none-match": document.headers["etag"]}
        ).status_code
        == 304
    )
    keys = {key["kid"]: key for key in document.json()["keys"]}
    assert len(keys) >= 2, "the key in use and a standby are published"
    for key in keys.values():
        assert key["kty"] != "oct"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
    token = session["access_token"]
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(
        token,
        jwt.PyJWK(keys[header["kid"]]).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=f"{stack.url}/auth/v1",
    )
    assert claims["sub"] == session["user"]["id"]


def test_openapi_root_is_for_the_secret_key_only(stack: Stack) -> None:
    secret = {"apikey": stack.info["secret_key"]}
    assert httpx.get(f"{stack.url}/rest/v1/", headers=stack.publishable).status_code in (401, 403)
    answer = httpx.get(f"{stack.url}/rest/v1/", headers=secret)
    assert answer.status_code == 200
    assert "/notes" in answer.json()["paths"]


def test_api_keys_come_and_go_while_connections_live(stack: Stack) -> None:
    created = stack.json("apikeys", "create", "--name", "visitor", "--kind", "secret")
    key = created["key"]

    async def scenario() -> None:
        async with httpx.AsyncClient(base_url=stack.url, headers={"apikey": key}) as http:
            await until(http, 200)
            done = await asyncio.to_thread(
                stack.cli, "apikeys", "revoke", "visitor", "--confirm", "visitor"
            )
            assert done.returncode == 0, done.stderr
            await until(http, 401)

    async def until(http: httpx.AsyncClient, status: int) -> None:
        deadline = asyncio.get_running_loop().time() + 1.0
        while (await http.get("/rest/v1/notes?limit=1")).status_code != status:
            assert asyncio.get_running_loop().time() < deadline, f"no {status} within a second"
            await asyncio.sleep(0.02)

    asyncio.run(scenario())


def test_check_proves_the_deployment(stack: Stack) -> None:
    done = stack.cli("check", stack.url, "--table", "notes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_second_up_explains_itself(stack: Stack) -> None:
    from tests.support.stack import keyturn

    done = keyturn("up", "--detach", "--data-dir", str(stack.data_dir))
    assert done.returncode == 3
    assert str(stack.info["pid"]) in done.stderr
    assert "keyturn down" in done.stderr


def test_what_was_made_survives_down_and_up(tmp_path: Path) -> None:
    with running(tmp_path / "data") as first:
        session = first.sign_up("fay@example.com", "correct horse battery")
        kid = first.keys_in_use()
        first.down()
        first.up()
        assert first.keys_in_use() == kid
        with first.client() as http:
            user = http.get(
                "/auth/v1/user", headers={"authorization": f"Bearer {session['access_token']}"}
            )
            assert user.status_code == 200, user.text
            again = http.post(
                "/auth/v1/token?grant_type=refresh_token",
                json={"refresh_token": session["refresh_token"]},
            )
            assert again.status_code == 200, again.text

"""The Kong file: several credentials per consumer, and expressions that know all of them.

No Kong runs here. The expressions are evaluated by the meaning that ``and``/``or`` have in Lua.
"""

from __future__ import annotations

import subprocess
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tests.render.conftest import at
from tests.render.worlds import credentials, meaning, read
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy, opaque

from keyturn.deploy.dotenv import parse
from keyturn.deploy.inventory import Kind
from keyturn.migrate.render_kong import kong_file
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import Credential, CredentialKind

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILE = "volumes/api/kong.yml"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """One with Kong that accepts one more key of each kind."""
    made = healthy(tmp_path / "d", "2026-kong")
    made.set("SUPABASE_PUBLISHABLE_KEY_PREVIOUS", opaque("sb_publishable_"))
    return made.set("SUPABASE_SECRET_KEY_PREVIOUS", opaque("sb_secret_"))


def rendered(run: Run, deployment: Deployment) -> str:
    """Return the file."""
    made = run("render", "kong", str(deployment.folder), "--private")
    assert made.code == 0, made.err
    return made.out


def test_the_rendered_file_means_what_the_official_one_means(
    run: Run, deployment: Deployment
) -> None:
    before = read(deployment.folder)
    held = credentials(before)
    expected = meaning(before, held)
    deployment.write(FILE, rendered(run, deployment))
    assert meaning(read(deployment.folder), held) == expected


def test_several_keys_mean_the_same_for_every_service(run: Run, deployment: Deployment) -> None:
    deployment.write(FILE, rendered(run, deployment))
    there = read(deployment.folder)
    keys = credentials(there)
    for kind, name in ((CredentialKind.PUBLISHABLE, "SUPABASE_PUBLISHABLE_KEY_PREVIOUS"),
                       (CredentialKind.SECRET, "SUPABASE_SECRET_KEY_PREVIOUS")):  # fmt: skip
        former = Credential(kind, deployment.get(name), None)
        present, old = (meaning(there, {kind: one}) for one in (keys[kind], former))
        for cell, answer in present.items():
            assert cell[2] == "directly" or old[cell] == answer, cell
    unknown = Credential(None, opaque("sb_secret_"), None)
    assert follow(there, unknown, Kind.REST, now=NOW).status == 401


def test_a_key_that_is_taken_away_is_refused(run: Run, deployment: Deployment) -> None:
    old = deployment.get("SUPABASE_SECRET_KEY_PREVIOUS")
    deployment.unset("SUPABASE_SECRET_KEY_PREVIOUS").write(FILE, rendered(run, deployment))
    verdict = follow(read(deployment.folder), Credential(None, old, None), Kind.REST, now=NOW)
    assert verdict.status == 401


def test_a_rendered_file_is_rendered_again_as_the_official_one_would_be(
    run: Run, deployment: Deployment
) -> None:
    official = deployment.text(FILE)
    first = rendered(run, deployment)
    deployment.write(FILE, first)
    assert rendered(run, deployment) == first
    deployment.set("SUPABASE_SECRET_KEY_NEXT", opaque("sb_secret_"))
    again = rendered(run, deployment)
    deployment.write(FILE, official)
    assert again == rendered(run, deployment) != first


def test_the_entrypoint_leaves_the_rendered_file_alone(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    """The official awk replaces ``$NAME`` only, and sed deletes empty credentials."""
    source = tmp_path / "temp.yml"
    source.write_text(rendered(run, deployment))
    program = (
        r'{ r = ""; s = $0; while (match(s, /\$[A-Za-z_][A-Za-z_0-9]*/)) '
        r"{ n = substr(s, RSTART + 1, RLENGTH - 1); r = r substr(s, 1, RSTART - 1) "
        r'(n in ENVIRON ? ENVIRON[n] : "$" n); s = substr(s, RSTART + RLENGTH) } print r s }'
    )
    done = subprocess.run(
        ["awk", program, str(source)], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "SUPABASE_SECRET_KEY": "x", "nil": "y", "headers": "z"},
    )  # fmt: skip
    assert done.stdout == source.read_text()


def test_the_expressions_give_each_key_its_token(run: Run, deployment: Deployment) -> None:
    auth, functions, socket = (
        expression(rendered(run, deployment), header)
        for header in ("Authorization", "sb-api-key", "x-api-key")
    )
    keys = deployment.keys
    token = {
        keys.publishable: keys.anon_asymmetric,
        deployment.get("SUPABASE_PUBLISHABLE_KEY_PREVIOUS"): keys.anon_asymmetric,
        keys.secret: keys.service_role_asymmetric,
        deployment.get("SUPABASE_SECRET_KEY_PREVIOUS"): keys.service_role_asymmetric,
    }
    for apikey, bearer in product((*token, keys.anon, "unknown", None), ("Bearer ey.a.b", None,
                                  "Bearer sb_secret_other")):  # fmt: skip
        kept = bearer if bearer == "Bearer ey.a.b" else None
        known = token.get(apikey)
        expected = kept or (f"Bearer {known}" if known else apikey)
        assert evaluated(auth, apikey, bearer) == expected, (apikey, bearer)
        assert evaluated(socket, apikey, bearer) == (known or apikey)
        assert evaluated(functions, apikey, bearer) == known
    assert evaluated(functions, None, f"Bearer {keys.secret}") == keys.service_role_asymmetric


def expression(content: str, header: str) -> str:
    """Return what stands in ``$(…)`` for a header."""
    for service in yaml.safe_load(content)["services"]:
        for plugin in service["plugins"]:
            for line in plugin.get("config", {}).get("add", {}).get("headers", ()):
                name, _, value = line.partition(":")
                if name == header:
                    return str(value).strip().removeprefix("$(").removesuffix(")")
    raise AssertionError(header)


class LuaText(str):
    """A text that is true also when it is empty, with Lua's ``sub``."""

    def __bool__(self) -> bool:
        return True

    def sub(self, first: int, last: int) -> str:
        """Count from 1, both ends included."""
        return self[first - 1 : last]


def evaluated(lua: str, apikey: str | None, bearer: str | None) -> object:
    """Evaluate the expression for one request."""
    python = lua.replace("~=", "!=").replace("authorization:sub", "authorization.sub")
    held = None if apikey is None else LuaText(apikey)
    headers = SimpleNamespace(
        apikey=held, authorization=None if bearer is None else LuaText(bearer)
    )
    query = SimpleNamespace(apikey=held)
    names = {"headers": headers, "query_params": query, "nil": None}
    return eval(python, {"__builtins__": {}}, names) or None


def test_credentials_that_the_user_wrote_stay(run: Run, deployment: Deployment) -> None:
    """Before 2024 the official file held the keys themselves."""
    own = deployment.keys.anon_asymmetric
    deployment.replace(
        FILE, "      - key: $SUPABASE_ANON_KEY\n", f"      - key: {own}\n      - key: $MOBILE_KEY\n"
    )
    for _ in range(2):
        deployment.write(FILE, rendered(run, deployment))
        consumers = {
            one["username"]: one for one in yaml.safe_load(deployment.text(FILE))["consumers"]
        }
        keys = [one["key"] for one in consumers["anon"]["keyauth_credentials"]]
        assert keys[:2] == [own, "$MOBILE_KEY"]
        assert len(keys) == 5


def test_a_file_with_a_token_of_a_key_that_ends_is_noticed(
    run: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rotations without rendering the gateway's file again: the second one is refused."""
    deployment.write(FILE, rendered(run, deployment))
    days = [f"{NOW + timedelta(days=n):%Y-%m-%dT%H:%MZ}" for n in range(3)]
    turn = ("render", "env", str(deployment.folder), "--rotate", "--all", "--json")
    codes = []
    for day in (1, 2):
        at(monkeypatch, NOW + timedelta(days=day))
        out = deployment.folder / "rotated.env"
        made = run(*turn, "--deployed-at", days[day - 1], "--output", str(out))
        codes.append(made.json.get("code"))
        if out.exists():
            for one in parse("rotated.env", out.read_text(), lambda _: None):
                deployment.set(one.name, one.value)
            out.unlink()
    assert codes == [None, "foreseen"]
    deployment.write(FILE, rendered(run, deployment))
    assert run(*turn, "--deployed-at", days[1]).code == 0


def test_a_gateway_without_keys_is_refused(run: Run, deployment: Deployment) -> None:
    for name in ("ANON_KEY", "SERVICE_ROLE_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY",
                 "SUPABASE_PUBLISHABLE_KEY_PREVIOUS", "SUPABASE_SECRET_KEY_PREVIOUS"):  # fmt: skip
        deployment.set(name, "")
    assert run("render", "kong", str(deployment.folder), "--private").code == 5


def test_an_older_file_is_refused_with_what_to_do(run: Run, tmp_path: Path) -> None:
    old = healthy(tmp_path / "old", "2026-kong")
    old.rewrite(FILE, lambda text: text.replace("$LUA_AUTH_EXPR", "x"))
    refused = run("render", "kong", str(old.folder), "--private", "--json")
    assert (refused.code, refused.json["code"]) == (5, "cannot_render")
    envoy = healthy(tmp_path / "envoy", "2026-envoy")
    assert run("render", "kong", str(envoy.folder), "--private").code == 5


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real deployments is not here")
def test_the_official_file_keeps_every_other_byte(deployment: Deployment) -> None:
    official = (CORPUS / "official-2026-07" / FILE).read_text()
    deployment.write(FILE, official)
    content = kong_file(read(deployment.folder)).text
    changed = {line for line in content.splitlines() if line not in official.splitlines()}
    kept = [line for line in official.splitlines() if "LUA_" not in line and "- key:" not in line]
    assert all("- key: " in line or "apikey" in line for line in changed)
    rest = [one for one in content.splitlines() if one not in changed and "- key:" not in one]
    assert rest == kept

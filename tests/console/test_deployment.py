"""The console of a deployment folder: what pages and API show, do, refuse and never tell."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.deployment_scene import API, BASE, Scene
from tests.support.deployments import Deployment

from keyturn.console.api.operations import PREFIX
from keyturn.console.deployment.api import OPERATIONS
from keyturn.console.deployment.app import ACTIONS, LIVE, PAGES
from keyturn.console.sessions import Role

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def without_jwks(deployment: Deployment) -> None:
    """Break it: Storage is not told the public keys."""
    deployment.comment_setting("storage", "JWT_JWKS")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A deployment of today that knows HS256 only."""
    return Scene(tmp_path / "supabase")


class Signed:
    """A client that is signed in."""

    def __init__(self, scene: Scene, http: httpx.AsyncClient, csrf: str) -> None:
        self.scene, self.http, self.csrf = scene, http, csrf

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Send a form of one of our pages."""
        return await self.http.post(path, data={"csrf": self.csrf, **form})

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call the API."""
        return await self.http.request(
            method, API + path, json=body, headers={"x-csrf-token": self.csrf}
        )


async def sign_in(scene: Scene, role: Role = "full") -> Signed:
    """Use a fresh link."""
    http = scene.client()
    done = await http.post("/sign-in", data={"link": scene.link(role)})
    assert done.status_code == 303, done.text
    found = _CSRF.search((await http.get("/")).text)
    assert found is not None
    return Signed(scene, http, found[1])


async def carry_out(signed: Signed, verb: str = "migrate", **wish: Any) -> dict[str, Any]:
    """Make a plan and carry it out by the API; returns the job when it has ended."""
    made = await signed.call("POST", "/deployment/plans", {"verb": verb, **wish})
    assert made.status_code == 201, made.text
    begun = await signed.call("POST", f"/deployment/plans/{made.json()['id']}/apply", {})
    assert begun.status_code == 202, begun.text
    await signed.scene.settled()
    job: dict[str, Any] = (await signed.call("GET", "/deployment/job")).json()["job"]
    return job


async def test_nothing_is_shown_without_a_session(scene: Scene) -> None:
    async with scene.client() as http:
        for path in [path for path, _ in (*PAGES, *LIVE)]:
            answer = await http.get(re.sub(r"\{\w+\}", "x", path))
            assert answer.status_code in (303, 401), path
        for path, _ in ACTIONS:
            assert (await http.post(re.sub(r"\{\w+\}", "x", path))).status_code == 401, path
        for row in OPERATIONS:
            path = re.sub(r"\{\w+\}", "self-hosted", PREFIX + row.path)
            assert (await http.request(row.method, path)).status_code == 401, path
        key = {"apikey": scene.deployment.keys.secret}
        refused = await http.get(f"{API}/deployment", headers=key)
        assert refused.status_code == 401, "the deployment's own keys open nothing here"


async def test_looking_changes_nothing_in_the_deployment(scene: Scene) -> None:
    ada = await sign_in(scene)
    folder = ada.scene.deployment.folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in ("/", "/migrate", "/doctor", "/doctor/follow", "/migrate/rehearsal"):
        assert (await ada.get(path)).status_code == 200, path
    made = await ada.post("/migrate/plan")
    assert (await ada.get(made.headers["location"])).status_code == 200
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path for path in after if path not in before} <= {
        folder / ".keyturn" / "console.jsonl", folder / ".keyturn" / ".gitignore",
    }  # fmt: skip
    log = folder / ".keyturn" / "console.jsonl"
    assert {path: after[path] for path in before if path != log} == {
        path: content for path, content in before.items() if path != log
    }


async def test_no_page_and_no_answer_holds_a_secret(scene: Scene) -> None:
    ada = await sign_in(scene)
    keys = ada.scene.deployment.keys
    plan = (await ada.post("/migrate/plan")).headers["location"]
    seen = [(await ada.get(path)).text for path in ("/", "/migrate", plan, "/doctor")]
    await carry_out(ada)
    seen.append((await ada.get("/migrate/run")).text)
    paths = ("/deployment", "/deployment/changes", "/deployment/job", "/deployment/doctor")
    seen += [(await ada.call("GET", path)).text for path in paths]
    seen.append((ada.scene.deployment.folder / ".keyturn" / "console.jsonl").read_text())
    written = (ada.scene.deployment.folder / ".env").read_text()
    fresh = re.findall(r'"d":"([\w-]{43})"', written)
    assert fresh
    for secret in (keys.jwt_secret, keys.anon, keys.service_role, keys.secret, *fresh):
        assert all(secret not in text for text in seen)


async def test_what_is_carried_out_is_the_plan_that_was_shown(scene: Scene) -> None:
    ada = await sign_in(scene)
    made = (await ada.call("POST", "/deployment/plans", {"verb": "migrate"})).json()
    await ada.call("POST", f"/deployment/plans/{made['id']}/apply", {})
    await ada.scene.settled()
    (change,) = (await ada.call("GET", "/deployment/changes")).json()["changes"]
    assert change["plan"] == made["plan"]
    assert change["status"] == "finished"
    assert change["proven"]["users_signed_out"] == 0
    again = await ada.call("POST", f"/deployment/plans/{made['id']}/apply", {})
    assert (again.status_code, again.json()["code"]) == (409, "plan_gone")


async def test_a_file_that_was_edited_after_the_plan_stops_it(scene: Scene) -> None:
    ada = await sign_in(scene)
    made = (await ada.call("POST", "/deployment/plans", {"verb": "migrate"})).json()
    env = ada.scene.deployment.folder / ".env"
    env.write_text(env.read_text() + "MINE=1\n")
    await ada.call("POST", f"/deployment/plans/{made['id']}/apply", {})
    await ada.scene.settled()
    job = (await ada.call("GET", "/deployment/job")).json()["job"]
    assert job["problem"]["code"] == "edited_meanwhile"
    assert "MINE=1" in env.read_text()
    assert ".env" in (await ada.get("/migrate/run")).text


async def test_a_wait_is_refused_with_the_time_until_it_is_over(scene: Scene) -> None:
    ada = await sign_in(scene)
    job = await carry_out(ada)
    assert job["problem"] is None
    refused = await ada.call("POST", "/deployment/plans", {"verb": "migrate"})
    assert (refused.status_code, refused.json()["code"]) == (409, "wait_not_over")
    until = refused.json()["until"]
    left = until - ada.scene.clock().timestamp()
    assert 1190 <= left <= 1200
    page = (await ada.get("/migrate")).text
    assert "Not yet: 1" in page
    assert "Look at the plan</button>" not in page
    shown = (await ada.call("GET", "/deployment")).json()
    assert shown["next"]["refused"]["until"] == until
    assert [one["reached"] for one in shown["phases"]] == [True, False, False]

    ada.scene.containers.now += timedelta(minutes=21)
    assert "Look at the plan</button>" in (await ada.get("/migrate")).text


async def test_a_step_that_fails_is_taken_back_and_the_page_says_why(scene: Scene) -> None:
    ada = await sign_in(scene)
    env = (ada.scene.deployment.folder / ".env").read_bytes()
    ada.scene.containers.failing.add("rest")
    job = await carry_out(ada)
    assert job["problem"]["code"] == "step_failed"
    page = (await ada.get("/migrate/run")).text
    assert "rest is unhealthy." in page
    assert (ada.scene.deployment.folder / ".env").read_bytes() == env


async def test_undo_and_rollback_take_back_byte_for_byte(scene: Scene) -> None:
    ada = await sign_in(scene)
    folder = ada.scene.deployment.folder
    before = {name: (folder / name).read_bytes() for name in (".env", "docker-compose.yml")}
    await carry_out(ada)
    assert (folder / ".env").read_bytes() != before[".env"]
    asked = (await ada.get("/migrate/rollback")).text
    assert "created anew" in asked
    assert (await ada.post("/migrate/undo")).status_code == 303
    await ada.scene.settled()
    assert (await ada.call("GET", "/deployment/changes")).json()["changes"][0]["status"] == (
        "stopped"
    )
    assert (await ada.call("POST", "/deployment/changes/newest/rollback", {})).status_code == 202
    await ada.scene.settled()
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert not (folder / "docker-compose.override.yml").exists()
    assert (await ada.call("GET", "/deployment/changes")).json()["changes"][0]["status"] == (
        "rolled_back"
    )


async def test_who_may_only_look_changes_nothing(scene: Scene) -> None:
    eve = await sign_in(scene, "read_only")
    for path, _ in ACTIONS:
        answer = await eve.post(re.sub(r"\{\w+\}", "x", path))
        assert answer.status_code == 403, path
    for row in OPERATIONS:
        if row.method == "GET":
            continue
        path = re.sub(r"\{\w+\}", "x", row.path)
        assert (await eve.call(row.method, path, {})).status_code == 403, path
    assert 'name="csrf"' not in (await eve.get("/migrate")).text.split("<main")[1]
    followed = await eve.post("/doctor/follow", token=scene.deployment.keys.anon)
    assert followed.status_code == 200


async def test_a_forged_form_is_refused(scene: Scene) -> None:
    ada = await sign_in(scene)
    for wrong in ({"csrf": "x"}, {"other": "x"}):
        assert (await ada.http.post("/migrate/plan", data=wrong)).status_code == 403
    elsewhere = await ada.http.post(
        "/migrate/plan", data={"csrf": ada.csrf}, headers={"origin": "http://evil.example"}
    )
    assert elsewhere.status_code == 403
    call = await ada.http.post(f"{API}/deployment/rehearsal", json={})
    assert call.status_code == 403
    assert (await ada.http.get("/", headers={"host": "evil.example"})).status_code == 403


async def test_only_one_thing_goes_on_at_a_time(scene: Scene) -> None:
    ada = await sign_in(scene)
    await carry_out(ada)
    ada.scene.containers.now += timedelta(minutes=21)
    made = (await ada.call("POST", "/deployment/plans", {"verb": "migrate"})).json()
    path = f"/deployment/plans/{made['id']}/apply"
    first = await ada.call("POST", path, {})
    second = await ada.call("POST", path, {})
    assert first.status_code == 202
    assert (second.status_code, second.json()["code"]) in ((409, "busy"), (409, "plan_gone"))
    await ada.scene.settled()


async def test_a_revocation_wants_the_key_typed(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True)
    ada = await sign_in(scene)
    kid = scene.deployment.keys.ec.kid
    made = await ada.call("POST", "/deployment/plans", {"verb": "revoke", "kid": kid})
    plan = f"/deployment/plans/{made.json()['id']}"
    assert made.json()["confirm"] == kid
    refused = await ada.call("POST", f"{plan}/apply", {"confirm": kid[:-1]})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_confirmed")
    assert (await ada.call("GET", "/deployment/changes")).json()["changes"] == []
    assert kid in (await ada.get(f"/migrate/plans/{made.json()['id']}")).text
    assert (await ada.call("POST", f"{plan}/apply", {"confirm": kid})).status_code == 202
    await scene.settled()
    assert (await ada.call("GET", "/deployment/job")).json()["job"]["problem"] is None
    assert kid not in json.dumps([key.kid for key in trusted(scene)]), "nothing trusts it any more"


def trusted(scene: Scene) -> list[Any]:
    from keyturn.migrate.deployment_keys import read_keys

    found = read_keys(scene.containers.running)
    return [*((found.in_use,) if found.in_use else ()), *found.standby, *found.previously_used]


async def test_doctor_names_place_and_fix_and_each_cell_says_why(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(scene)
    page = (await ada.get("/doctor")).text
    assert re.search(r"docker-compose\.yml:\d+", page)
    assert "JWT_JWKS" in page
    cells = re.findall(r'href="(/doctor/cells/[^"]+)"', page)
    assert len(cells) >= 30
    for cell in cells:
        assert (await ada.get(cell)).status_code == 200, cell
    why = (await ada.get("/doctor/cells/storage/user-ES256")).text
    assert "refuses</span>" in why
    assert 'href="/doctor#KT' in why, "from the cell to what mends it"
    assert (await ada.get("/doctor/cells/storage/nothing")).status_code == 404
    told = (await ada.call("GET", "/deployment/doctor/cells/storage/user-ES256")).json()
    assert told["judgement"] == "bad"


async def test_a_pasted_token_is_followed_and_forgotten(scene: Scene) -> None:
    ada = await sign_in(scene)
    token = ada.scene.deployment.keys.anon
    page = await ada.post("/doctor/follow", token=f"Authorization: Bearer {token}")
    assert page.status_code == 200
    assert "HS256" in page.text
    assert token not in page.text
    told = await ada.call("POST", "/deployment/doctor/follow", {"token": token})
    assert set(told.json()["services"]) >= {"auth", "rest", "storage"}
    nonsense = await ada.post("/doctor/follow", token="what is this")
    assert nonsense.status_code == 400
    assert "what is this" not in nonsense.text
    for path in ada.scene.deployment.folder.joinpath(".keyturn").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


async def test_the_running_services_are_asked_on_demand(scene: Scene) -> None:
    ada = await sign_in(scene)
    assert "As the files say." in (await ada.get("/doctor")).text
    assert (await ada.post("/doctor/probe")).status_code == 303
    await ada.scene.settled()
    assert "As the services answered." in (await ada.get("/doctor")).text
    await carry_out(ada)
    assert "As the files say." in (await ada.get("/doctor")).text, "the answer is of before"


async def test_it_is_written_down_who_did_what(scene: Scene) -> None:
    ada = await sign_in(scene)
    await carry_out(ada)
    lines = (await ada.call("GET", "/deployment/audit-log")).json()["lines"]
    assert [(one["actor"], one["verb"]) for one in lines] == [
        ("ada (console)", "apply"), ("ada (console)", "sign_in"),
    ]  # fmt: skip
    log = ada.scene.deployment.folder / ".keyturn" / "console.jsonl"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_the_document_names_every_operation_and_schema(scene: Scene) -> None:
    ada = await sign_in(scene)
    found = (await ada.http.get("/admin/api/openapi.json")).json()
    known = {(m.upper(), p) for p, verbs in found["paths"].items() for m in verbs}
    assert known == {(row.method, PREFIX + row.path) for row in OPERATIONS}
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(found)))
    assert named <= set(found["components"]["schemas"])


async def test_bad_input_is_an_error_of_the_caller(scene: Scene) -> None:
    ada = await sign_in(scene)
    for body in (
        {}, {"verb": "fly"}, {"verb": "migrate", "alg": "none"}, {"verb": "revoke"},
        {"verb": "migrate", "jwks_cache": "soon"}, {"verb": "migrate", "other": 1},
    ):  # fmt: skip
        answer = await ada.call("POST", "/deployment/plans", body)
        assert answer.status_code == 400, body
    for path in ("/migrate/plans/nothing", "/nothing", "/doctor/cells/x/y"):
        assert (await ada.get(path)).status_code in (404, 409), path
    assert (await ada.post("/migrate/plan", jwks_cache="soon")).status_code == 400
    assert (await ada.post("/migrate/plan", alg="none")).status_code == 400
    unknown = await ada.post("/migrate/rotation", verb="revoke", kid="nobody")
    assert unknown.status_code in (400, 404, 409)
    assert (await ada.call("POST", "/deployment/changes/newest/undo", {})).status_code == 409
    assert (await ada.call("DELETE", "/deployment/job")).status_code == 409


async def test_a_folder_that_cannot_be_read_is_said(scene: Scene) -> None:
    ada = await sign_in(scene)
    (ada.scene.deployment.folder / "docker-compose.yml").write_text("services: [\n")
    for path in ("/", "/migrate", "/doctor"):
        answer = await ada.get(path)
        assert answer.status_code == 422, path
        assert "docker-compose.yml" in answer.text


def test_the_pages_use_nothing_that_the_api_lacks() -> None:
    """Every action of a page has an operation that does the same through the same function."""
    import inspect

    from keyturn.console.deployment import api, page_doctor, page_migrate

    called = re.compile(r"acts\.([a-z_]+)\(")
    pages = called.findall(inspect.getsource(page_migrate) + inspect.getsource(page_doctor))
    assert set(pages) <= set(called.findall(inspect.getsource(api)))
    assert BASE.startswith("http://127.0.0.1")

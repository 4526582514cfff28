"""Ways through the console of a deployment: step by step, doctor's fixes, and as a change began."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.console.test_deployment import Signed, carry_out, sign_in, without_jwks
from tests.support.deployment_scene import Scene
from tests.support.deployments import Deployment

from keyturn.migrate.run import Status


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A deployment of today that knows HS256 only."""
    return Scene(tmp_path / "supabase")


async def planned(ada: Signed, **wish: Any) -> dict[str, Any]:
    """Make a plan by the API."""
    made = await ada.call("POST", "/deployment/plans", wish)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def bytes_of(scene: Scene) -> dict[str, bytes]:
    """What stands in the files of the deployment."""
    folder = scene.deployment.folder
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".keyturn" not in path.parts
    }


async def test_a_phase_goes_step_by_step_on_the_pages(scene: Scene) -> None:
    ada = await sign_in(scene)
    shown = (await ada.post("/migrate/plan")).headers["location"]
    assert "Only the first of its 3 steps" in (await ada.get(shown)).text
    assert (await ada.post(shown, one_step="yes")).headers["location"] == "/migrate/run"
    await scene.settled()
    for number in (2, 3):
        page = (await ada.get("/migrate/run")).text
        assert f"Step {number - 1} of 3 is done." in page
        assert 'aria-current="step"' in page
        (run,) = scene.bench.runs()
        assert run.status is Status.RUNNING
        assert run.next_command is not None
        assert run.next_command.step == number - 1, "the next step is not begun"
        title = run.plan.steps[number - 1]
        assert f"Next: “{title}”" in page
        assert title in (await ada.get("/migrate")).text
        assert (await ada.post("/migrate/resume", one_step="yes")).status_code == 303
        await scene.settled()
    assert scene.bench.runs()[-1].status is Status.FINISHED
    page = (await ada.get("/migrate/run")).text
    assert "Users signed out: 0" in page
    assert 'aria-current="step"' not in page.split("<main")[1]


async def test_after_one_step_the_rest_goes_at_once_or_back(scene: Scene) -> None:
    ada = await sign_in(scene)
    before = bytes_of(scene)
    for way in ("rollback", "resume"):
        plan = await planned(ada, verb="migrate")
        path = f"/deployment/plans/{plan['id']}/apply"
        assert (await ada.call("POST", path, {"one_step": True})).status_code == 202
        await scene.settled()
        job = (await ada.call("GET", "/deployment/job")).json()["job"]
        assert (job["paused"], job["problem"], job["result"]) == (True, None, None)
        change = (await ada.call("GET", "/deployment")).json()["change"]
        assert change["next_step"] == {
            "number": 2, "of": 3, "title": plan["plan"]["steps"][1], "begun": False,
        }  # fmt: skip
        said = (await ada.call("GET", "/deployment")).json()
        assert "stands after step 1 of 3; everything works meanwhile" in said["statement"]
        assert said["good"]
        refused = await ada.call("POST", "/deployment/plans", {"verb": "migrate"})
        assert (refused.status_code, refused.json()["code"]) == (409, "run_under_way")
        assert (await ada.call("POST", f"/deployment/changes/newest/{way}", {})).status_code == 202
        await scene.settled()
        done = (await ada.call("GET", "/deployment")).json()["change"]
        assert (done["status"], done["next_step"]) == (
            "finished" if way == "resume" else "rolled_back", None,
        )  # fmt: skip
        if way == "rollback":
            assert bytes_of(scene) == before


async def test_a_step_that_waits_says_so_and_is_not_skipped(tmp_path: Path) -> None:
    """A standby that no journal saw published is waited for, in a step of its own."""
    scene = Scene(tmp_path / "supabase", asymmetric=True)
    ada = await sign_in(scene)
    plan = await planned(ada, verb="rotate")
    path = f"/deployment/plans/{plan['id']}/apply"
    assert (await ada.call("POST", path, {"one_step": True})).status_code == 202
    await scene.settled()
    change = (await ada.call("GET", "/deployment")).json()["change"]
    assert change["waits_until"] is not None
    scene.containers.now += timedelta(minutes=21)
    for _ in plan["plan"]["steps"]:
        await ada.call("POST", "/deployment/changes/newest/resume", {"one_step": True})
        await scene.settled()
    assert (await ada.call("GET", "/deployment")).json()["change"]["status"] == "finished"


async def test_doctor_mends_what_is_safe_by_plan_journal_and_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(scene)
    before = bytes_of(scene)
    page = (await ada.get("/doctor")).text
    (finding,) = set(re.findall(r'name="finding" value="(KT\d+/storage)"', page))
    shown = (await ada.post("/doctor/fix", finding=finding)).headers["location"]
    plan = (await ada.get(shown)).text
    assert "+" in plan
    assert "JWT_JWKS" in plan
    assert bytes_of(scene) == before, "looking changes nothing"
    assert (await ada.post(shown)).status_code == 303
    await scene.settled()
    assert f'value="{finding}"' not in (await ada.get("/doctor")).text
    assert "Doctor" in (await ada.get("/migrate/run")).text
    assert (await ada.post("/migrate/rollback")).status_code == 303
    await scene.settled()
    assert bytes_of(scene) == before


async def test_only_safe_changes_of_the_findings_named_are_planned(tmp_path: Path) -> None:
    def broken(made: Deployment) -> None:
        without_jwks(made)
        made.comment_setting("realtime", "API_JWT_JWKS")
        made.comment_setting("functions", "SUPABASE_JWKS")

    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=broken)
    ada = await sign_in(scene)
    report = (await ada.call("GET", "/deployment/doctor")).json()
    safe = {one["id"] for one in report["findings"] if one["changes"] and one["safe"]}
    assert len(safe) == 2
    lines = {}
    for findings in ([], sorted(safe), ["KT005"], ["KT005/storage"]):
        made = await planned(ada, verb="fix", findings=findings)
        lines[tuple(findings)] = sum("JWKS" in line for line in made["diff"].splitlines())
    assert list(lines.values()) == [3, 3, 2, 1]
    nothing = await ada.call("POST", "/deployment/plans", {"verb": "fix", "findings": ["KT000"]})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_fix")
    for wrong in ("KT001", [1]):
        body = {"verb": "fix", "findings": wrong}
        assert (await ada.call("POST", "/deployment/plans", body)).status_code == 400
    assert "Look at all safe fixes" in (await ada.get("/doctor")).text
    eve = await sign_in(scene, "read_only")
    looked = (await eve.get("/doctor")).text
    assert "Look at this fix" not in looked
    assert (await eve.post("/doctor/fix")).status_code == 403


async def test_no_fix_is_offered_while_a_change_is_under_way(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(scene)
    plan = await planned(ada, verb="publish")
    await ada.call("POST", f"/deployment/plans/{plan['id']}/apply", {"one_step": True})
    await scene.settled()
    page = (await ada.get("/doctor")).text
    assert "Look at this fix" not in page
    refused = await ada.post("/doctor/fix")
    assert refused.status_code == 409
    assert "is not finished" in refused.text


async def test_services_that_disagree_lead_to_doctor(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(scene)
    page = (await ada.get("/migrate")).text
    notice = page[page.index("The services disagree") :]
    assert "storage" in notice[:400]
    assert 'href="/doctor"' in notice[:600]


async def test_how_a_change_began_is_kept_and_taken_up(tmp_path: Path) -> None:
    """Who goes on by the command line, or by another console, reaches the same services."""
    scene = Scene(tmp_path / "supabase", runner="redeploy {service}")
    ada = await sign_in(scene)
    plan = await planned(ada, verb="migrate")
    await ada.call("POST", f"/deployment/plans/{plan['id']}/apply", {"one_step": True})
    await scene.settled()
    (run,) = scene.bench.runs()
    assert run.chosen["runner"] == ("redeploy {service}",)
    assert "redeploy {service}" in (await ada.get("/migrate/run")).text
    changes = (await ada.call("GET", "/deployment/changes")).json()["changes"]
    assert changes[0]["runner"] == "redeploy {service}"

    plain = Scene.again(scene, runner="auto")
    eve = await sign_in(plain)
    await eve.call("POST", "/deployment/changes/newest/resume", {"one_step": True})
    await plain.settled()
    assert plain.bench.told_by == ["redeploy {service}"], "as it began"
    assert plain.bench.runs()[-1].chosen == run.chosen

    other = Scene.again(scene, runner="ansible {service}")
    bob = await sign_in(other)
    await bob.call("POST", "/deployment/changes/newest/resume", {})
    await other.settled()
    assert other.bench.told_by == ["ansible {service}"], "what is given now outranks"
    assert other.bench.runs()[-1].chosen["runner"] == ("ansible {service}",)


async def test_a_runner_that_asks_at_a_terminal_is_not_taken_up(scene: Scene) -> None:
    ada = await sign_in(scene)
    plan = await planned(ada, verb="migrate")
    await ada.call("POST", f"/deployment/plans/{plan['id']}/apply", {"one_step": True})
    await scene.settled()
    journal = scene.deployment.folder / ".keyturn"
    (lines,) = journal.glob("journal*")
    lines.write_text(lines.read_text().replace("true {service}", "print"))
    plain = Scene.again(scene, runner="auto")
    eve = await sign_in(plain)
    await eve.call("POST", "/deployment/changes/newest/resume", {})
    await plain.settled()
    job = (await eve.call("GET", "/deployment/job")).json()["job"]
    assert "--runner print" in job["problem"]["message"]


async def test_the_api_tells_all_that_the_dialogues_tell(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True)
    ada = await sign_in(scene)
    told = (await ada.call("GET", "/deployment")).json()
    keys = {one["kid"]: one["state"] for one in told["keys"]}
    assert keys[scene.deployment.keys.ec.kid] == "in_use"
    assert (await ada.call("GET", "/deployment/changes/newest/undo")).status_code == 409
    await carry_out(ada, "publish")
    back = (await ada.call("GET", "/deployment/changes/newest/rollback")).json()
    assert ".env" in back["files"]
    assert {"auth", "rest"} <= set(back["services"])
    assert len(back["steps"]) == 2
    one = (await ada.call("GET", "/deployment/changes/newest/undo")).json()
    (step,) = one["steps"]
    assert step.startswith("Auth publishes")
    assert step in (await ada.get("/migrate/undo")).text
    job = (await ada.call("GET", "/deployment/job")).json()["job"]
    assert set(job["took"]) <= {
        one["id"]
        for one in (await ada.call("GET", "/deployment/changes")).json()["changes"][0]["commands"]
    }
    assert json.dumps(told)


async def test_what_ends_with_taking_back_is_said_before(scene: Scene) -> None:
    ada = await sign_in(scene)
    await carry_out(ada)
    scene.containers.now += timedelta(minutes=21)
    await carry_out(ada)
    told = (await ada.call("GET", "/deployment/changes/newest/rollback")).json()
    assert told["notes"] == [], "phase 1 is left, and nothing ends with phase 2"
    await ada.post("/migrate/rollback")
    await scene.settled()
    told = (await ada.call("GET", "/deployment/changes/newest/rollback")).json()
    page = (await ada.get("/migrate/rollback")).text
    assert any("publishable key and the secret key end" in one for one in told["notes"])
    for one in told["notes"]:
        assert one in page


async def test_a_change_that_was_killed_in_a_step_says_so(scene: Scene) -> None:
    ada = await sign_in(scene)
    plan = await planned(ada, verb="migrate")

    async def killed(service: str) -> None:
        raise asyncio.CancelledError

    scene.containers.recreate = killed  # type: ignore[method-assign]
    await ada.call("POST", f"/deployment/plans/{plan['id']}/apply", {})
    await scene.settled()
    told = (await ada.call("GET", "/deployment")).json()
    assert told["change"]["next_step"]["begun"]
    assert not told["good"]
    assert "Step 1 of 3 was interrupted" in (await ada.get("/migrate/run")).text

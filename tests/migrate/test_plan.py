"""From edits to a plan: order, what is left alone, what is said, and JSON out and in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.deployments import JWKS_SETTINGS, NOW, Deployment, healthy

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.edit import Edit, ReplaceFile, SetVariable, UncommentSetting
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.source import Ask
from keyturn.migrate.commands import RecreateService, WaitUntil, Way, WriteFile, describe
from keyturn.migrate.plan import (
    Check,
    Prepared,
    Recreate,
    Reload,
    Say,
    Step,
    Wait,
    build_plan,
)
from keyturn.migrate.plan_json import UnreadablePlan, parse_plan, plan_document, plan_text
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret


@pytest.fixture
def made(tmp_path: Path) -> Deployment:
    return healthy(tmp_path, "2026-kong", asymmetric=False)


def publishing(made: Deployment) -> tuple[Edit, ...]:
    return (
        SetVariable("JWT_KEYS", Secret(made.keys.jwt_keys)),
        SetVariable("JWT_JWKS", Secret(made.keys.jwt_jwks)),
        *(UncommentSetting(service, name) for service, name in JWKS_SETTINGS),
    )


def planned(made: Deployment, *steps: Step, style: Style | None = None) -> Prepared:
    return build_plan(
        FolderSource(made.folder), Ask(), steps, plan_id="p1", title="T", now=NOW, style=style
    )


def words(prepared: Prepared) -> list[str]:
    return [describe(command) for command in prepared.plan.commands]


def test_the_order_within_a_step(made: Deployment) -> None:
    step = Step(
        "Publish",
        edits=(*publishing(made), ReplaceFile("volumes/api/kong.yml", Secret("x: 1\n"))),
        services=(
            Recreate("storage", notice="Uploads pause for a second."),
            Reload("kong", Way.EXEC, ("kong", "reload"), ("volumes/api/kong.yml",)),
            Recreate("meta"),
            Recreate("studio", always=True),
        ),
        before=(Say("Look."),),
        after=(Wait(1200, why="caches"), Check("canary", {"service": "rest"})),
        leave=frozenset({"functions"}),
    )
    prepared = planned(made, step)
    assert words(prepared) == [
        "note: Look.",
        "write .env",
        "write volumes/api/kong.yml",
        "create docker-compose.override.yml",
        # As listed, but for what nothing changed for; then what was forgotten.
        "recreate storage",
        "reload kong (kong reload)",
        "recreate studio",
        "recreate auth",
        "recreate rest",
        "recreate realtime",
        "wait 20 min",
        "prove: canary",
    ]
    recreate = prepared.plan.commands[4]
    assert isinstance(recreate, RecreateService)
    assert recreate.notice == "Uploads pause for a second."
    wait = prepared.plan.commands[-2]
    assert isinstance(wait, WaitUntil)
    assert wait.since == prepared.plan.commands[-3].id


def test_a_file_is_written_from_what_the_step_before_made_of_it(made: Deployment) -> None:
    second = Step("B", edits=(SetVariable("SITE_URL", Secret("https://b.example.com")),))
    prepared = planned(made, Step("A", edits=publishing(made)), second)
    first, again = (one for one in prepared.plan.writes if one.path == ".env")
    assert again.before == first.after
    assert (first.step, again.step) == (0, 1)
    assert prepared.plan.inputs[".env"] == digest((made.folder / ".env").read_bytes())
    assert prepared.plan.inputs["docker-compose.override.yml"] is None
    assert prepared.plan.inputs.keys() >= {"docker-compose.yml", "volumes/api/kong.yml"}


def test_modes(made: Deployment) -> None:
    (made.folder / ".env").chmod(0o640)
    prepared = planned(made, Step("A", edits=publishing(made)))
    modes = {one.path: one.after.mode for one in prepared.plan.writes}
    assert modes == {".env": 0o640, "docker-compose.override.yml": 0o600}


def test_changes_are_told_in_words(made: Deployment) -> None:
    prepared = planned(made, Step("A", edits=publishing(made)))
    env = prepared.plan.writes[0]
    kid, standby = made.keys.ec.kid[:6], made.keys.standby.kid[:6]
    assert isinstance(env, WriteFile)
    keys, jwks = env.changes
    signing = f"[3 keys: {kid}… sign, {standby}… verify only, private, legacy] ("
    assert keys.startswith(f"JWT_KEYS: empty → {signing}")
    verifying = f"[3 keys: {kid}… verify, {standby}… verify, legacy] ("
    assert jwks.startswith(f"JWT_JWKS: empty → {verifying}")


def test_nothing_secret_is_in_what_is_shown_or_written_down(made: Deployment) -> None:
    prepared = planned(made, Step("A", edits=publishing(made)), style=Style(in_place=True))
    shown = plan_text(prepared.plan) + prepared.diff + repr(prepared)
    env = made.text(".env") + made.keys.jwt_keys
    for line in env.splitlines():
        value = line.partition("=")[2]
        for secret in {value, *value.split('"')}:
            if len(secret) > 20 and not secret.startswith("http"):
                assert secret not in shown
    assert f"+JWT_KEYS=‹[3 keys: {made.keys.ec.kid[:6]}… sign, " in prepared.diff
    assert "+      GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}" in prepared.diff


def test_what_cannot_be_done_is_refused_while_planning(made: Deployment) -> None:
    with pytest.raises(CannotRewrite, match="not there, not even commented out"):
        planned(made, Step("A", edits=(UncommentSetting("auth", "NO_SUCH"),)))


def test_json_out_and_in(made: Deployment) -> None:
    step = Step(
        "A",
        edits=(*publishing(made), ReplaceFile("volumes/api/kong.yml", Secret("x: 1\n"))),
        services=(Reload("kong", Way.EXEC, ("kong", "reload"), ("volumes/api/kong.yml",)),),
        before=(Say("Ä"), Check("c", {"a": "b"})),
        after=(Wait(5),),
    )
    plan = planned(made, step).plan
    assert parse_plan(plan_text(plan)) == plan
    assert json.loads(plan_text(plan))["schema_version"] == 1


def edited(plan: Any, change: Any) -> str:
    change(plan)
    return json.dumps(plan)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(schema_version=2),
        lambda plan: plan.pop("inputs"),
        lambda plan: plan.update(id="../../etc"),
        lambda plan: plan.update(commands=[{"kind": "explode"}]),
        lambda plan: plan["commands"][0].update(id="a/b"),
        lambda plan: plan["commands"][1].update(id=plan["commands"][0]["id"]),
        lambda plan: plan["commands"][0].update(step=7),
        lambda plan: plan["commands"][0].update(step="0"),
    ],
)
def test_a_plan_that_is_none_is_refused(made: Deployment, change: Any) -> None:
    document = plan_document(planned(made, Step("A", edits=publishing(made))).plan)
    with pytest.raises(UnreadablePlan):
        parse_plan(edited(document, change))
    for text in ("", "[]", "nonsense"):
        with pytest.raises(UnreadablePlan):
            parse_plan(text)

"""``keyturn rotate`` and ``deliver``."""

from __future__ import annotations

from tests.cli_migrate.conftest import QUIET
from tests.support.command import RunWith
from tests.support.deployments import Deployment
from tests.support.live_deployments import JWKS, with_rest_file


def test_the_first_rotation_waits_because_nobody_saw_the_standby_published(
    run: RunWith, asymmetric: Deployment
) -> None:
    waits = run("rotate", str(asymmetric.folder), *QUIET)
    assert waits.code == 75
    assert "20 min" in waits.err
    assert asymmetric.keys.ec.kid in (asymmetric.get("JWT_KEYS") or "")


def test_an_emergency_wants_the_name_typed_and_says_what_it_breaks(
    run: RunWith, asymmetric: Deployment
) -> None:
    folder, kid = str(asymmetric.folder), asymmetric.keys.ec.kid
    refused = run("rotate", folder, "--revoke", kid, *QUIET)
    assert refused.code == 2
    assert f"--confirm {kid}" in refused.err
    shown = run("rotate", folder, "--revoke", kid, "--dry-run")
    assert "refused at once" in " ".join(shown.out.split())
    done = run("rotate", folder, "--revoke", kid, "--confirm", kid, *QUIET)
    assert done.code == 0, done.err
    assert kid not in (asymmetric.get("JWT_JWKS") or "")
    assert kid not in (asymmetric.get("JWT_KEYS") or "")


def test_another_standby_is_published(run: RunWith, asymmetric: Deployment) -> None:
    done = run("rotate", str(asymmetric.folder), "--publish", *QUIET)
    assert done.code == 0, done.err
    assert (asymmetric.get("JWT_JWKS") or "").count('"kty":"EC"') == 3


def test_hs256_is_sent_to_migrate(run: RunWith, legacy: Deployment) -> None:
    refused = run("rotate", str(legacy.folder), *QUIET)
    assert refused.code == 5
    assert "keyturn migrate" in refused.err


def test_deliver_says_the_way_of_each_service_and_why(run: RunWith, asymmetric: Deployment) -> None:
    shown = run("deliver", str(asymmetric.folder), "--explain")
    assert shown.code == 0
    assert "must be recreated" in shown.out
    assert "single-tenant mode" in shown.out
    rows = run("deliver", str(asymmetric.folder), "--json").json["deliveries"]
    assert {one["service"] for one in rows} >= {"auth", "rest", "realtime", "storage", "functions"}


def test_deliver_and_the_plan_say_the_same_of_who_can_be_told(
    run: RunWith, asymmetric: Deployment
) -> None:
    folder = str(with_rest_file(asymmetric).folder)
    rest = next(
        one
        for one in run("deliver", folder, "--json").json["deliveries"]
        if one["service"] == "rest"
    )
    assert (rest["how"], rest["command"], rest["files"]) == (
        "reloads", ["signal", "SIGUSR2"], [JWKS],
    )  # fmt: skip
    assert "Nobody notices" in run("deliver", folder).out
    shown = run("rotate", folder, "--dry-run", *QUIET)
    assert "reload rest (SIGUSR2)" in shown.out
    assert "recreate rest" not in shown.out
    key = asymmetric.keys.ec.jwk(private=False)["x"]
    assert key not in shown.out, "the content of the file is not shown"


def test_confirm_belongs_to_revoke(run: RunWith, asymmetric: Deployment) -> None:
    assert run("rotate", str(asymmetric.folder), "--confirm", "x").code == 2


def test_an_emergency_is_not_taken_for_the_rotation_under_way(
    run: RunWith, asymmetric: Deployment
) -> None:
    folder, kid = str(asymmetric.folder), asymmetric.keys.ec.kid
    assert run("rotate", folder, *QUIET).code == 75
    refused = run("rotate", folder, "--revoke", kid, "--confirm", kid, *QUIET)
    assert refused.code == 3
    assert "under way: “Turn the key" in refused.err
    assert f"keyturn rotate rollback {folder}" in refused.err
    migrating = run("migrate", folder, *QUIET)
    assert migrating.code == 3
    assert run("rotate", "rollback", folder, *QUIET).code == 0
    assert run("rotate", folder, "--revoke", kid, "--confirm", kid, *QUIET).code == 0


def test_a_rotation_every_so_often_is_a_schedule(run: RunWith, asymmetric: Deployment) -> None:
    refused = run("rotate", str(asymmetric.folder), "--every", "90d")
    assert refused.code == 2
    assert f"keyturn schedule {asymmetric.folder} --every 90d" in refused.err

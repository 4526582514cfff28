"""A rehearsal of a healthy deployment is green, and says how far an old one can go."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rehearse.stage import FEW, naively, phase, reasons, rehearsed
from tests.support.deployments import healthy

from keyturn.deploy.inventory import Kind
from keyturn.flows.rehearse_crowd import People
from keyturn.flows.rehearse_ledger import Outcome
from keyturn.flows.rehearse_report import Report

pytestmark = pytest.mark.timeout(400)
ALL = ["before", "phase 1", "phase 2", "phase 3", "rotation", "next rotation"]


def green(report: Report) -> None:
    """Check that everybody was served and nobody else."""
    assert report.ok, reasons(report)
    assert report.complete, reasons(report)
    assert (report.refused, report.accepted) == (0, 0)
    assert sum(one.signed_out for one in report.phases) == 0
    assert all(one.requests and one.forged for one in report.phases)
    assert not report.broken_before, report.broken_before
    assert not report.cannot_move


@pytest.mark.parametrize("era", ["2026-kong", "2026-envoy"])
async def test_migration_and_two_rotations_refuse_nobody(tmp_path: Path, era: str) -> None:
    before = _bytes(healthy(tmp_path, era, asymmetric=False).folder)

    report = await rehearsed(tmp_path)

    green(report)
    assert [one.name for one in report.phases] == ALL
    assert _bytes(tmp_path) == before
    # Containers were away, and clients saw it: an interruption is no refusal.
    for name in ALL[1:]:
        longest = phase(report, name).longest
        assert longest is not None
        assert 0 < longest[1] < 60
    # Every wait of the plans was kept on the rehearsal's clock.
    assert phase(report, "phase 2").seconds > 900
    assert phase(report, "phase 3").seconds > 3600


async def test_deployment_with_asymmetric_keys_goes_on_from_there(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-envoy", asymmetric=True)

    report = await rehearsed(tmp_path)

    green(report)
    # Phase 1 again: the official script gives Storage no key of its own for signed URLs.
    assert [one.name for one in report.phases] == [one for one in ALL if one != "phase 2"]


@pytest.mark.parametrize(
    ("era", "because"),
    [("2023-kong", "auth is 2.40.1"), ("2025-kong", "knows only the bytes of JWT_SECRET")],
)
async def test_old_deployment_is_told_why_it_cannot(tmp_path: Path, era: str, because: str) -> None:
    healthy(tmp_path, era)

    report = await rehearsed(tmp_path)

    assert report.ok
    assert not report.complete
    assert [one.name for one in report.phases] == ["before", "phase 1"]
    first = phase(report, "phase 1")
    assert first.outcome is Outcome.NOT_POSSIBLE
    assert because in (first.reason or "")
    assert first.hint


async def test_old_gateway_ends_at_phase_three_and_still_turns_keys(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-kong", asymmetric=False)
    for name in ("PUBLISHABLE_KEY", "SECRET_KEY"):
        deployment.unset_setting("kong", f"SUPABASE_{name}")

    report = await rehearsed(tmp_path)

    assert report.ok, reasons(report)
    assert phase(report, "phase 2").outcome is Outcome.DONE
    assert phase(report, "phase 3").outcome is Outcome.NOT_POSSIBLE
    assert "only the legacy API keys" in (phase(report, "phase 3").reason or "")
    assert phase(report, "next rotation").outcome is Outcome.DONE


async def test_who_keeps_the_legacy_keys_is_refused_by_phase_three(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-kong", asymmetric=False)

    report = await rehearsed(tmp_path, People(1, 1, 1, 1, keep_legacy=1))

    assert not report.ok
    assert phase(report, "phase 1").refused == phase(report, "phase 2").refused == 0
    third = phase(report, "phase 3")
    assert {one.act.who for one in third.refusals} == {"an old application", "an old cron job"}
    assert any("would stop here" in note for note in third.notes)
    assert all(one.why for one in third.refusals)


async def test_the_article_to_the_letter_is_red_where_it_breaks(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-envoy", asymmetric=False)

    report = await naively(tmp_path, "article")

    first, again, third = (phase(report, n) for n in ("phase 1", "phase 1 again", "phase 3"))
    assert any("auth does not start" in note for note in first.notes)
    # Whether somebody asks Auth while it is down is chance; REST is asked all the time.
    assert Kind.REST in {one.act.service for one in first.refusals}
    # Realtime and Functions do not read JWT_JWKS, so they know no ES256 token.
    refused = {one.act.service for one in again.refusals if "ES256 user" in one.credential}
    assert {Kind.REALTIME, Kind.FUNCTIONS} <= refused
    # Without its oct key PostgREST refuses the legacy keys, and three services do not.
    assert Kind.REST in {one.act.service for one in third.refusals if "HS256" in one.credential}
    still = {one.service for one in third.intrusions if one.direct}
    assert still == {Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS}


async def test_the_script_again_is_no_rotation(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-kong", asymmetric=False)

    report = await naively(tmp_path, "script", FEW)

    assert phase(report, "first run").accepted == 0
    second = phase(report, "second run")
    sessions = {one.act.service for one in second.refusals if "ES256 user" in one.credential}
    assert {Kind.AUTH, Kind.REST, Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS} <= sessions
    assert any("secret key" in one.credential for one in second.refusals)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }

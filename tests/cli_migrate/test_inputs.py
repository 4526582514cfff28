"""Folders that are not as they should be: refused with the place and the remedy, or told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli_migrate.conftest import QUIET, state
from tests.support.command import Outcome, RunWith
from tests.support.deployments import Deployment, compact, healthy

SHOWN = ("--dry-run", "--no-probe")
Change = Callable[[Deployment], object]


def flat(outcome: Outcome) -> str:
    """Everything that was said, on one line."""
    return " ".join((outcome.out + outcome.err).split())


def dangling(made: Deployment) -> None:
    made.remove(".env")
    (made.folder / ".env").symlink_to("nowhere")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        pytest.param(lambda made: made.remove(".env"), "There is no .env here", id="no .env"),
        pytest.param(dangling, "a link that leads nowhere", id="a dangling link"),
        pytest.param(
            lambda made: made.set("JWT_SECRET", ""),
            ".env:3: JWT_SECRET has no value",
            id="no secret",
        ),
        pytest.param(
            lambda made: made.set("JWT_SECRET", "ENC[AES256_GCM,data:x=,iv:x=,tag:x=,type:str]"),
            ".env:3: JWT_SECRET is encrypted by SOPS here",
            id="SOPS",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_asked_for(
    run: RunWith, legacy: Deployment, break_it: Change, said: str
) -> None:
    break_it(legacy)
    before = state(legacy.folder)
    refused = run("migrate", str(legacy.folder), *QUIET)
    assert refused.code == 5
    assert said in flat(refused)
    assert state(legacy.folder) == before
    assert not (legacy.folder / ".keyturn").exists()


def test_an_encrypted_file_is_not_turned_either(run: RunWith, asymmetric: Deployment) -> None:
    asymmetric.set("JWT_KEYS", "ENC[AES256_GCM,data:x=,iv:x=,tag:x=,type:str]")
    refused = run("rotate", str(asymmetric.folder), *SHOWN)
    assert (refused.code, "JWT_KEYS is encrypted by SOPS" in refused.err) == (5, True)


def test_a_service_that_is_not_started_is_named(run: RunWith, legacy: Deployment) -> None:
    """Who runs it all the same would have a Storage that does not know the keys."""
    legacy.rewrite("docker-compose.yml", in_a_profile)
    told = run("migrate", str(legacy.folder), *SHOWN)
    assert "storage is not started: none of its profiles is switched on" in flat(told)
    assert "--profile: it would not know the new keys" in flat(told)
    named = run("migrate", str(legacy.folder), *SHOWN, "--profile", "files")
    assert "is not started" not in flat(named)
    assert "recreate storage" in named.out


def in_a_profile(text: str) -> str:
    """Put Storage into a profile."""
    return text.replace("  storage:\n", '  storage:\n    profiles: ["files"]\n')


def test_what_stands_in_the_way_of_phase_three_is_told_before_phase_one(
    run: RunWith, tmp_path: Path
) -> None:
    made = healthy(tmp_path, "2025-kong", asymmetric=False).set("FUNCTIONS_VERIFY_JWT", "false")
    told = run("migrate", str(made.folder), *SHOWN)
    assert told.code == 0, told.err
    assert "note: Phase 3 will not be possible as it is." in flat(told)
    assert "Update the gateway's files to the current release" in flat(told)


def test_a_deployment_without_a_gateway_is_not_blamed_for_an_old_one(
    run: RunWith, legacy: Deployment
) -> None:
    legacy.remove_service("api-gw")
    told = flat(run("migrate", str(legacy.folder), *SHOWN))
    assert "No gateway of Supabase's (Kong or Envoy) is in these files" in told
    assert "knows only the legacy API keys" not in told


def test_nothing_stands_in_the_way_of_a_deployment_of_today(
    run: RunWith, legacy: Deployment
) -> None:
    assert "will not be possible" not in flat(run("migrate", str(legacy.folder), *SHOWN))


def test_a_plan_is_named_after_the_algorithm(run: RunWith, legacy: Deployment) -> None:
    folder = str(legacy.folder)
    assert "HS256 and RS256" in run("migrate", folder, *QUIET, "--alg", "RS256").out
    assert "Phase 2: Auth signs RS256" in run("migrate", folder, *SHOWN).out


def test_a_step_that_changes_nothing_says_so(run: RunWith, asymmetric: Deployment) -> None:
    shown = run("migrate", str(asymmetric.folder), "--phase", "1", *SHOWN)
    assert re.search(r"2\. Auth publishes .*\n   nothing: it is so already\n", shown.out)


def test_what_cannot_be_read_is_said_to_be_taken_for_granted(
    run: RunWith, legacy: Deployment
) -> None:
    script = "volumes/api/envoy/lds.template.yaml"
    assert "taken for granted" not in flat(run("migrate", str(legacy.folder), *SHOWN))
    legacy.remove(script)
    told = flat(run("migrate", str(legacy.folder), *SHOWN))
    assert f"{script}: the file is mounted and not there, so what it does is taken for" in told


def test_a_folder_without_a_compose_file_has_no_line_one(run: RunWith, tmp_path: Path) -> None:
    refused = run("migrate", str(tmp_path), "--dry-run")
    assert "compose.yaml: there is no compose file in this folder" in refused.err


def test_auth_that_signs_with_what_only_it_knows_leads_to_phase_one(
    run: RunWith, legacy: Deployment
) -> None:
    """ES256 in JWT_KEYS by hand, and no verifier wired: the next phase is not the second."""
    key = legacy.keys.ec.jwk(private=True)
    legacy.set("JWT_KEYS", compact([key])).uncomment_setting("auth", "GOTRUE_JWT_KEYS")
    shown = run("migrate", str(legacy.folder), *SHOWN)
    assert shown.code == 0, shown.err
    assert "1. Auth accepts the shared secret again" in shown.out
    assert "goes on signing ES256" in shown.out

"""A rehearsal tells what the user's own configuration lets it tell, and creates the rest anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.rehearse.stage import FEW, reasons, rehearsed, standing
from tests.support.deployments import healthy
from tests.support.live_deployments import JWKS, with_auth_folder, with_rest_file

from keyturn.deploy.inventory import Kind
from keyturn.migrate.commands import Way
from keyturn.secret import Secret

pytestmark = pytest.mark.timeout(300)


async def test_a_whole_rehearsal_of_services_that_are_told(tmp_path: Path) -> None:
    made = healthy(tmp_path, "2026-envoy", asymmetric=False, now=datetime.now(UTC))
    report = await rehearsed(with_auth_folder(with_rest_file(made)).folder, FEW)
    assert reasons(report) == []
    assert (report.refused, report.accepted) == (0, 0)


async def test_a_running_rest_reads_its_file_on_sigusr2_and_on_nothing_else(tmp_path: Path) -> None:
    made = with_rest_file(healthy(tmp_path, "2026-envoy", now=datetime.now(UTC)))
    user = made.keys.standby.token({"role": "anon"})
    async with standing(made.folder) as (stage, _):

        async def knows_the_key() -> bool:
            headers = {"authorization": f"Bearer {user}"}
            answer = await stage.http.send("GET", f"{stage.address(Kind.REST)}/", headers=headers)
            return "PGRST301" not in answer.headers.get("proxy-status", "")

        assert await knows_the_key()
        held = dict(stage.held(Kind.REST))
        stage.files.write(JWKS, Secret(b'{"keys":[]}'), None, in_place=True)
        assert await knows_the_key(), "it holds what it read"
        await stage.services.reload("rest", Way.SIGNAL, ("SIGUSR1",))
        assert await knows_the_key(), "SIGUSR1 is for the schema cache"
        await stage.services.reload("rest", Way.SIGNAL, ("SIGUSR2",))
        assert not await knows_the_key()
        assert stage.held(Kind.REST) == held, "its environment is that of its creation"

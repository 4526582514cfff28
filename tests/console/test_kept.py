"""What was read once is shown again only while reading it again would show the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.console.test_deployment import carry_out, sign_in
from tests.support.deployment_scene import Scene

from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.watched_files import WatchedSource
from keyturn.errors import WaitNotOver
from keyturn.flows.migrate import Wish


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A deployment before phase 1."""
    return Scene(tmp_path / "supabase")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / ".env").write_text("A=2\n"),
        lambda folder: (folder / ".env").unlink(),
        lambda folder: (folder / ".env").chmod(0o644),
        lambda folder: (folder / "absent.yml").write_text(""),
        lambda folder: (folder / "functions" / "hello").mkdir(),
        lambda folder: (folder / "functions").rename(folder / "other"),
    ],
    ids=["other content", "gone", "other mode", "there now", "new name", "moved"],
)
def test_whatever_was_asked_is_asked_again(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    """Contents, names, modes, and what was not there."""
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "functions").mkdir()
    files = WatchedSource(FolderSource(tmp_path))
    assert files.read(".env") == b"A=1\n"
    assert files.mode(".env") == 0o600
    assert files.read("absent.yml") is None
    assert files.exists("functions")
    assert files.names("functions") == ()

    assert files.unchanged()
    change(tmp_path)
    assert not files.unchanged()


async def test_the_report_is_of_the_files_as_they_are(scene: Scene) -> None:
    """Made once; made anew after an edit, a new override file, and a while."""
    seen = [await scene.bench.examine()]
    assert await scene.bench.examine() is seen[0]

    scene.deployment.comment_setting("rest", "PGRST_JWT_SECRET")
    seen.append(await scene.bench.examine())
    assert len(seen[1].report.findings) > len(seen[0].report.findings)
    (scene.deployment.folder / "docker-compose.override.yml").write_text("services: {}\n")
    seen.append(await scene.bench.examine())
    scene.containers.now += timedelta(minutes=1)
    seen.append(await scene.bench.examine())
    assert len({id(one) for one in seen}) == 4


async def test_a_refusal_is_repeated_until_its_wait_is_over(tmp_path: Path) -> None:
    """Phase 2 cannot begin at once; at the very second it may."""
    scene = Scene(tmp_path / "supabase")
    ada = await sign_in(scene)
    assert (await carry_out(ada))["problem"] is None
    with pytest.raises(WaitNotOver) as first:
        await scene.bench.plan_migration(Wish())
    with pytest.raises(WaitNotOver) as again:
        await scene.bench.plan_migration(Wish())
    assert again.value is first.value

    left = first.value.until_unix - scene.containers.now.timestamp()
    scene.containers.now += timedelta(seconds=left)
    assert (await scene.bench.plan_migration(Wish())).prepared.plan.steps

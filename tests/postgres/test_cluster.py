"""The embedded cluster: made once, owned once, recovered always, closed to everybody else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import psutil
import pytest
from tests.support.gone import gone

from keyturn.adapters.postgres.child import run_tool
from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.errors import ClusterBroken, ClusterInUse
from keyturn.adapters.postgres.install import find_install, readable_copy
from keyturn.adapters.postgres.layout import Account, unprivileged
from keyturn.adapters.postgres.postmaster import running_pid
from keyturn.secret_access import reveal

if TYPE_CHECKING:
    from tests.conftest import Eventually


@asynccontextmanager
async def connected(
    cluster: EmbeddedPostgres, role: str = "postgres", *, tcp: bool = False
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(reveal(cluster.dsn(role, tcp=tcp)).decode())
    try:
        yield connection
    finally:
        # Not close(): the server at the other end may have been killed.
        connection.terminate()


def as_user(account: Account | None) -> Callable[[], None]:
    def become() -> None:
        if account is not None:
            os.setgid(account.gid)
            os.setuid(account.uid)

    return become


async def test_killed_it_recovers_every_committed_row(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    cluster = make()
    await cluster.start()
    async with connected(cluster) as connection:
        await connection.execute("create table kept (n int primary key)")
        for n in range(200):
            await connection.execute("insert into kept values ($1)", n)
        pid = cluster.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert await gone(pid)
    assert not await cluster.ready(), "the pid file of a killed server still says ready"
    await cluster.start()
    async with connected(cluster) as connection:
        assert await connection.fetchval("select count(*) from kept") == 200
    assert cluster.pid != pid


async def test_a_second_owner_is_refused_and_told_whose_it_is(
    make: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    first, second = make(), make()
    await first.start()
    with pytest.raises(ClusterInUse) as refused:
        await second.start()
    assert f"process {os.getpid()}" in refused.value.message
    assert str(tmp_path / "pg") in refused.value.message
    assert await first.ready(), "the refused one must not have touched the first"


async def test_stopped_and_started_it_has_the_same_data_port_and_passwords(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    first = make()
    await first.start()
    before = (first.port, reveal(first.dsn()), reveal(first.dsn("postgres", tcp=True)))
    async with connected(first) as connection:
        await connection.execute("create table kept (n int)")
    await first.stop()
    assert first.pid is None
    first.close()
    again = make()
    await again.start()
    assert (again.port, reveal(again.dsn()), reveal(again.dsn("postgres", tcp=True))) == before
    async with connected(again, tcp=True) as connection:
        assert await connection.fetchval("select to_regclass('kept') is not null") is True


async def test_a_taken_port_is_replaced_and_remembered(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    cluster = make()
    await cluster.prepare()
    old = cluster.port
    cluster.close()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", old))
        squatter.listen()
        await cluster.start()
    assert cluster.port != old
    assert (cluster.root / "port").read_text() == str(cluster.port)


async def test_only_passwords_open_it(make: Callable[..., EmbeddedPostgres]) -> None:
    cluster = make()
    await cluster.start()
    for role in ("postgres", "supabase_auth_admin", "authenticator"):
        for tcp in (False, True):
            async with connected(cluster, role, tcp=tcp) as connection:
                assert await connection.fetchval("select current_user::text") == role
    for host in (str(cluster.socket_dir), "127.0.0.1"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host=host, port=cluster.port, user="postgres", password="guess", database="postgres"
            )


async def test_what_it_writes_is_closed_and_the_passwords_are_nowhere_else(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    cluster = make()
    await cluster.start()
    secrets = msgspec.json.decode((cluster.root / "passwords.json").read_bytes())
    assert stat.S_IMODE((cluster.root / "passwords.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(cluster.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.layout.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.socket_dir.stat().st_mode) == 0o700
    process = psutil.Process(cluster.pid)
    texts = [repr(process.cmdline()).encode(), repr(process.environ()).encode()]
    texts += [
        path.read_bytes()
        for path in cluster.root.rglob("*")
        if path.is_file() and path.name != "passwords.json"
    ]
    for password in secrets.values():
        assert all(password.encode() not in text for text in texts)
        assert password not in repr(cluster.command())


async def test_no_existing_folder_is_opened(
    make: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folders = [closed, *closed.parents, *find_install().prefix.parents, Path("/var/lib")]
    before = {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders}
    cluster = make(closed / "pg", fresh=True)
    await cluster.start()
    assert await cluster.ready()
    assert {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders} == before


async def test_it_never_runs_as_root(make: Callable[..., EmbeddedPostgres]) -> None:
    cluster = make()
    await cluster.start()
    process = psutil.Process(cluster.pid)
    assert 0 not in process.uids()
    assert 0 not in process.gids()


async def test_it_dies_with_its_killed_owner(
    make: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    program = (
        "import asyncio, sys, signal\n"
        "from pathlib import Path\n"
        "from keyturn.adapters.postgres.cluster import EmbeddedPostgres\n"
        "async def main():\n"
        "    cluster = EmbeddedPostgres(Path(sys.argv[1]))\n"
        "    await cluster.start()\n"
        "    print(cluster.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "pg"), stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    owner.kill()
    await owner.wait()
    assert await gone(pid)
    heir = make()
    await heir.start()
    async with connected(heir) as connection:
        assert await connection.fetchval("select 1") == 1


async def test_an_orphan_is_stopped_by_the_next_owner(
    make: Callable[..., EmbeddedPostgres], eventually: Eventually
) -> None:
    """Where the kernel cannot tie a child to its parent, a server may outlive its owner."""
    former = make()
    await former.prepare()
    command = former.command()
    orphan = await asyncio.create_subprocess_exec(
        *command.argv[:4],
        "0",  # in place of the signal that the kernel should send
        *command.argv[5:],
        env=dict(command.env),
        cwd=command.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await eventually(former.ready)
    assert running_pid(former.layout.data) == orphan.pid
    former.close()
    heir = make()
    await heir.start()
    assert await orphan.wait() == 0, "stopped cleanly"
    assert heir.pid not in (None, orphan.pid)


async def test_a_recycled_process_id_does_not_keep_it_down(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    """After a reboot the id of the dead server may be anybody's: here, a process of its user."""
    cluster = make()
    await cluster.start()
    pid = cluster.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await gone(pid)
    cluster.close()
    stranger = await asyncio.create_subprocess_exec(
        "/bin/sleep", "60", preexec_fn=as_user(unprivileged("nobody"))
    )
    file = cluster.root / "data" / "postmaster.pid"
    file.write_text(file.read_text().replace(str(pid), str(stranger.pid), 1))
    await cluster.start()
    assert cluster.pid not in (None, stranger.pid)
    assert stranger.returncode is None, "the stranger is left alone"
    stranger.kill()
    await stranger.wait()


async def test_a_long_path_gets_a_short_socket_that_goes_away(
    make: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 5)
    cluster = make(deep / "pg")
    await cluster.start()
    assert len(os.fsencode(cluster.socket_dir)) < 80
    async with connected(cluster) as connection:
        assert await connection.fetchval("select 1") == 1
    folder = cluster.socket_dir
    await cluster.stop()
    cluster.close()
    assert not folder.exists()


async def test_an_interrupted_initdb_counts_for_nothing(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    cluster = make()
    await cluster.prepare()
    cluster.close()
    (cluster.root / "data").rename(cluster.root / "data.tmp.1")
    await cluster.start()
    assert not (cluster.root / "data.tmp.1").exists()


async def test_damaged_passwords_are_explained(make: Callable[..., EmbeddedPostgres]) -> None:
    cluster = make(fresh=True)
    cluster.root.mkdir(parents=True)
    (cluster.root / "passwords.json").write_text("{")
    with pytest.raises(ClusterBroken, match=r"passwords\.json"):
        await cluster.prepare()


async def test_a_server_that_will_not_start_says_why(
    make: Callable[..., EmbeddedPostgres],
) -> None:
    cluster = make()
    await cluster.prepare()
    (cluster.layout.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ClusterBroken, match="no_such_setting"):
        await cluster.start()


def test_a_user_without_a_name_is_told_what_to_do(tmp_path: Path) -> None:
    """As initdb says it in a container that runs as a bare number."""
    said = "initdb: could not look up effective user ID 4321: user does not exist"
    program = ("/bin/sh", "-c", f"echo '{said}' >&2; exit 1")
    with pytest.raises(ClusterBroken, match="4321") as refused:
        run_tool(program, {}, None, cwd=tmp_path)
    assert "/etc/passwd" in (refused.value.hint or "")


def test_the_copied_binaries_run(tmp_path: Path) -> None:
    copy = readable_copy(find_install(), tmp_path)
    assert readable_copy(find_install(), tmp_path) == copy, "made once per build"
    for name in ("postgres", "initdb", "psql", "pg_dump", "pgbench"):
        done = subprocess.run([copy.binary(name), "--version"], capture_output=True, text=True)
        assert "18." in done.stdout, done.stderr
    assert [each.name for each in tmp_path.iterdir()] == [copy.site.name]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kt-shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def test_binaries_behind_a_closed_door_are_copied_not_opened(
    tmp_path: Path, shared: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    install = readable_copy(find_install(), closed)
    cluster = EmbeddedPostgres(tmp_path / "pg", install=install, shared=shared)
    try:
        await cluster.start()
        async with connected(cluster) as connection:
            assert await connection.fetchval("select 1") == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        await cluster.stop()
        cluster.destroy()

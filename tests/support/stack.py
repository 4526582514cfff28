"""A running ``keyturn up`` for tests, driven as a user would: through its command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

NOTES = """
create table if not exists public.notes (
  id bigint generated always as identity primary key,
  owner uuid not null default auth.uid(),
  body text not null
);
alter table public.notes enable row level security;
drop policy if exists own on public.notes;
create policy own on public.notes to authenticated
  using (owner = auth.uid()) with check (owner = auth.uid());
create or replace function public.whoami() returns json language sql stable
  as $$ select json_build_object('role', current_setting('role')) $$;
notify pgrst, 'reload schema';
"""


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings that would leak into the stack."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GOTRUE_", "KEYTURN_", "PG", "DATABASE_", "SUPABASE_"))
    }
    return {**kept, **(extra or {})}


def keyturn(
    *args: str,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    timeout: float = 90,
) -> subprocess.CompletedProcess[str]:
    """Run one ``keyturn`` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "keyturn", *args],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=cwd,
        timeout=timeout,
        check=False,
    )


def eventually(check: Callable[[], bool], *, within: float, what: str) -> float:
    """Poll until ``check()`` holds; returns the seconds it took, fails after ``within``."""
    started = time.monotonic()
    pause = 0.01
    while not check():
        if time.monotonic() - started > within:
            raise AssertionError(f"not within {within} s: {what}")
        # A short real pause between polls; the poll ends the wait, not the clock.
        select_pause(pause)
        pause = min(pause * 1.5, 0.1)
    return time.monotonic() - started


def select_pause(seconds: float) -> None:
    """Give the processes under test the core for a moment."""
    import select

    select.select([], [], [], seconds)


@dataclass
class Stack:
    """One data directory with a detached ``keyturn up``."""

    data_dir: Path
    port: int
    env: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)

    def up(self) -> Stack:
        """Start (or resume) and wait until it is ready."""
        done = keyturn(
            "up", "--detach", "--json", "--port", str(self.port), "--data-dir", str(self.data_dir),
            *self.args, env=self.env,
        )  # fmt: skip
        assert done.returncode == 0, (
            f"keyturn up failed ({done.returncode})\n{done.stdout}\n{done.stderr}"
        )
        self.info = json.loads(done.stdout)
        return self

    def down(self) -> None:
        """Stop everything; fails when that does not work."""
        done = keyturn("down", "--data-dir", str(self.data_dir))
        assert done.returncode == 0, done.stdout + done.stderr

    def cli(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command against this stack's data directory."""
        return keyturn(*args, env={**self.env, "KEYTURN_DATA_DIR": str(self.data_dir)}, stdin=stdin)

    def json(self, *args: str, stdin: str = "") -> Any:
        """The JSON answer of a command that must succeed."""
        done = self.cli(*args, "--json", stdin=stdin)
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    @property
    def url(self) -> str:
        """The gateway's address, without a trailing slash."""
        return str(self.info["api_url"]).rstrip("/")

    @property
    def publishable(self) -> dict[str, str]:
        """Request headers of an anonymous client."""
        return {"apikey": self.info["publishable_key"]}

    def pids(self) -> dict[str, int]:
        """The process id of each running part, by name."""
        status = self.json("status")
        return {part["name"]: part["pid"] for part in status["parts"] if part["pid"]}

    def sql(self, statement: str, *args: object) -> list[asyncpg.Record]:
        """Run SQL as the database's superuser."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.info["database_url"])
            try:
                if args:
                    return list(await connection.fetch(statement, *args))
                await connection.execute(statement)
                return []
            finally:
                await connection.close()

        return asyncio.run(run())

    def rows(self, statement: str) -> list[asyncpg.Record]:
        """Read rows as the database's superuser."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.info["database_url"])
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(run())

    def keys_in_use(self) -> list[str]:
        """Key ids with the state *in use*, read from the database."""
        rows = self.rows("select kid from keyturn.signing_keys where state = 'in_use'")
        return [row["kid"] for row in rows]

    def processes(self) -> list[psutil.Process]:
        """Every live process of this stack: the supervisor and all below it."""
        supervisor = psutil.Process(int(self.info["pid"]))
        return [supervisor, *supervisor.children(recursive=True)]

    def client(self) -> httpx.Client:
        """An HTTP client for the gateway with the publishable key."""
        return httpx.Client(base_url=self.url, headers=self.publishable, timeout=20)

    def sign_up(self, email: str, password: str) -> dict[str, Any]:
        """A new user's session."""
        with self.client() as http:
            answer = http.post("/auth/v1/signup", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            session: dict[str, Any] = answer.json()
            return session


@contextmanager
def running(
    data_dir: Path, *args: str, env: Mapping[str, str] | None = None, notes: bool = True
) -> Iterator[Stack]:
    """A stack that is stopped at the end, by its process id if it must be."""
    stack = Stack(data_dir, free_port(), dict(env or {}), args).up()
    supervisor = int(stack.info["pid"])
    try:
        if notes:
            stack.sql(NOTES)
        yield stack
    finally:
        try:
            stack.down()
        finally:
            if psutil.pid_exists(supervisor):
                os.kill(supervisor, signal.SIGKILL)

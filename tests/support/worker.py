"""A supabase-js application that keeps working while somebody turns the keys."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.stack import Stack, environment

JS: Final = Path(__file__).parents[1] / "e2e" / "js"


@asynccontextmanager
async def worker(stack: Stack, key: str = "publishable") -> AsyncIterator[dict[str, Any]]:
    """A supabase-js application at work; its report is filled when the block ends."""
    names = {"publishable_key": "PUBLISHABLE_KEY", "anon_key": "ANON_KEY"}
    env = {name: stack.info[field] for field, name in names.items() if stack.info.get(field)}
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("node")),
        "--no-warnings",
        "keeps_working.mjs",
        cwd=JS,
        env=environment({**env, "API_URL": stack.url, "KEY": key}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    report: dict[str, Any] = {}
    try:
        assert (await process.stdout.readline()).strip() == b"ready"
        yield report
        process.stdin.close()
        report |= json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.stdin.close()
            await process.wait()

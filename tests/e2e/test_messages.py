"""Links and codes with the official client: every mail is caught by the stack's own inbox."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.support.stack import environment, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("messages"), pytest.mark.timeout(240)]
INBOX = "/admin/api/v1/projects/self-hosted/inbox"
JS = Path(__file__).parent / "js"


def test_supabase_js_with_confirmation(tmp_path: Path) -> None:
    settings = {"GOTRUE_MAILER_AUTOCONFIRM": "false", "GOTRUE_SMTP_MAX_FREQUENCY": "0s"}
    program = shutil.which("node")
    assert program, "node was not found; install Node 20 or newer"
    with running(tmp_path / "data", env=settings, notes=False) as stack:
        named = {
            "API_URL": stack.url,
            "PUBLISHABLE_KEY": stack.info["publishable_key"],
            "SECRET_KEY": stack.info["secret_key"],
        }
        done = subprocess.run(
            [program, "--no-warnings", "--test", "messages.test.mjs"],
            cwd=JS,
            env=environment(named),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # Links and codes open doors: who reads them shows a key, and the old address as well.
        key = {"apikey": stack.info["secret_key"]}
        kept = httpx.get(f"{stack.url}/inbox.json", headers=key, follow_redirects=True)
        assert kept.json()["messages"]
        assert httpx.get(f"{stack.url}/inbox.json", follow_redirects=True).status_code == 401
        # Another site's name that points here reads nothing, and the page asks who looks.
        rebound = httpx.get(f"{stack.url}{INBOX}", headers={**key, "host": "evil.example"})
        assert rebound.status_code in {403, 404}
        assert httpx.get(f"{stack.url}/inbox").status_code == 303

"""Starts the OpenID Connect provider of ``oidc_provider/`` and is the browser of its users."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

FOLDER = Path(__file__).parent / "oidc_provider"
CLIENT_ID, CLIENT_SECRET = "keyturn", "a-secret-of-the-test-provider"
CALLBACK = "http://auth.test/callback"


@dataclass
class OidcProvider:
    """A running provider."""

    issuer: str
    trusted: Path | None = None
    """The certificate that it shows."""

    @property
    def variables(self) -> dict[str, str]:
        """The settings of an Auth server that knows it, as the provider *google*."""
        return {
            "API_EXTERNAL_URL": "http://auth.test",
            "GOTRUE_EXTERNAL_GOOGLE_ENABLED": "true",
            "GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID": f"{CLIENT_ID},another-client",
            "GOTRUE_EXTERNAL_GOOGLE_SECRET": CLIENT_SECRET,
            "GOTRUE_EXTERNAL_GOOGLE_URL": self.issuer,
        }

    def browser(self) -> httpx.Client:
        """Return a client that trusts it."""
        return httpx.Client(verify=ssl.create_default_context(cafile=self.trusted))

    def visit(self, url: str) -> str:
        """Follow the provider's redirects until they leave it; return where to."""
        with self.browser() as browser:
            for _ in range(12):
                answer = browser.get(url)
                assert answer.is_redirect, f"{answer.status_code} {answer.text[:500]}"
                url = urljoin(url, answer.headers["location"])
                if urlsplit(url).netloc != urlsplit(self.issuer).netloc:
                    return url
        raise AssertionError("the provider redirects for ever")


@contextmanager
def oidc_provider(
    port: int, callback: str = CALLBACK, tls: tuple[Path, Path] | None = None
) -> Iterator[OidcProvider]:
    """Run the provider on ``port``; skips without Node.js or its packages.

    ``tls``: the files of a certificate for ``localhost`` and of its key.
    """
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("needs Node.js and `npm ci` in tests/support/oidc_provider")
    command = [node, "provider.mjs", str(port), callback, *map(str, tls or ())]
    with subprocess.Popen(
        command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            trusted = tls[0] if tls else None
            place = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
            yield OidcProvider(place, trusted)
        finally:
            process.terminate()
            process.wait(10)

"""An application in Chromium: the official client as a page loads it, on an origin of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.support.stack import Stack

PATIENCE: Final = 20.0
_MODULES: Final = Path(__file__).parents[1] / "e2e" / "js" / "node_modules"
BUNDLE: Final = _MODULES / "@supabase/supabase-js/dist/umd/supabase.js"
_PAGE: Final = """<!doctype html><html lang="en"><title>App</title><main>App</main>
<script src="/supabase.js"></script><script>
const flowType = location.pathname.startsWith("/pkce") ? "pkce" : "implicit";
window.app = supabase.createClient(API_URL, PUBLISHABLE_KEY, {auth: {flowType}});
window.ok = async (promise) => {
  const {data, error} = await promise;
  if (error) throw new Error(`${error.code}: ${error.message}`);
  return data;
};
</script></html>"""


@contextmanager
def app_pages(stack: Stack, port: int) -> Iterator[str]:
    """Serve the application on ``localhost``; yields its origin. Paths below ``/pkce`` use PKCE."""
    text = _PAGE
    named = {"API_URL": stack.url, "PUBLISHABLE_KEY": stack.info["publishable_key"]}
    for name, value in named.items():
        text = text.replace(name, json.dumps(value))

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path == "/supabase.js"
            body = BUNDLE.read_bytes() if script else text.encode()
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if script else "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class AppPage:
    """One window of the application; its users' session lives in the window's local storage."""

    def __init__(self, page: Any) -> None:
        """``page`` is Playwright's."""
        self.page = page

    async def ask(self, call: str, *given: Any) -> Any:
        """Return the data of ``app.<call>(…given)``; a refusal is raised with its code."""
        async with asyncio.timeout(PATIENCE):
            return await self.page.evaluate(f"given => ok(app.{call}(...given))", list(given))

    async def leave(self, call: str, *given: Any) -> None:
        """Make a call that sends the window elsewhere."""
        await self.page.evaluate(f"given => {{ app.{call}(...given) }}", list(given))

    async def arrive(self, pattern: str) -> None:
        """Wait until the window is back and the client has read what the address told it."""
        await self.page.wait_for_url(pattern)
        await self.page.wait_for_function("window.app !== undefined")
        await self.page.evaluate("app.auth.initialize()")

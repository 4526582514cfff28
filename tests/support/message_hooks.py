"""Hooks on this machine that take text messages and mail: what users read there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.hook_server import SECRET, Asked
from tests.support.stack import select_pause

PATIENCE = 15.0  # seconds; messages may leave after the answer


class Taken:
    """The payloads of send-SMS and send-email hooks, oldest first; unsigned ones are refused."""

    def __init__(self) -> None:
        """Start with no messages."""
        self.documents: list[dict[str, Any]] = []
        self.port = 0

    def variables(self, *names: str) -> dict[str, str]:
        """The settings of an Auth server whose hooks (``SEND_SMS``, …) are here."""
        found = {}
        for name in names:
            found[f"GOTRUE_HOOK_{name}_ENABLED"] = "true"
            found[f"GOTRUE_HOOK_{name}_URI"] = f"http://127.0.0.1:{self.port}/"
            found[f"GOTRUE_HOOK_{name}_SECRETS"] = SECRET
        return found

    def code(self, number: str, count: int = 1) -> str:
        """Return the newest of at least ``count`` codes sent to ``number`` (without ``+``)."""
        texts = self._waited(lambda told: told.get("sms", {}).get("phone") == number, count)
        return str(texts[-1]["sms"]["otp"])

    def mail(self, address: str, kind: str, count: int = 1) -> dict[str, Any]:
        """Return ``email_data`` of the newest of at least ``count`` mails of ``kind``."""

        def fits(told: dict[str, Any]) -> bool:
            data = told.get("email_data", {})
            return bool(told["user"]["email"] == address and data.get("email_action_type") == kind)

        found: dict[str, Any] = self._waited(fits, count)[-1]["email_data"]
        return found

    def _waited(self, fits: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while len(found := [told for told in list(self.documents) if fits(told)]) < count:
            assert time.monotonic() < deadline, f"only {len(found)} of {count}"
            select_pause(0.02)
        return found


@contextmanager
def messages_taken() -> Iterator[Taken]:
    """Take messages until the end of the block."""
    kept = Taken()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked = Asked({name.lower(): text for name, text in self.headers.items()}, body)
            right = asked.signed_by()
            if right:
                kept.documents.append(asked.document)
            self.send_response(200 if right else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

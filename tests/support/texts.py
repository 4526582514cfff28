"""The telephones of users: a send-SMS hook on this machine that keeps every code."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.hook_server import SECRET, Asked
from tests.support.stack import select_pause

PATIENCE = 15.0  # seconds; messages may leave after the answer


class Telephones:
    """What was sent to which number, oldest first; unsigned requests are refused."""

    def __init__(self) -> None:
        """Start with no messages."""
        self.sent: list[tuple[str, str]] = []
        self.port = 0

    @property
    def variables(self) -> dict[str, str]:
        """The settings of an Auth server that sends here."""
        return {
            "GOTRUE_HOOK_SEND_SMS_ENABLED": "true",
            "GOTRUE_HOOK_SEND_SMS_URI": f"http://127.0.0.1:{self.port}/",
            "GOTRUE_HOOK_SEND_SMS_SECRETS": SECRET,
        }

    def code(self, number: str, count: int = 1) -> str:
        """Return the newest of at least ``count`` codes sent to ``number`` (without ``+``)."""
        deadline = time.monotonic() + PATIENCE
        while True:
            codes = [code for to, code in self.sent if to.lstrip("+") == number]
            if len(codes) >= count:
                return codes[-1]
            assert time.monotonic() < deadline, f"no code {count} to {number}: {self.sent}"
            select_pause(0.02)


@contextmanager
def telephones() -> Iterator[Telephones]:
    """Take text messages until the end of the block."""
    kept = Telephones()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked = Asked({name.lower(): text for name, text in self.headers.items()}, body)
            right = asked.signed_by()
            if right:
                told = asked.document
                number = told["sms"].get("phone") or told["user"]["phone"]
                kept.sent.append((number, told["sms"]["otp"]))
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

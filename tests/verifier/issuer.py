"""An issuer on a real port whose JWKS endpoint can be made slow, dead, rude or wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from keyturn import CachePolicy, Verifier
from keyturn.adapters.jwks_fetch import JwksFetcher
from keyturn.jose.jwks import public_jwks
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate
from keyturn.verify.policy import Policy
from keyturn.verify.reports import Alarm
from keyturn.wiring.verifier_alarms import Alarms
from keyturn.wiring.verifier_counters import Counters
from keyturn.wiring.verifier_remote import RemoteKeys

ISSUER = "https://project.example/auth/v1"
AUDIENCE = "authenticated"
POLICY = Policy(algorithms=frozenset({"ES256", "RS256"}), issuer=ISSUER, audience=AUDIENCE)
OLD, NEW, STRANGE = (generate("ES256", kid=kid) for kid in ("old", "new", "strange"))
HOST = "127.0.0.1"


def token(key: SigningKey, **claims: object) -> str:
    """A good token of ``key``, unless ``claims`` make it a bad one."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "exp": int(time.time()) + 900}
    return encode({**good, **claims}, key)


class Gate:
    """Holds answers back until it is opened, and says when the first one has come to it."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        self.open.wait(5)


class Issuer:
    """What the endpoint answers next; ``requests`` keeps the headers of every request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Mapping[str, str]] = []
        self.headers: dict[str, str] = {"cache-control": "public, max-age=600"}
        self.status = 200
        self.body: bytes | None = None
        self.keys: list[SigningKey] = [OLD]
        self.before: Callable[[], None] = lambda: None
        self.write: Callable[[Any, bytes], None] = lambda out, body: out.write(body)

    @property
    def asked(self) -> int:
        """How often the endpoint was asked."""
        return len(self.requests)

    def publish(self, *keys: SigningKey) -> None:
        """Publish these keys from now on."""
        self.keys = list(keys)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request as told."""
        self.requests.append({name.lower(): value for name, value in request.headers.items()})
        document = public_jwks(key.verifying_key() for key in self.keys)
        body = json.dumps(document).encode() if self.body is None else self.body
        status, headers, write = self.status, dict(self.headers), self.write
        self.before()
        tag = headers.get("etag")
        if status == 200 and tag and request.headers.get("if-none-match") == tag:
            status, body = 304, b""
        request.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        write(request.wfile, body)


@contextmanager
def serving() -> Iterator[Issuer]:
    """An issuer for the time of the block."""
    issuer = Issuer("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                issuer.answer(self)
            except OSError:  # the client has had enough
                self.close_connection = True

        def log_message(self, *_args: Any, **_named: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    issuer.url = f"http://{HOST}:{server.server_port}/auth/v1/.well-known/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A steady clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Bench:
    """A verifier of a real issuer, on a clock of the test."""

    def __init__(self, issuer: Issuer, policy: CachePolicy | None = None) -> None:
        self.issuer, self.clock = issuer, Clock()
        self.alarms: list[Alarm] = []
        self.cache = policy or CachePolicy()
        fetcher = JwksFetcher(
            issuer.url,
            deadline=self.cache.fetch_deadline,
            max_bytes=self.cache.max_bytes,
            allow_http_hosts={HOST},
        )
        counters = Counters()
        alarms = Alarms(self.alarms.append, fetcher.source, counters)
        self.keys = RemoteKeys(
            fetcher,
            self.cache,
            alarms=alarms,
            counters=counters,
            clock=self.clock,
            luck=lambda: 0.0,
        )
        self.verifier = Verifier(self.keys, POLICY, token_cache=None)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait, in real time, for the background to have done something."""
        until(condition)

    def count(self, name: str) -> int:
        """How often ``name`` was counted."""
        return self.verifier.health().counters.get(name, 0)


def until(condition: Callable[[], bool]) -> None:
    """Wait, in real time, at most 5 s, until ``condition`` holds."""
    patience = threading.Event()
    for _ in range(500):
        if condition():
            return
        patience.wait(0.01)
    raise AssertionError("it did not happen within 5 s")

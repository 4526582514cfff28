"""The examples as they are run: a real server, a real verifier, one request with each token."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.bearers import AUDIENCE
from tests.verifier.issuer import serving

from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*_app.py"))
START = """
import runpy, sys
import uvicorn
def run(app, **_ignored):
    uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off")).run()
from uvicorn.server import Server
started = Server.startup
async def startup(self, sockets=None):
    await started(self, sockets)
    print(self.servers[0].sockets[0].getsockname()[1], flush=True)
Server.startup = startup
uvicorn.run = run
from werkzeug import serving
class Quiet(serving.WSGIRequestHandler):
    def log(self, *_args): pass
def flask_run(self, **_ignored):
    server = serving.make_server("127.0.0.1", 0, self, request_handler=Quiet)
    print(server.port, flush=True)
    server.serve_forever()
import flask
flask.Flask.run = flask_run
sys.argv = [sys.argv[1], sys.argv[2]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@contextmanager
def running(example: str, supabase: str) -> Iterator[str]:
    """The example as a process of its own on a free port; yields its address."""
    command = [sys.executable, "-c", START, str(ROOT / "examples" / example), supabase]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port.isdigit(), f"{example} did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def asked(address: str, token: str | None) -> tuple[int, dict[str, object]]:
    """Status and body of ``/whoami``."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/whoami", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, {}


@pytest.mark.parametrize("example", [name for name in EXAMPLES if name != "websocket_app.py"])
def test_it_runs_as_it_says(example: str) -> None:
    key = generate("ES256", kid="one")
    with serving() as issuer:
        issuer.publish(key)
        supabase = issuer.url.partition("/auth/v1")[0]
        claims = {"iss": f"{supabase}/auth/v1", "aud": AUDIENCE, "sub": "ada", "role": "r"}
        good = encode({**claims, "exp": int(time.time()) + 900}, key)
        stale = encode({**claims, "exp": int(time.time()) - 900}, key)
        with running(example, supabase) as address:
            status, body = asked(address, good)
            assert (status, body["sub"]) == (200, "ada")
            assert asked(address, stale)[0] == 401
            assert asked(address, None)[0] == 401
        assert issuer.asked == 1

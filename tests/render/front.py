"""A real Envoy with rendered files, in front of a server that says what reached it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.gateway.harness import free_port

from keyturn.adapters.envoy.binary import envoy_binary
from keyturn.migrate.render_envoy import FOLDER, PORT

CLUSTERS = ("auth", "rest", "realtime", "storage", "functions", "meta", "studio")


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the headers of the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


@dataclass
class Front:
    """The gateway."""

    port: int
    folder: Path

    def get(
        self, path: str, headers: Mapping[str, str], connection: HTTPConnection | None = None
    ) -> tuple[int, Any]:
        """Return the status, and what reached the service or what Envoy said itself."""
        used = connection or HTTPConnection("127.0.0.1", self.port, timeout=10)
        used.request("GET", path, headers=dict(headers))
        answer = used.getresponse()
        body = answer.read()
        if connection is None:
            used.close()
        return answer.status, json.loads(body) if answer.status == 200 else body.decode()

    def turn(self, routes: str) -> None:
        """Rename new routes into place."""
        fresh = self.folder / "rds.yaml.new"
        fresh.write_text(routes)
        fresh.rename(self.folder / "rds.yaml")

    def mount(self, routes: str, name: str) -> None:
        """Swap the routes as the kubelet does in a Secret's volume: one symbolic link turns."""
        (self.folder / name).mkdir()
        (self.folder / name / "rds.yaml").write_text(routes)
        fresh, data = self.folder / "..data_tmp", self.folder / "..data"
        fresh.symlink_to(name)
        fresh.rename(data)
        if not (self.folder / "rds.yaml").is_symlink():
            link = self.folder / "rds.link"
            link.symlink_to("..data/rds.yaml")
            link.rename(self.folder / "rds.yaml")


def bootstrap(upstream: int, folder: Path) -> dict[str, Any]:
    """Return Envoy's first file: clusters that all lead to ``upstream``, and LDS from a file."""
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}}
    clusters = [
        {
            "name": name,
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
            },
        }
        for name in CLUSTERS
    ]
    lds = {"path_config_source": {"path": f"{folder}/lds.yaml"}, "resource_api_version": "V3"}
    return {
        "node": {"id": "test", "cluster": "test"},
        "dynamic_resources": {"lds_config": lds},
        "static_resources": {"clusters": clusters},
    }


@contextmanager
def front(lds: str, rds: str, folder: Path) -> Iterator[Front]:
    """Run Envoy with the two files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    listener = lds.replace(FOLDER, str(folder)).replace("0.0.0.0", "127.0.0.1")
    (folder / "lds.yaml").write_text(listener.replace(f": {PORT}", f": {port}"))
    (folder / "rds.yaml").write_text(rds)
    config = folder / "bootstrap.json"
    config.write_text(json.dumps(bootstrap(server.server_port, folder)))
    log = (folder / "envoy.log").open("wb")
    process = subprocess.Popen(
        [str(envoy_binary()), "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id"],
        stdout=log,
        stderr=log,
    )
    try:
        made = Front(port, folder)
        _wait(made, process)
        yield made
    finally:
        process.terminate()
        process.wait(20)
        log.close()
        server.shutdown()
        server.server_close()


def _wait(made: Front, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, (made.folder / "envoy.log").read_text()[-2000:]
        try:
            if made.get("/auth/v1/verify", {})[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError((made.folder / "envoy.log").read_text()[-2000:])

"""Services that are named, speak TLS, live under a path or listen on IPv6; and long folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gateway.harness import (
    PUBLISHABLE,
    Running,
    Service,
    do,
    free_port,
    running,
    snapshot,
)
from tests.support.tls import certificate

from keyturn.adapters.envoy.gateway import EnvoyGateway
from keyturn.errors import UsageError
from keyturn.gateway.bootstrap import Listen
from keyturn.gateway.upstreams import parse_upstreams

KEY = {"apikey": PUBLISHABLE}


def start(directory: Path, service: Service, rest: str) -> Running:
    """Run a gateway whose REST service is at ``rest``."""
    urls = {"auth": f"http://127.0.0.1:{service.port}", "rest": rest}
    port = free_port()
    envoy = EnvoyGateway(directory, Listen(port=port), parse_upstreams(urls), concurrency=1)
    envoy.prepare()
    do(envoy.publish(snapshot()))
    do(envoy.validate())
    gateway = Running(envoy, port, service)
    gateway.start()
    return gateway


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("other.example", 503)])
def test_tls_services_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, status: int
) -> None:
    chain, private = certificate(tmp_path, host)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    service = Service(ssl_certfile=str(chain), ssl_keyfile=str(private)).start()
    gateway = start(tmp_path / "envoy", service, f"https://localhost:{service.port}/base/")
    try:
        response = gateway.send("GET", "/rest/v1/t?x=1", headers=KEY, timeout=20)
        assert response.status_code == status
        if status == 200:
            assert response.json()["path"] == "/base/t"
            assert dict(response.json()["headers"])["host"] == "localhost"
    finally:
        gateway.kill()
        service.stop()


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_names_and_ipv6(tmp_path: Path, host: str) -> None:
    service = Service(host="::1" if host.startswith("[") else "127.0.0.1").start()
    gateway = start(tmp_path / "envoy", service, f"http://{host}:{service.port}")
    try:
        assert gateway.reached("/rest/v1/t", KEY).headers["host"].startswith("127.0.0.1:")
    finally:
        gateway.kill()
        service.stop()


def test_a_long_folder_with_blanks(tmp_path: Path) -> None:
    with running(tmp_path / ("long name " * 12) / "envoy") as gateway:
        assert len(str(gateway.envoy.directory)) > 107
        gateway.publish(snapshot(()))
        assert gateway.send("GET", "/rest/v1/t", headers=KEY).status_code == 401


def test_a_proxy_in_front_is_believed_when_told_so(tmp_path: Path) -> None:
    said = {
        "x-forwarded-for": "6.6.6.6, 203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "api.example",
    }
    with running(tmp_path / "envoy", trusted_hops=1) as gateway:
        seen = gateway.reached("/rest/v1/t", {**KEY, **said}).headers
    assert seen["x-forwarded-for"] == "203.0.113.9"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-forwarded-host"] == "api.example"


def test_a_configuration_that_envoy_refuses_is_reported(tmp_path: Path) -> None:
    upstreams = parse_upstreams({"auth": "http://127.0.0.1:1"})
    envoy = EnvoyGateway(tmp_path, Listen(host="not an address"), upstreams)
    assert envoy.prepare()
    assert not envoy.prepare()
    do(envoy.publish(snapshot()))
    with pytest.raises(UsageError, match="not an address"):
        do(envoy.validate())
